"""What the learning side knows: its customers, their contacts, and the rows of everything that was shown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bench.learning.world import AS_OF, Frame
from engine import Plan
from engine.contacts import Contact, ContactState
from engine.facts import HOLDS
from engine.ids import ActionId
from models.arrays import Codes, Flags, Floats
from models.bank import read_snapshots
from models.exposure import Shown
from models.features import ACTION, MOMENT, FeatureKind, describe_actions, features_of
from models.history import NEVER, count_history
from models.rates import Answers
from models.reading import CustomerReader, season
from models.rows import Outcomes, TrainingRows

LEAK: Final = "followup.calls_30d"
BEGAN_S: Final = int((datetime.fromisoformat(AS_OF).replace(tzinfo=UTC) - timedelta(weeks=104)).timestamp())
_MOST_ROWS: Final = 60_000
"""Of the old policy's contacts, how many are trained on; those without a positive answer stand for others."""
_COLUMNS: Final = ("customer", "at_s", "action", "channel", "placement", "rank", "positive")


@dataclass(slots=True)
class Shelf:
    """Rows of shown offers, day after day."""

    columns: dict[str, list[npt.NDArray[Any]]] = field(default_factory=lambda: {name: [] for name in _COLUMNS})
    matrix: list[Floats] = field(default_factory=list)
    weight: list[Floats] = field(default_factory=list)
    raw: list[Floats] = field(default_factory=list)
    """The raw score and prior that decided; NaN for the old policy's."""

    def add(self, columns: dict[str, npt.NDArray[Any]], matrix: Floats, weight: Floats, raw: Floats) -> None:
        for name in _COLUMNS:
            self.columns[name].append(columns[name])
        self.matrix.append(matrix)
        self.weight.append(weight)
        self.raw.append(raw)


class Book:
    """Everything that was seen in one world, by one policy."""

    def __init__(self, plan: Plan, folder: Path, greeting: Frame, customers: int) -> None:
        self.plan = plan
        self.features = features_of(plan, frozenset({LEAK}))
        self.offers = [plan.position_by_action[ActionId(str(name))] for name in greeting["offers"]]
        """The plan's position of each of the world's offers."""
        self.worth = greeting["values"].astype(np.float64)
        self.places = tuple(str(name) for name in greeting["placements"])
        channel_by_id = {str(channel.id): channel.position for channel in plan.channels}
        self._channels = np.array([channel_by_id[str(name)] for name in greeting["channels"]])
        self._codes = np.array(self.features.channel_codes(plan))
        self._hashes = [plan.actions[at].hash for at in self.offers]
        groups = sorted({action.group for action in plan.actions})
        self._group_by_hash = {action.hash: groups.index(action.group) for action in plan.actions}
        self._described = np.array(describe_actions(self.features, plan))[self.offers]
        self._customer, self._held_columns = self._customers(folder, customers)
        self._contacts: list[list[Contact]] = [[] for _ in range(customers)]
        self._shelf = Shelf()
        self._all: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in _COLUMNS}
        self._remember_past(greeting)

    def _customers(self, folder: Path, count: int) -> tuple[Floats, list[tuple[int, int]]]:
        """Customers x features, and which column says whether the product of which offer is held."""
        names = {f"C{number + 1:07d}": number for number in range(count)}
        schema = self.plan.profile_schema
        snapshots = read_snapshots(folder / "customers.parquet", schema, names)
        reader = CustomerReader(self.features.customer, schema)
        holds = schema.position_by_name[HOLDS]
        block = np.full((count, len(self.features.customer)), np.nan)
        for customer, profile in zip(snapshots.customer.tolist(), snapshots.profiles, strict=True):
            block[customer] = reader.read([0 if at == holds else value for at, value in enumerate(profile)])
        column_by_product = {
            feature.values[0]: column
            for column, feature in enumerate(self.features.customer)
            if feature.kind is FeatureKind.MEMBER and feature.fact == HOLDS
        }
        given = [self.plan.actions[at].gives for at in self.offers]
        return block, [(column_by_product[str(product)], at) for at, product in enumerate(given) if product]

    def _remember_past(self, greeting: Frame) -> None:
        """Take the old policy's contacts: rows of a sample, made as they stood then."""
        past = {name.removeprefix("past."): column for name, column in greeting.items() if name.startswith("past.")}
        past = {name: column[past["seen"]] for name, column in past.items()}
        order = np.argsort(past["at"], kind="stable")
        past = {name: column[order] for name, column in past.items()}
        rng = np.random.default_rng(0)
        positive = past["positive"]
        share = min(1.0, (_MOST_ROWS - positive.sum()) / max(1, (~positive).sum()))
        kept = set(np.flatnonzero(positive | (rng.random(len(positive)) < share)).tolist())
        rows = np.empty((len(kept), len(self.features.names)))
        filled = 0
        for place, (customer, at, channel, offer, declined) in enumerate(
            zip(*(past[name].tolist() for name in ("customer", "at", "channel", "offer", "declined")), strict=True)
        ):
            if place in kept:
                self._fill(rows[filled : filled + 1], customer, at, channel, [offer])
                filled += 1
            self._contact(customer, at, channel, offer, declined=declined)
        places = np.array(sorted(kept))
        self._note(past)
        self._shelf.add(
            self._outcomes({name: column[places] for name, column in past.items()}),
            rows,
            np.where(past["positive"][places], 1.0, 1.0 / share),
            np.full(len(places), np.nan),
        )

    def _contact(self, customer: int, at: int, channel: int, offer: int, *, declined: bool) -> None:
        state = int(ContactState.DECLINED if declined else ContactState.SHOWN)
        self._contacts[customer].append(
            Contact(BEGAN_S + at, self._hashes[offer], 0, int(self._channels[channel]), state, 0, 0)
        )

    def _fill(self, into: Floats, customer: int, at: int, channel: int, offers: Sequence[int]) -> None:
        """Rows of some offers for one customer, as the scorer would see them."""
        now_s = BEGAN_S + at
        history = count_history(self._contacts[customer], self._group_by_hash, now_s)
        start = self.features.start(MOMENT)
        into[:, :start] = self._customer[customer]
        into[:, start : self.features.start(ACTION)] = [
            (
                self._codes[self._channels[channel]],
                *season(now_s),
                *history.overall,
                *history.by_group.get(self._group_by_hash[self._hashes[offer]], NEVER),
                *history.by_action.get(self._hashes[offer], NEVER),
            )
            for offer in offers
        ]
        into[:, self.features.start(ACTION) :] = self._described[offers]

    def rows_of(self, day: Frame) -> Floats:
        """Rows of every offer in every slot of a day: slots times offers, one slot after another."""
        offers = list(range(len(self.offers)))
        matrix = np.empty((len(day["customer"]) * len(offers), len(self.features.names)))
        for slot, (customer, at, channel) in enumerate(
            zip(day["customer"].tolist(), day["at"].tolist(), day["channel"].tolist(), strict=True)
        ):
            self._fill(matrix[slot * len(offers) : (slot + 1) * len(offers)], customer, at, channel, offers)
        held = np.repeat(day["held"], len(offers), axis=0)
        for column, offer in self._held_columns:
            matrix[:, column] = held[:, offer]
        return matrix

    def learn(self, day: Frame, choice: Codes, rows: Floats, raw: Floats, news: Frame) -> None:
        """Take the answers of a day's choices."""
        seen = news["seen"]
        told = {name: day[name] for name in ("customer", "at", "channel", "placement")} | {
            "offer": choice,
            "rank": np.ones(len(choice), dtype=np.int64),
            "positive": news["positive"],
        }
        self._note({name: column[seen] for name, column in told.items()})
        columns = self._outcomes({name: column[seen] for name, column in told.items()})
        self._shelf.add(columns, rows[seen], np.ones(int(seen.sum())), raw[seen])
        for customer, at, channel, offer, declined in zip(
            *(told[name][seen].tolist() for name in ("customer", "at", "channel", "offer")),
            news["declined"][seen].tolist(),
            strict=True,
        ):
            self._contact(customer, at, channel, offer, declined=declined)

    def _outcomes(self, columns: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        return {
            "customer": columns["customer"].astype(np.int64),
            "at_s": BEGAN_S + columns["at"].astype(np.int64),
            "action": np.array(self.offers)[columns["offer"]],
            "channel": self._channels[columns["channel"]],
            "placement": columns["placement"].astype(np.int64),
            "rank": columns["rank"].astype(np.int64),
            "positive": columns["positive"].astype(bool),
        }

    def _note(self, columns: dict[str, npt.NDArray[Any]]) -> None:
        for name, column in self._outcomes(columns).items():
            self._all[name].append(column)

    def outcomes(self) -> Outcomes:
        """Everything that was shown, in order of time."""
        return self._joined(self._all)

    def training_rows(self) -> tuple[TrainingRows, Floats]:
        """What is trained on, with what was known at each contact, and the logits that decided it (NaN: not ours)."""
        rows = TrainingRows(
            outcomes=self._joined(self._shelf.columns),
            features=self.features,
            matrix=np.concatenate(self._shelf.matrix),
            weight=np.concatenate(self._shelf.weight),
        )
        return rows, np.concatenate(self._shelf.raw)

    def _joined(self, chunks: dict[str, list[npt.NDArray[Any]]]) -> Outcomes:
        columns = {name: np.concatenate(parts) for name, parts in chunks.items()}
        every = np.ones(len(columns["at_s"]), dtype=bool)
        none: Flags = ~every
        return Outcomes(
            placements=self.places,
            placement=columns["placement"],
            at_s=columns["at_s"],
            customer=columns["customer"],
            action=columns["action"],
            channel=columns["channel"],
            rank=columns["rank"],
            positive=columns["positive"],
            converted=columns["positive"],
            settled=every,
            uniform=none,
        )

    def shown(self, rows: Outcomes) -> Shown:
        """Rows as placement and rank are learned from them."""
        groups = sorted({action.group for action in self.plan.actions})
        group_by_action = np.array([groups.index(action.group) for action in self.plan.actions])
        return Shown(
            groups=groups,
            channels=[channel.id for channel in self.plan.channels],
            placements=rows.placements,
            references=frozenset(
                f"{channel.id}.{min(channel.placements.values(), key=lambda each: each.precedence).id}"
                for channel in self.plan.channels
                if channel.placements
            ),
            group=group_by_action[rows.action],
            channel=rows.channel,
            placement=rows.placement,
            rank=rows.rank,
            positive=rows.positive,
        )

    def answers(self, rows: Outcomes) -> Answers:
        """Rows as rates are counted on them."""
        return Answers(
            actions=[action.id for action in self.plan.actions],
            channels=[channel.id for channel in self.plan.channels],
            group_by_action={action.id: action.group for action in self.plan.actions},
            action=rows.action,
            channel=rows.channel,
            positive=rows.positive,
            converted=rows.converted,
            settled=rows.settled,
        )

    def channel_of(self, day: Frame) -> Codes:
        """The plan's channel of each slot."""
        return self._channels[day["channel"]]
