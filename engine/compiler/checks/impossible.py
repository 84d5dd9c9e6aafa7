"""A condition that can never hold: cells on one fact that contradict each other."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from engine.compiler.checks.subject import Subject
from engine.compiler.form import Problems
from engine.errors import Span
from engine.facts import FactType
from engine.ids import FactName
from engine.syntax import All, Compare, Condition, Holds, Not, OneOf


@dataclass(slots=True)
class _Range:
    """What the cells read so far leave of one fact, in natural units."""

    low: Fraction | None = None
    low_open: bool = False
    low_span: Span | None = None
    high: Fraction | None = None
    high_open: bool = False
    high_span: Span | None = None
    values: frozenset[int | str | bool] | None = None
    values_span: Span | None = None


@dataclass(slots=True)
class _Box:
    """Ranges by fact, and the set members that must and must not be there."""

    ranges: dict[FactName, _Range] = field(default_factory=dict)
    members: dict[FactName, tuple[bool, Span]] = field(default_factory=dict)


def check_impossible(subject: Subject, problems: Problems) -> None:
    """Report every conjunction of cells that no customer can satisfy; other shapes of condition are not judged."""
    for condition in _conjunctions(subject):
        _check(condition, problems)


def _conjunctions(subject: Subject) -> Iterator[Condition]:
    for rules in subject.action_rules:
        yield All(tuple(item for condition, _ in rules.stages for item in _items(condition)))
    yield from (theme.condition for theme in subject.themes)
    yield from (trigger.condition for trigger in subject.triggers)
    yield from (guard.condition for guard in subject.guards)
    yield from (need.condition for need in subject.needs)


def _items(condition: Condition) -> tuple[Condition, ...]:
    return condition.items if isinstance(condition, All) else (condition,)


def _check(condition: Condition, problems: Problems) -> None:
    box = _Box()
    for item in _flat(condition):
        match item:
            case Compare(right=right) if right.fact is None:
                _narrow(box, item, problems)
            case OneOf():
                _pick(box, item, problems)
            case Holds():
                _require(box, item, wanted=True, problems=problems)
            case Not(Holds() as holds):
                _require(box, holds, wanted=False, problems=problems)
            case _:
                continue


def _flat(condition: Condition) -> Iterator[Condition]:
    for item in _items(condition):
        if isinstance(item, All):
            yield from _flat(item)
        else:
            yield item


def _narrow(box: _Box, cell: Compare, problems: Problems) -> None:
    found = box.ranges.setdefault(cell.fact.name, _Range())
    bound, is_open = cell.right.constant, cell.operator in ("<", ">")
    if cell.operator in (">", ">="):
        if found.low is None or (bound, is_open) > (found.low, found.low_open):
            found.low, found.low_open, found.low_span = bound, is_open, cell.span
    elif found.high is None or (bound, not is_open) < (found.high, not found.high_open):
        found.high, found.high_open, found.high_span = bound, is_open, cell.span
    if found.low is None or found.high is None or found.low_span is None or found.high_span is None:
        return
    if found.low > found.high or (found.low == found.high and (found.low_open or found.high_open)):
        _report(cell.fact.name, found.low_span, found.high_span, problems)


def _pick(box: _Box, cell: OneOf, problems: Problems) -> None:
    found = box.ranges.setdefault(cell.fact.name, _Range())
    if found.values is not None and found.values_span is not None and not found.values & cell.values:
        _report(cell.fact.name, found.values_span, cell.span, problems)
    if cell.fact.spec.type is not FactType.SET:
        found.values = cell.values if found.values is None else found.values & cell.values
        found.values_span = cell.span


def _require(box: _Box, cell: Holds, *, wanted: bool, problems: Problems) -> None:
    before = box.members.setdefault(cell.fact.name, (wanted, cell.span))
    if before[0] is not wanted:
        _report(cell.fact.name, before[1], cell.span, problems)


def _report(fact: FactName, first: Span, second: Span, problems: Problems) -> None:
    """Report two cells that contradict each other; a range that is empty in itself was reported where it was read."""
    if first == second:
        return
    later, earlier = max(first, second), min(first, second)
    message = f"no customer can match: this contradicts what line {earlier.line} asks of `{fact}`"
    problems.error(later, message)
