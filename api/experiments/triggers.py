"""What each trigger brings or costs: answers to what it pushed beside what was expected, and decisions made again
without it. Triggers without effect and harmful ones are named.

Which triggers fired is found by making every recorded decision again with the rules that made it. A push is worth what
its customers answer, as often as the others of the action or less, not what its context weight claims.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import msgspec

from api import decision_record
from api.archiving.makers import NotHere
from api.decision_record import DecisionRecord
from api.entries import OutcomeEntry
from api.experiments.price import Remaking, Span, shown_by
from api.experiments.watching import LearnedBy, expected_answer
from api.serving import RecordUnreadable
from engine.decision import Decision
from engine.plan import Plan
from models.evaluation.pushes import Answered, Push, Verdict, judge_push
from models.lift import level_for

_SEEN: Final = "impression"
_ANSWER_S: Final = 7 * 86_400
_WEEK_DAYS: Final = 7
_decode_outcome: Final = msgspec.msgpack.Decoder(OutcomeEntry).decode


class Pushed(NamedTuple):
    """A trigger that promotes an action with a context weight."""

    trigger: str
    action: str
    weight: float


class _Shown(NamedTuple):
    """An option that was shown."""

    at_s: int
    action: str
    expected: float
    positive: str
    """The outcome that counts on its channel."""
    pushed: frozenset[Pushed]
    """By which triggers."""


@dataclass(slots=True)
class _Moved:
    """What a trigger moved; amounts in minor units, by propensity alone."""

    decisions: int = 0
    """In which it fired."""
    changed: int = 0
    """In which something else would have been shown without it."""
    pushed_minor: dict[str, float] = field(default_factory=dict)
    """By action that it promotes: expected value that was shown because of it."""
    rest_minor: float = 0.0
    """Expected value of everything else, which it displaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReport:
    """A trigger's push of one action."""

    action: str
    weight: float
    push: Push


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerReport:
    """What is known of one trigger."""

    trigger: str
    place: str | None
    """`file:line` in these rules; None where they no longer have it."""
    decisions: int
    changed: int
    weekly: float
    """What it brings a week in expected value, in major units; negative where it costs."""
    weekly_low: float
    weekly_high: float
    """With the ends of the intervals of its pushes; of a push without evidence nothing but its propensity is known."""
    pushes: tuple[PushReport, ...]

    @property
    def verdict(self) -> Verdict:
        """Harms where one of its pushes does; else brings where one does; else without effect where one surely is."""
        found = {each.push.verdict for each in self.pushes}
        order = (Verdict.HARMS, Verdict.BRINGS, Verdict.WITHOUT_EFFECT)
        return next((verdict for verdict in order if verdict in found), Verdict.NOT_ENOUGH_EVIDENCE)


@dataclass(slots=True)
class TriggerLedger:
    """Counts while decisions and outcomes come in; `rules` say where triggers stand."""

    rules: Plan
    remaking: Remaking
    learned: LearnedBy
    decisions: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    """Decisions that cannot be made again here, by what is not kept: `rules` or `model`."""
    different: int = 0
    """Decisions that come out differently from how they were recorded; they count in nothing."""
    unreadable: int = 0
    span: Span = field(default_factory=Span)
    _moved: dict[str, _Moved] = field(default_factory=dict)
    _shown: dict[tuple[str, str], _Shown] = field(default_factory=dict)
    """By decision and action."""
    _answers: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    """By decision and action the first instant of each outcome, in seconds."""
    _without: dict[tuple[str, int], Plan] = field(default_factory=dict)
    """By rules and trigger: the rules in which it promotes nothing."""

    def see(self, kind: str, body: bytes) -> None:
        """Take one entry of a decision stream."""
        try:
            if kind == "r":
                record = decision_record.decode(body)
                self._decision(record, self.remaking.plan(record))
            elif kind == "o":
                self._outcome(_decode_outcome(body))
        except NotHere as gone:
            self.missing[gone.missing] += 1
        except (KeyError, ValueError, msgspec.DecodeError, RecordUnreadable):
            self.unreadable += 1

    def _outcome(self, entry: OutcomeEntry) -> None:
        answers = self._answers.setdefault((entry.decision_id, entry.action), {})
        at_s = entry.occurred_ms // 1_000
        answers[entry.outcome] = min(at_s, answers.get(entry.outcome, at_s))

    def _decision(self, record: DecisionRecord, plan: Plan) -> None:
        found = self.remaking.again(record, plan)
        if shown_by(plan, found) != record.fill:
            self.different += 1
            return
        self.decisions += 1
        self.span.note(record.decided_at_us // 1_000_000)
        self._note_shown(record, plan, found)
        for position in found.promotions:
            if plan.triggers[position].promotes:
                self._price(record, plan, position, found)

    def _note_shown(self, record: DecisionRecord, plan: Plan, found: Decision) -> None:
        learned = self.learned(record.model)
        if learned is None:
            return
        scores = dict(record.scores)
        pushed = _pushed(plan, found)
        for placement, actions in record.fill:
            for rank, action in enumerate(actions, start=1):
                if action not in scores or learned.effect_of(action) is not None:
                    continue
                place = f"{record.channel}.{placement}"
                self._shown[record.decision_id, action] = _Shown(
                    at_s=record.decided_at_us // 1_000_000,
                    action=action,
                    expected=expected_answer(learned, plan, place, rank, action, scores[action]),
                    positive=plan.catalogue.positives.get(record.channel, "accept"),
                    pushed=pushed.get(action, frozenset()),
                )

    def _price(self, record: DecisionRecord, plan: Plan, position: int, found: Decision) -> None:
        moved = self._moved.setdefault(_id_of(plan, position), _Moved())
        moved.decisions += 1
        other = self.remaking.again(record, self._plan_without(plan, position))
        if shown_by(plan, other) == record.fill:
            return
        moved.changed += 1
        promoted = {str(plan.actions[action].id) for action, _ in plan.triggers[position].promotes}
        scale = 1.0 / 10**plan.minor_digits
        for decision, sign in ((found, scale), (other, -scale)):
            for action, worth in _worth_by_action(plan, decision):
                if action in promoted:
                    moved.pushed_minor[action] = moved.pushed_minor.get(action, 0.0) + sign * worth
                else:
                    moved.rest_minor += sign * worth

    def _plan_without(self, plan: Plan, position: int) -> Plan:
        found = self._without.get((plan.hash, position))
        if found is None:
            silent = replace(plan.triggers[position], promotes=())
            triggers = (*plan.triggers[:position], silent, *plan.triggers[position + 1 :])
            found = self._without[plan.hash, position] = replace(plan, triggers=triggers)
        return found

    def report(self) -> tuple[TriggerReport, ...]:
        """Every trigger that promotes something in these rules, in their order, then those that only fired."""
        places = {_id_of(self.rules, at): at for at, each in enumerate(self.rules.triggers) if each.promotes}
        pushes = self._pushes()
        names = [*places, *sorted({each.trigger for each in pushes} - places.keys())]
        by_trigger: dict[str, list[PushReport]] = {}
        for pushed, push in pushes.items():
            told = PushReport(action=pushed.action, weight=pushed.weight, push=push)
            by_trigger.setdefault(pushed.trigger, []).append(told)
        return tuple(self._report(name, places.get(name), tuple(by_trigger.get(name, ()))) for name in names)

    def _report(self, name: str, at: int | None, pushes: tuple[PushReport, ...]) -> TriggerReport:
        moved = self._moved.get(name, _Moved())
        weeks = max(self.span.days / _WEEK_DAYS, 1e-9)
        ends = {each.action: _ends(each.push) for each in pushes}
        figures = [
            (
                moved.rest_minor
                + sum(_worth_at(ends, action, worth, end) for action, worth in moved.pushed_minor.items())
            )
            / weeks
            for end in range(3)
        ]
        span = None if at is None else self.rules.triggers[at].head.span
        return TriggerReport(
            trigger=name,
            place=None if span is None else f"{span.path}:{span.line}",
            decisions=moved.decisions,
            changed=moved.changed,
            weekly=figures[1],
            weekly_low=min(figures),
            weekly_high=max(figures),
            pushes=pushes,
        )

    def _pushes(self) -> Mapping[Pushed, Push]:
        """Every push, judged; all intervals hold together."""
        mine: dict[Pushed, Answered] = {}
        seen_of: dict[str, Answered] = {}
        for option, shown in self._shown.items():
            answers = self._answers.get(option, {})
            if _SEEN not in answers:
                continue
            answered_at_s = answers.get(shown.positive)
            positive = answered_at_s is not None and answered_at_s <= shown.at_s + _ANSWER_S
            seen_of[shown.action] = seen_of.get(shown.action, Answered()).plus(shown.expected, positive)
            for pushed in shown.pushed:
                mine[pushed] = mine.get(pushed, Answered()).plus(shown.expected, positive)
        level = level_for(len(mine))
        return {
            pushed: judge_push(fired, seen_of[pushed.action].less(fired), pushed.weight, level)
            for pushed, fired in sorted(mine.items())
        }


def _id_of(plan: Plan, position: int) -> str:
    return plan.triggers[position].head.rule.partition("/")[2]


def _pushed(plan: Plan, found: Decision) -> dict[str, frozenset[Pushed]]:
    """By action which triggers push it in a decision."""
    pushed: dict[str, set[Pushed]] = {}
    for position in found.promotions:
        for action, weight in plan.triggers[position].promotes:
            name = str(plan.actions[action].id)
            pushed.setdefault(name, set()).add(Pushed(_id_of(plan, position), name, weight))
    return {action: frozenset(each) for action, each in pushed.items()}


def _worth_by_action(plan: Plan, decision: Decision) -> Iterator[tuple[str, float]]:
    for each in decision.filled:
        for option in each.options:
            candidate = option.candidate
            yield str(plan.actions[candidate.action].id), candidate.propensity * candidate.value


def _ends(push: Push) -> tuple[float, float, float]:
    """The ratio's lower end, itself and its upper end; 1 where nothing is known of it."""
    if push.ratio is None or push.verdict is Verdict.NOT_ENOUGH_EVIDENCE:
        return 1.0, 1.0, 1.0
    return push.low, push.ratio, push.high


def _worth_at(ends: Mapping[str, tuple[float, float, float]], action: str, worth: float, end: int) -> float:
    return worth * ends.get(action, (1.0, 1.0, 1.0))[end]
