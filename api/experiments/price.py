"""What each lever costs or brings in expected value: recorded decisions are made again without it.

Expected value is propensity x value of what is shown, with the propensities that were recorded and the same draws.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from api import decision_record, replay
from api.decision_record import DecisionRecord
from api.serving import RecordUnreadable, Serving
from engine.decision import Decision
from engine.plan import Plan

_WEEK_S: Final = 7 * 86_400
Again = Callable[[DecisionRecord, Plan], Decision]
"""Makes a recorded decision again with some plan."""


def again_with(serving: Serving, exploration_key: bytes) -> Again:
    """How decisions are made again by what made them, apart from the plan."""
    return lambda record, plan: replay.decide_again(serving, record, exploration_key, plan=plan)[1]


def without(plan: Plan, levers: frozenset[int]) -> Plan:
    """The plan with some of its levers let go."""
    kept = tuple(
        tuple(tuple(at for at in pulled if at not in levers) for pulled in by_action)
        for by_action in plan.levers_by_action
    )
    return replace(plan, levers_by_action=kept)


@dataclass(slots=True)
class Tag:
    """What was counted of one lever, or of all together."""

    plan: Plan
    """Without it."""
    levers: frozenset[int]
    decisions: int = 0
    """In which it pulled something that was ranked."""
    changed: int = 0
    """In which something else would have been shown without it."""
    given_up_minor: float = 0.0
    """Expected value that would have been shown besides without it; negative where it brings some."""


@dataclass(slots=True)
class Ledger:
    """The price tags of a plan's levers, while decisions come in."""

    plan: Plan
    again: Again
    decisions: int = 0
    other_rules: int = 0
    """Decisions made with other rules, which cannot be made again here."""
    different: int = 0
    """Decisions that come out differently from how they were recorded; they count in nothing."""
    unreadable: int = 0
    first_s: int | None = None
    last_s: int | None = None
    tags: list[Tag] = field(default_factory=list)
    """One per lever in the order of the rules; after several of them, all together."""

    def __post_init__(self) -> None:
        each = [frozenset({at}) for at in range(len(self.plan.levers))]
        together = [frozenset(range(len(self.plan.levers)))] if len(each) > 1 else []
        self.tags = [Tag(without(self.plan, levers), levers) for levers in (*each, *together)]

    def see(self, kind: str, body: bytes) -> None:
        """Take one entry of a decision stream."""
        if kind != "r":
            return
        try:
            record = decision_record.decode(body)
            if record.ruleset != self.plan.hash:
                self.other_rules += 1
                return
            self._price(record)
        except (ValueError, RecordUnreadable):
            self.unreadable += 1

    def _price(self, record: DecisionRecord) -> None:
        found = self.again(record, self.plan)
        if _shown(self.plan, found) != record.fill:
            self.different += 1
            return
        at_s = record.decided_at_us // 1_000_000
        self.decisions += 1
        self.first_s = at_s if self.first_s is None else min(self.first_s, at_s)
        self.last_s = at_s if self.last_s is None else max(self.last_s, at_s)
        worth, pulled = _worth(found), self._pulled(record, at_s)
        for tag in self.tags:
            if tag.levers.isdisjoint(pulled):
                continue
            other = self.again(record, tag.plan)
            tag.decisions += 1
            tag.changed += _shown(self.plan, other) != record.fill
            tag.given_up_minor += _worth(other) - worth

    def _pulled(self, record: DecisionRecord, at_s: int) -> frozenset[int]:
        """The levers that pulled something that was scored."""
        plan = self.plan
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

    @property
    def days(self) -> float:
        """The span that the decisions cover, a day at least."""
        if self.first_s is None or self.last_s is None:
            return 0.0
        return max(1.0, (self.last_s - self.first_s) / 86_400)

    def weekly_minor(self, tag: Tag) -> float:
        """What a lever costs a week, in minor units; negative where it brings something."""
        return tag.given_up_minor * _WEEK_S / (86_400 * self.days) if self.days else 0.0


def _shown(plan: Plan, decision: Decision) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (str(each.placement.id), tuple(str(plan.actions[option.candidate.action].id) for option in each.options))
        for each in decision.filled
    )


def _worth(decision: Decision) -> float:
    shown: Sequence[float] = [
        option.candidate.propensity * option.candidate.value for each in decision.filled for option in each.options
    ]
    return sum(shown)
