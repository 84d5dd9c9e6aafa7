"""Two rules that contradict each other: for one customer, one promotes what the other suppresses."""

from collections.abc import Iterator

from engine.compiler.boxes.axes import Region, moment_axis
from engine.compiler.boxes.domain import Domain
from engine.compiler.boxes.search import Box, Goal, TooManyBoxes
from engine.compiler.boxes.witness import witness
from engine.compiler.checks.impossible import at_its_moments
from engine.compiler.checks.never_candidate import valid_days
from engine.compiler.checks.subject import Subject
from engine.compiler.problem_list import Problems
from engine.errors import Code, Span
from engine.plan import Trigger

_PLENTY = 3


def check_contradictions(subject: Subject, problems: Problems) -> None:
    """Warn of every trigger that suppresses what others promote, with a customer who gets both."""
    promoting: dict[int, list[Trigger]] = {}
    for trigger in subject.triggers:
        for action, _ in trigger.promotes:
            promoting.setdefault(action, []).append(trigger)
    for trigger in subject.triggers:
        if trigger.suppression is not None:
            _check(subject, trigger, promoting, problems)


def _check(subject: Subject, trigger: Trigger, promoting: dict[int, list[Trigger]], problems: Problems) -> None:
    met: list[tuple[Trigger, int, Box]] = []
    span = trigger.head.span
    try:
        seen: set[Span] = set()
        for action in trigger.suppresses:
            for other in promoting.get(action, ()):
                if other.head.span not in seen:
                    seen.add(other.head.span)
                    box = subject.search.somebody(list(_both(subject, trigger, other)), sure=True)
                    if box is not None:
                        met.append((other, action, box))
    except TooManyBoxes:
        message = "not checked for contradictions: the conditions have too many cases"
        problems.warning(span, message, "write fewer alternatives", code=Code.NOT_CHECKED)
    if met:
        other, action, box = met[0]
        name = f"`{subject.actions[action].id}`"
        message = f"this suppresses {name}, which `{other.head.rule}` ({other.head.span}) promotes"
        told = f"{message}: {witness(box)} gets both, and the suppression wins{_others(met)}"
        hint = "narrow one of them, or accept it with a reason"
        problems.warning(span, told, hint, code=Code.CONTRADICTION)


def _others(met: list[tuple[Trigger, int, Box]]) -> str:
    names = [f"`{other.head.rule}`" for other, _, _ in met[1:]]
    if not names:
        return ""
    more = f" and {len(names) - _PLENTY} more" if len(names) > _PLENTY else ""
    return f"; the same goes for {', '.join(names[:_PLENTY])}{more}"


def _both(subject: Subject, trigger: Trigger, other: Trigger) -> Iterator[Goal]:
    assert trigger.suppression is not None
    yield Goal(condition=trigger.suppression)
    yield Goal(condition=other.condition)
    yield from at_its_moments(subject, other)
    for goal in at_its_moments(subject, trigger):
        if goal.region is not None:
            yield Goal(region=Region(moment_axis(subject.channels), Domain(goal.region.domain.spans, missing=True)))
    yield from valid_days(trigger.head.validity)
    yield from valid_days(other.head.validity)
