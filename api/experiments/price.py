"""What each lever costs or brings in expected value: recorded decisions are made again without it.

Expected value is propensity x value of what is shown, with the propensities that were recorded and the same draws.
Every decision is made again with the rules that made it, so that a week counts whole in which rules changed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

from api import decision_record, replay
from api.archiving.makers import Makers, NotHere
from api.decision_record import DecisionRecord
from api.serving import RecordUnreadable, Serving
from engine.decision import Decision
from engine.plan import Plan

_WEEK_S: Final = 7 * 86_400


class Remaking(Protocol):
    """Makes recorded decisions again."""

    def plan(self, record: DecisionRecord) -> Plan:
        """The rules that made a decision.

        Raises:
            NotHere: they or their model are not kept.
        """

    def again(self, record: DecisionRecord, plan: Plan) -> Decision:
        """The decision by what made it, apart from the plan."""


class KeptRemaking:
    """Makes decisions again by what the data folder keeps of rules and models; `given` stands in for its own rules."""

    def __init__(self, makers: Makers, given: Serving) -> None:
        self._makers = makers
        self._given = given

    def plan(self, record: DecisionRecord) -> Plan:
        """See `Remaking.plan`."""
        return self._serving(record).plan

    def again(self, record: DecisionRecord, plan: Plan) -> Decision:
        """See `Remaking.again`."""
        return replay.decide_again(self._serving(record), record, self._makers.exploration_key, plan=plan)[1]

    def _serving(self, record: DecisionRecord) -> Serving:
        try:
            return self._makers.serving(record)
        except NotHere:
            if record.ruleset != self._given.plan.hash:
                raise
            return self._given


def without(plan: Plan, levers: frozenset[int]) -> Plan:
    """The plan with some of its levers let go."""
    kept = tuple(
        tuple(tuple(at for at in pulled if at not in levers) for pulled in by_action)
        for by_action in plan.levers_by_action
    )
    return replace(plan, levers_by_action=kept)


@dataclass(slots=True)
class Span:
    """The time that some decisions cover."""

    first_s: int | None = None
    last_s: int | None = None

    def note(self, at_s: int) -> None:
        """Let it cover an instant."""
        self.first_s = at_s if self.first_s is None else min(self.first_s, at_s)
        self.last_s = at_s if self.last_s is None else max(self.last_s, at_s)

    @property
    def days(self) -> float:
        """Its length, a day at least where there is anything."""
        if self.first_s is None or self.last_s is None:
            return 0.0
        return max(1.0, (self.last_s - self.first_s) / 86_400)


@dataclass(slots=True)
class Tag:
    """What was counted of one lever with one percentage, or of all together; amounts in minor units."""

    lever: str | None
    """None: all together."""
    percent: float | None
    currency: str
    minor_digits: int
    span: Span = field(default_factory=Span)
    """Of the decisions whose rules had it."""
    decisions: int = 0
    """In which it pulled something that was ranked."""
    changed: int = 0
    """In which something else would have been shown without it."""
    given_up_minor: float = 0.0
    """Expected value that would have been shown besides without it; negative where it brings some."""

    @property
    def weekly(self) -> float:
        """What it costs a week, in major units; negative where it brings something."""
        days = self.span.days
        return self.given_up_minor * _WEEK_S / (86_400 * days) / 10**self.minor_digits if days else 0.0


@dataclass(slots=True, kw_only=True)
class _Pricing:
    """How a tag is priced under one version of the rules."""

    tag: Tag
    levers: frozenset[int]
    without: Plan


@dataclass(slots=True, kw_only=True)
class Version:
    """One version of the rules."""

    plan: Plan
    pricings: list[_Pricing]
    decisions: int = 0


@dataclass(slots=True)
class Ledger:
    """The price tags of levers, while decisions come in. The levers of `rules` have one in any case."""

    rules: Plan
    remaking: Remaking
    decisions: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    """Decisions that cannot be made again here, by what is not kept: `rules` or `model`."""
    different: int = 0
    """Decisions that come out differently from how they were recorded; they count in nothing."""
    unreadable: int = 0
    span: Span = field(default_factory=Span)
    versions: dict[str, Version] = field(default_factory=dict)
    """By the hash of the rules."""
    _tags: dict[tuple[str | None, float | None, str], Tag] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._version(self.rules)

    @property
    def tags(self) -> list[Tag]:
        """One for each lever and percentage, those of `rules` first; after several of them, all together."""
        each = [tag for tag in self._tags.values() if tag.lever is not None]
        together = [tag for tag in self._tags.values() if tag.lever is None]
        return each + together if len(each) > 1 else each

    def see(self, kind: str, body: bytes) -> None:
        """Take one entry of a decision stream."""
        if kind != "r":
            return
        try:
            record = decision_record.decode(body)
            self._price(record, self._version(self.remaking.plan(record)))
        except NotHere as gone:
            self.missing[gone.missing] += 1
        except (KeyError, ValueError, RecordUnreadable):
            self.unreadable += 1

    def _version(self, plan: Plan) -> Version:
        found = self.versions.get(plan.hash)
        if found is None:
            found = self.versions[plan.hash] = Version(plan=plan, pricings=list(self._pricings(plan)))
        return found

    def _pricings(self, plan: Plan) -> Iterator[_Pricing]:
        for at, lever in enumerate(plan.levers):
            only = frozenset({at})
            tag = self._tag(plan, lever.head.rule.partition("/")[2], lever.percent)
            yield _Pricing(tag=tag, levers=only, without=without(plan, only))
        if plan.levers:
            every = frozenset(range(len(plan.levers)))
            yield _Pricing(tag=self._tag(plan, None, None), levers=every, without=without(plan, every))

    def _tag(self, plan: Plan, lever: str | None, percent: float | None) -> Tag:
        return self._tags.setdefault(
            (lever, percent, plan.currency), Tag(lever, percent, plan.currency, plan.minor_digits)
        )

    def _price(self, record: DecisionRecord, version: Version) -> None:
        plan = version.plan
        found = self.remaking.again(record, plan)
        if shown_by(plan, found) != record.fill:
            self.different += 1
            return
        at_s = record.decided_at_us // 1_000_000
        self.decisions += 1
        version.decisions += 1
        self.span.note(at_s)
        worth, pulled = _worth(found), _pulled(plan, record, at_s)
        for pricing in version.pricings:
            tag = pricing.tag
            tag.span.note(at_s)
            if pricing.levers.isdisjoint(pulled):
                continue
            other = self.remaking.again(record, pricing.without)
            tag.decisions += 1
            tag.changed += shown_by(plan, other) != record.fill
            tag.given_up_minor += _worth(other) - worth


def _pulled(plan: Plan, record: DecisionRecord, at_s: int) -> frozenset[int]:
    """The levers that pulled something that was scored."""
    scored = {action for action, _ in record.scores}
    channel = next((each.position for each in plan.channels if each.id == record.channel), None)
    if channel is None:
        return frozenset()
    today = datetime.fromtimestamp(at_s, plan.zone).date().toordinal()
    return frozenset(
        at
        for action in plan.actions
        if action.id in scored
        for at in plan.levers_by_action[channel][action.position]
        if plan.levers[at].head.validity.covers(today)
    )


def shown_by(plan: Plan, decision: Decision) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What a decision shows, as its record says it: placements with their actions."""
    return tuple(
        (str(each.placement.id), tuple(str(plan.actions[option.candidate.action].id) for option in each.options))
        for each in decision.filled
    )


def _worth(decision: Decision) -> float:
    shown: Sequence[float] = [
        option.candidate.propensity * option.candidate.value for each in decision.filled for option in each.options
    ]
    return sum(shown)
