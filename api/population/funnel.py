"""Counts over a population at which condition an action's way ends; memory grows with the rules, not with customers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from engine.channels import Channel
from engine.decision import Decision, PlacementRequest, Request, Snapshot
from engine.experiments import as_is
from engine.explain import Because, names_in, why_not_this
from engine.facts import is_missing
from engine.ids import FactName, MomentId
from engine.pipeline import decide
from engine.plan import Plan
from engine.ports import Outlook, ScoringContext
from engine.reasons import Reason
from engine.syntax import atoms

_RANKED: Final = frozenset({Reason.OUTRANKED, Reason.HOLDOUT, Reason.NOT_SCORED})
_ORDER: Final = {
    reason: at
    for at, reason in enumerate(
        (
            Reason.OUTSIDE_VALIDITY,
            Reason.GUARD,
            Reason.SUPPRESSED,
            Reason.NOT_ELIGIBLE,
            Reason.NOT_APPLICABLE,
            Reason.NOT_SUITABLE,
            Reason.EVALUATION_ERROR,
            Reason.CAPPED,
            Reason.COOLING_OFF,
            Reason.QUIET_HOURS,
            Reason.NO_TREATMENT,
            Reason.NO_REASON_NOW,
            Reason.JOURNEY_NOT_REACHED,
            Reason.NOT_WORTH_CONTACT,
        )
    )
}
"""The stages that end an action's way, in the order in which it walks them."""


@dataclass(frozen=True, slots=True)
class Step:
    """A place at which the way ends: the stage, the rule, and the cell of it."""

    reason: Reason
    rule: str
    title: str
    place: str
    cell: str
    detail: str
    """What decided where no cell did."""

    @property
    def at(self) -> tuple[int, str, int, int]:
        """Sorts steps as an action meets them: by stage, then as they stand in the files."""
        path, _, rest = self.place.partition(":")
        line, _, column = rest.partition(":")
        return _ORDER.get(self.reason, len(_ORDER)), path, int(line or 0), int(column or 0)


@dataclass(slots=True)
class Course:
    """What became of one question over all customers."""

    asked: int = 0
    ended: Counter[Step] = field(default_factory=Counter)
    """Customers whose way ended there first, by the step."""
    unknown: Counter[Step] = field(default_factory=Counter)
    """Those of them for whom the step was not false, but unknown."""
    missed: Counter[Step] = field(default_factory=Counter)
    """Where nothing was a reason to show it: what kept each trigger and theme from being one; several a customer."""
    ranked: int = 0
    """Customers for whom it came to the ranking."""
    first: int = 0
    """Those of them for whom it was chosen, with equal propensities for all actions."""

    def add(self, other: "Course") -> None:
        """Count another course in."""
        self.asked += other.asked
        self.ended.update(other.ended)
        self.unknown.update(other.unknown)
        self.missed.update(other.missed)
        self.ranked += other.ranked
        self.first += other.first


class EvenScorer:
    """Gives every action one propensity, so that no model decides what a funnel says of rules."""

    version = "even"

    def __init__(self, actions: int, propensity: float = 0.05) -> None:
        self._propensity = propensity
        self._positives = (0,) * actions

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        """See `Scorer`."""
        return [self._propensity] * len(candidates)

    def positives(self, channel: int) -> Sequence[int]:
        """See `Scorer`."""
        return self._positives

    def outlook(self) -> Outlook:
        """See `Scorer`."""
        return Outlook((1.0,) * len(self._positives))


class Funnel:
    """Puts every question to every customer, and counts where one action's way ends."""

    def __init__(self, plan: Plan, action: int, questions: Sequence[Request], now: datetime) -> None:
        self._plan = as_is(plan)
        self._action = action
        self._now = now
        self._scorer = EvenScorer(len(plan.actions))
        self._questions = questions
        self.courses = tuple(Course() for _ in questions)
        """One for each question, in their order."""
        self._unknown = _slots(plan, action)

    @property
    def unknown_to_all(self) -> tuple[str, ...]:
        """Facts that the action's way asks for and that no customer seen has: every condition on them is unknown."""
        return tuple(sorted(self._unknown))

    def see(self, customer: str, snapshot: Snapshot) -> None:
        """Put all questions to one customer."""
        for question, course in zip(self._questions, self.courses, strict=True):
            asked = replace(question, customer=customer)
            decision = decide(
                plan=self._plan,
                request=asked,
                snapshot=snapshot,
                scorer=self._scorer,
                baseline=self._scorer,
                now=self._now,
                exploration_key=b"",
            )
            for fact in [fact for fact, slot in self._unknown.items() if not is_missing(decision.row[slot])]:
                del self._unknown[fact]
            self._count(course, asked, decision)

    def _count(self, course: Course, question: Request, decision: Decision) -> None:
        course.asked += 1
        reason = Reason(decision.codes[self._action])
        if reason is Reason.CHOSEN or reason in _RANKED:
            course.ranked += 1
            course.first += reason is Reason.CHOSEN
            return
        because = why_not_this(self._plan, question, decision, self._action).because
        if reason is Reason.NO_REASON_NOW:
            course.ended[Step(reason, "", "", "", "", "")] += 1
            course.missed.update({_step(reason, each) for each in because})
            return
        step = _step(reason, because[0]) if because else Step(reason, "", "", "", "", "")
        course.ended[step] += 1
        cause = because[0].cause if because else None
        if cause is not None and cause.truth is None:
            course.unknown[step] += 1


def _slots(plan: Plan, action: int) -> dict[FactName, int]:
    """The slots of the customers' facts that decide about an action, and about what promotes it."""
    stages = [condition for each in plan.action_rules[action].versions for condition, _ in each.stages]
    themes = [theme.condition for theme in plan.themes if action in theme.journey]
    promoting = [each.condition for each in plan.triggers if any(at == action for at, _ in each.promotes)]
    slots = plan.layout.slot_by_fact
    names = (name for each in (*stages, *themes, *promoting) for atom in atoms(each) for name in names_in(atom))
    facts = {FactName(name.rpartition(".")[0]) if name not in slots else FactName(name) for name in names}
    return {fact: slots[fact] for fact in facts if fact in slots and not fact.startswith(("context.", "request."))}


def _step(reason: Reason, because: Because) -> Step:
    return Step(
        reason,
        because.rule or "",
        because.title or "",
        str(because.place) if because.place is not None else "",
        because.cause.atom.text if because.cause is not None else "",
        because.detail or "" if because.cause is None else "",
    )


def questions_of(plan: Plan, channels: Sequence[Channel], moment: str | None) -> tuple[Request, ...]:
    """A question for every moment of some channels, or for one of them; all placements are asked for."""
    return tuple(_question(plan, channel, each) for channel in channels for each in _moments(channel, moment))


def _moments(channel: Channel, moment: str | None) -> tuple[MomentId | None, ...]:
    """The moments asked about; a channel without moments is asked without one."""
    if moment is None:
        return tuple(channel.initiated_by_bank) or (None,)
    return tuple(each for each in channel.initiated_by_bank if each == moment)


def _question(plan: Plan, channel: Channel, moment: MomentId | None) -> Request:
    placements = sorted(channel.placements.values(), key=lambda each: each.precedence)
    return Request(
        customer="",
        channel=channel,
        moment=None if moment is None else plan.moments.index(moment),
        bank_initiated=moment is not None and channel.initiated_by_bank[moment],
        placements=tuple(PlacementRequest(placement=each, count=each.items) for each in placements),
        context={},
        locale=plan.locale,
    )
