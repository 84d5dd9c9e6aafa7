"""What the learning side knows: its customers, their contacts, and the rows of everything that was shown."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bench.learning.past import Past, Tallies
from bench.learning.world import AS_OF, Frame
from engine import Plan
from engine.contacts import Contact, ContactState
from engine.facts import HOLDS
from engine.ids import ActionId
from models.arrays import Codes, Flags, Floats
from models.bank import read_snapshots
from models.features import FeatureKind, describe_actions, features_of
from models.history import DAY_S
from models.reading import CustomerReader, season
from models.rows import Outcomes, TrainingRows

LEAK: Final = "followup.calls_30d"
BEGAN_S: Final = int((datetime.fromisoformat(AS_OF).replace(tzinfo=UTC) - timedelta(weeks=104)).timestamp())
_MOST_ROWS: Final = 60_000
"""Of the old policy's contacts, how many are trained on; those without a positive answer stand for others."""
_ASKED: Final = ("customer", "at_s", "channel", "offer")
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
        groups = sorted({action.group for action in plan.actions})
        self._group = np.array([groups.index(plan.actions[at].group) for at in self.offers])
        self._described = np.array(describe_actions(self.features, plan))[self.offers]
        self._customer, self._held_columns = self._customers(folder, customers)
        self._past = Past(customers, self._group)
        self.customers = customers
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
        kept = positive | (rng.random(len(positive)) < share)
        past["at_s"] = BEGAN_S + past["at"].astype(np.int64)
        rows = self._rows_of_past(past, kept)
        places = np.flatnonzero(kept)
        self._note(past)
        self._shelf.add(
            self._outcomes({name: column[places] for name, column in past.items()}),
            rows,
            np.where(past["positive"][places], 1.0, 1.0 / share),
            np.full(len(places), np.nan),
        )

    def _rows_of_past(self, past: Frame, kept: Flags) -> Floats:
        """Rows of the contacts that are kept, day by day; all become part of the past."""
        made = []
        for day in np.split(np.arange(len(kept)), np.flatnonzero(np.diff(past["at_s"] // DAY_S)) + 1):
            told = {name: past[name][day] for name in ("customer", "at_s", "channel", "offer", "declined")}
            came, first, slot = np.unique(told["customer"], return_index=True, return_inverse=True)
            tallies = self._past.tallies(came, told["at_s"][first])
            chosen = kept[day]
            made.append(self._rows(tallies, slot[chosen], *(told[name][chosen] for name in _ASKED)))
            self._past.add(told["customer"], told["at_s"], told["offer"], told["declined"])
        return np.concatenate(made)

    def contacts(self) -> Iterator[tuple[int, Contact]]:
        """Every contact so far as a store keeps it, with its customer, oldest first."""
        for shown, declined in self._past.days():
            refused = set(zip(declined.customer.tolist(), declined.at_s.tolist(), declined.offer.tolist(), strict=True))
            for contact in zip(shown.customer.tolist(), shown.at_s.tolist(), shown.offer.tolist(), strict=True):
                customer, at_s, offer = contact
                state = ContactState.DECLINED if contact in refused else ContactState.SHOWN
                yield customer, Contact(at_s, self.plan.actions[self.offers[offer]].hash, 0, 0, state, 0, 0)

    def _rows(
        self, tallies: Tallies, slot: Codes, customer: Codes, at_s: Codes, channel: Codes, offer: Codes
    ) -> Floats:
        """Rows as the scorer would see them, one an entry; `slot` is the customer's place in the tallies."""
        return np.concatenate(
            [
                self._customer[customer],
                self._codes[self._channels[channel]][:, None],
                np.array([season(now_s) for now_s in at_s.tolist()]).reshape(-1, 2),
                tallies.overall[slot],
                tallies.by_group[slot, self._group[offer]],
                tallies.by_offer[slot, offer],
                self._described[offer],
            ],
            axis=1,
        )

    def rows_of(self, day: Frame) -> Floats:
        """Rows of every offer in every slot of a day: slots times offers, one slot after another."""
        slots, offers = len(day["customer"]), len(self.offers)
        at_s = BEGAN_S + day["at"].astype(np.int64)
        tallies = self._past.tallies(day["customer"], at_s)
        slot = np.repeat(np.arange(slots), offers)
        offer = np.tile(np.arange(offers), slots)
        matrix = self._rows(tallies, slot, day["customer"][slot], at_s[slot], day["channel"][slot], offer)
        for column, held in self._held_columns:
            matrix[:, column] = day["held"][slot, held]
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
        order = np.argsort(columns["at_s"], kind="stable")
        self._past.add(
            columns["customer"][order], columns["at_s"][order], choice[seen][order], news["declined"][seen][order]
        )

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

    def channel_of(self, day: Frame) -> Codes:
        """The plan's channel of each slot."""
        return self._channels[day["channel"]]
