"""Lays recorded decisions out as trials: who was offered what or, held out by an experiment, went without, and what
opened in the window after. What `nextbest models uplift` reads.

A customer held out of one action has a row wherever it would have been shown, whoever is not wherever it was. Of all
offers together every customer has one row, from the first decision in the experiment.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

import polars as pl

from api import decision_record, replay
from api.archiving.makers import Makers, NotHere
from api.decision_record import DecisionRecord
from api.experiments.attribution import shares_of
from api.experiments.recorded import Openings
from api.serving import RecordUnreadable
from engine.actions import Tier
from engine.experiments import HOLDOUT
from engine.facts import NUMERIC, FactSpec, FactType, Held
from engine.ids import ActionId
from engine.plan import Experiment, Plan
from models.features import features_of
from models.uplift.effects import ALL_OFFERS

_DAY_S: Final = 86_400
_READ: Final = (*NUMERIC, FactType.CATEGORY, FactType.BOOLEAN, FactType.SET)


class Reading(Protocol):
    """Reads what recorded decisions were made of."""

    def plan(self, record: DecisionRecord) -> Plan:
        """The rules that made a decision.

        Raises:
            NotHere: they or their model are not kept.
        """

    def profile(self, record: DecisionRecord) -> list[Held]:
        """What was known of the customer."""


class KeptReading:
    """Reads by what the data folder keeps of rules and models."""

    def __init__(self, makers: Makers) -> None:
        self._makers = makers

    def plan(self, record: DecisionRecord) -> Plan:
        """See `Reading.plan`."""
        return self._makers.serving(record).plan

    def profile(self, record: DecisionRecord) -> list[Held]:
        """See `Reading.profile`."""
        serving = self._makers.serving(record)
        found = serving.reader.read(replay.stored_of(record)).profile
        return list(found if found is not None else serving.plan.profile_schema.empty())


class _Chosen(NamedTuple):
    at_s: int
    customer: str
    action: str
    channel: str
    withheld: bool
    probability: float
    propensity: float | None
    products: frozenset[str]
    """Whose opening counts."""
    facts: Mapping[str, object]


@dataclass(slots=True)
class TrialGathering(Openings):
    """Gathers rows while decisions and events come in."""

    reading: Reading
    missing: Counter[str] = field(default_factory=Counter)
    """Decisions of which the rules or the model are not kept."""
    _chosen: list[_Chosen] = field(default_factory=list)
    _of_all: dict[tuple[str, str], _Chosen] = field(default_factory=dict)
    """By experiment and customer the first decision."""

    def see(self, kind: str, body: bytes) -> None:
        """Take one entry of a decision stream."""
        if kind != "r":
            return
        try:
            record = decision_record.decode(body)
            if any(arms for _, arms in record.arms):
                self._decision(record, self.reading.plan(record))
        except NotHere as gone:
            self.missing[gone.missing] += 1
        except (KeyError, ValueError, RecordUnreadable):
            self.unreadable += 1

    def _decision(self, record: DecisionRecord, plan: Plan) -> None:
        experiments = {each.id: each for each in plan.experiments}
        ran = [(experiments[name], arm) for name, arm in record.arms if name in experiments]
        trials = [(each, arm) for each, arm in ran if HOLDOUT in dict(each.arms)]
        left_alone = any(each.action is None and arm == HOLDOUT for each, arm in trials)
        for experiment, arm in trials:
            if experiment.action is None:
                self._note_first(record, plan, experiment, arm)
            elif not left_alone:
                self._note(record, plan, experiment, arm)

    def _note(self, record: DecisionRecord, plan: Plan, experiment: Experiment, arm: str) -> None:
        assert experiment.action is not None
        action = plan.actions[experiment.action]
        withheld = arm == HOLDOUT
        places = record.ghosts if withheld else record.fill
        if action.gives is None or not any(str(action.id) in place[1] for place in places):
            return
        products = frozenset({str(action.gives)})
        self._chosen.append(self._row(record, plan, experiment, str(action.id), products, withheld=withheld))

    def _note_first(self, record: DecisionRecord, plan: Plan, experiment: Experiment, arm: str) -> None:
        key = (experiment.id, record.record)
        earlier = self._of_all.get(key)
        if earlier is not None and earlier.at_s <= record.decided_at_us // 1_000_000:
            return
        given = frozenset(str(each.gives) for each in plan.actions if each.tier == Tier.OFFER and each.gives)
        self._of_all[key] = self._row(record, plan, experiment, ALL_OFFERS, given, withheld=arm == HOLDOUT)

    def _row(
        self,
        record: DecisionRecord,
        plan: Plan,
        experiment: Experiment,
        action: str,
        products: frozenset[str],
        *,
        withheld: bool,
    ) -> _Chosen:
        return _Chosen(
            at_s=record.decided_at_us // 1_000_000,
            customer=record.record,
            action=action,
            channel=record.channel,
            withheld=withheld,
            probability=1.0 - shares_of(experiment)[HOLDOUT],
            propensity=dict(record.scores).get(ActionId(action)),
            products=products,
            facts=dict(_facts(plan, self.reading.profile(record))),
        )

    def table(self, *, now_s: int, window_days: int) -> pl.DataFrame:
        """The rows whose window has passed, in order of time."""
        closed_s = now_s - window_days * _DAY_S
        rows = sorted(
            (each for each in (*self._chosen, *self._of_all.values()) if each.at_s <= closed_s),
            key=lambda each: (each.at_s, each.customer, each.action),
        )
        names = sorted({name for each in rows for name in each.facts})
        return pl.DataFrame(
            {
                "time": [datetime.fromtimestamp(each.at_s, UTC) for each in rows],
                "customer": [each.customer for each in rows],
                "action": [each.action for each in rows],
                "channel": [each.channel for each in rows],
                "withheld": [each.withheld for each in rows],
                "treatment_probability": [each.probability for each in rows],
                "propensity": pl.Series([each.propensity for each in rows], dtype=pl.Float64),
                "outcome": [self._opened(each, window_days * _DAY_S) for each in rows],
                **{name: pl.Series([each.facts.get(name) for each in rows], strict=False) for name in names},
            }
        )

    def _opened(self, row: _Chosen, window_s: int) -> bool:
        return any(
            row.at_s <= at_s < row.at_s + window_s and product in row.products
            for at_s, product in self.openings.get(row.customer, ())
        )


def _facts(plan: Plan, profile: list[Held]) -> Iterator[tuple[str, object]]:
    """What a model may read of a customer."""
    readable = {feature.fact for feature in features_of(plan).customer}
    values = plan.profile_schema.decode(profile)
    for spec in plan.profile_schema.columns:
        if spec.name in readable and spec.name in values and spec.type in _READ:
            yield str(spec.name), _plain(spec, values[spec.name])


def _plain(spec: FactSpec, value: object) -> object:
    if spec.type is FactType.SET:
        return sorted(map(str, value))  # type: ignore[call-overload]  # a set's value is a tuple of words
    return float(str(value)) if spec.type in NUMERIC else value
