"""Who was in which arm, and who converted in the window after: everyone counts, offered or not.

A conversion is the opening of a product that the compared actions give, as the core systems report it. Outcomes of kind
`convert` count as well where every arm is shown offers: they need an offer to answer.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from api import decision_record
from api.entries import OutcomeEntry
from api.experiments.recorded import Account
from engine.actions import Action, Tier
from engine.experiments import HOLDOUT
from engine.plan import Experiment, Plan
from models import lift
from models.lift import Comparison, Counted

_DAY_S: Final = 86_400
_CONVERT: Final = "convert"


@dataclass(slots=True)
class Member:
    """A customer of an experiment."""

    arm: str
    since_s: int
    """The first decision in the experiment."""
    shown: bool = False
    """Whether an action that is compared was shown, or would have been without a holdout."""


@dataclass(slots=True)
class Observed(Account):
    """What was recorded, as far as experiments ask."""

    compared: Mapping[str, frozenset[str]]
    """By experiment the actions that it compares."""
    members: dict[str, dict[str, Member]] = field(default_factory=dict)
    """By experiment and customer."""
    strays: dict[str, set[str]] = field(default_factory=dict)
    """Customers who were seen in several arms of one experiment: they count nowhere."""
    converts: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """By customer when an outcome reported the conversion of which action."""

    def decision(self, record: decision_record.DecisionRecord) -> None:
        at_s = record.decided_at_us // 1_000_000
        for experiment, arm in record.arms:
            members = self.members.setdefault(experiment, {})
            member = members.setdefault(record.record, Member(arm, at_s))
            member.since_s = min(member.since_s, at_s)
            if member.arm != arm:
                self.strays.setdefault(experiment, set()).add(record.record)
            member.shown = member.shown or not self.compared.get(experiment, _NONE).isdisjoint(_would_be(record))

    def outcome(self, outcome: OutcomeEntry) -> None:
        if outcome.outcome == _CONVERT:
            self.converts.setdefault(outcome.record, []).append((outcome.occurred_ms // 1_000, outcome.action))


def _would_be(record: decision_record.DecisionRecord) -> set[str]:
    """What was shown, or would have been without a holdout."""
    fills = [actions for _, actions, _ in record.ghosts] or [actions for _, actions in record.fill]
    return {action for actions in fills for action in actions}


_NONE: Final[frozenset[str]] = frozenset()


def observed_under(plan: Plan) -> Observed:
    """Nothing yet, to be held against the experiments of a plan."""
    return Observed(
        {each.id: frozenset(str(action.id) for action in _compared(plan, each)) for each in plan.experiments}
    )


def _compared(plan: Plan, experiment: Experiment | None) -> list[Action]:
    """The one action of an experiment on treatments; else every offer."""
    if experiment is not None and experiment.action is not None:
        return [plan.actions[experiment.action]]
    return [action for action in plan.actions if action.tier == Tier.OFFER]


# --- judging ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmReport:
    """One arm of an experiment."""

    arm: str
    share: float | None
    """Of the customers, as the rules say; None where they no longer do."""
    customers: int
    still_open: int
    """Those of them whose window has not passed; they count in no rate."""
    shown: int
    """Those to whom an action that is compared was shown, or would have been without a holdout."""
    counted: Counted
    interval: tuple[float, float]
    comparison: Comparison | None
    """With the control arm; None for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentReport:
    """What is known of an experiment."""

    experiment: str
    title: str
    known: bool
    """Whether the rules still have it."""
    control: str
    window_days: int
    level: float
    arms: tuple[ArmReport, ...]
    split_probability: float | None
    strays: int

    @property
    def mismatch(self) -> bool:
        """Whether arms did not get their shares: something loses customers of one arm, and no rate can be trusted."""
        return self.split_probability is not None and self.split_probability < lift.MISMATCH


def judge(plan: Plan, observed: Observed, *, now_s: int, window_days: int) -> tuple[ExperimentReport, ...]:
    """Every experiment that customers were seen in, in the order of the rules, then those that the rules dropped."""
    by_id = {each.id: each for each in plan.experiments}
    names = [*(name for name in by_id if name in observed.members), *sorted(observed.members.keys() - by_id.keys())]
    return tuple(_judge(plan, by_id.get(name), name, observed, now_s, window_days) for name in names)


def _judge(
    plan: Plan, experiment: Experiment | None, name: str, observed: Observed, now_s: int, window_days: int
) -> ExperimentReport:
    strays = observed.strays.get(name, set())
    members = {who: each for who, each in observed.members[name].items() if who not in strays}
    shares = shares_of(experiment)
    arms = list(shares) or sorted({each.arm for each in members.values()})
    converted = _converted(plan, experiment, observed, HOLDOUT in arms)
    closed_s = now_s - window_days * _DAY_S
    counted = {arm: _count(members, arm, closed_s, window_days * _DAY_S, converted) for arm in arms}
    control = lift.control_among(arms) if arms else ""
    level = lift.level_for(len(arms) - 1)
    return ExperimentReport(
        experiment=name,
        title=experiment.head.title if experiment is not None else name,
        known=experiment is not None,
        control=control,
        window_days=window_days,
        level=level,
        arms=tuple(
            ArmReport(
                arm=arm,
                share=shares.get(arm),
                customers=sum(each.arm == arm for each in members.values()),
                still_open=sum(each.arm == arm and each.since_s > closed_s for each in members.values()),
                shown=sum(each.arm == arm and each.shown for each in members.values()),
                counted=counted[arm],
                interval=lift.wilson(counted[arm], level),
                comparison=None if arm == control else lift.compare(counted[arm], counted[control], level),
            )
            for arm in arms
        ),
        split_probability=_split(members.values(), shares) if shares else None,
        strays=len(strays),
    )


def shares_of(experiment: Experiment | None) -> Mapping[str, float]:
    """The share of the customers that each arm gets; empty for an experiment that the rules no longer have."""
    if experiment is None:
        return {}
    ends = [0, *(end for _, end in experiment.arms)]
    whole = ends[-1]
    return {arm: (end - start) / whole for (arm, end), start in zip(experiment.arms, ends, strict=False)}


def _split(members: Iterable[Member], shares: Mapping[str, float]) -> float:
    return lift.split_probability(Counter(each.arm for each in members), shares)


_Converted = Callable[[str, int, int], bool]
"""Whether a customer converted in a span of seconds, from its first until before its last."""


def _converted(plan: Plan, experiment: Experiment | None, observed: Observed, held_out: bool) -> _Converted:
    actions = _compared(plan, experiment)
    products = {action.gives for action in actions if action.gives is not None}
    names = frozenset() if held_out else {str(action.id) for action in actions}

    def converted(customer: str, first_s: int, last_s: int) -> bool:
        opened = any(
            first_s <= at_s < last_s and product in products for at_s, product in observed.openings.get(customer, ())
        )
        return opened or any(
            first_s <= at_s < last_s and action in names for at_s, action in observed.converts.get(customer, ())
        )

    return converted


def _count(members: Mapping[str, Member], arm: str, closed_s: int, window_s: int, converted: _Converted) -> Counted:
    customers = [(who, each.since_s) for who, each in members.items() if each.arm == arm and each.since_s <= closed_s]
    return Counted(
        customers=len(customers),
        converted=sum(converted(who, since_s, since_s + window_s) for who, since_s in customers),
    )
