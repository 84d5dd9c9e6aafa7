"""Rules that another rule makes superfluous: whenever the one matches, the other gives at least as much.

Two that shadow each other say the same, which is reported once, as a duplicate.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from engine.compiler.boxes.axes import Region, Wanted
from engine.compiler.boxes.search import Goal, flattened
from engine.compiler.checks.impossible import at_its_moments
from engine.compiler.checks.sameness import unplaced
from engine.compiler.checks.subject import Subject, is_nobody
from engine.compiler.problem_list import Problems
from engine.errors import Code
from engine.plan import Guard, RuleHead, Theme, Trigger
from engine.syntax import All, AnyOf, Atom, Condition, LastAgo, Not, Seen, SeenSince, atoms

_INFERRED: Final = "needs."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """When a rule counts, and to what it gives something."""

    head: RuleHead
    matches: tuple[Goal, ...]
    escapes: tuple[Goal, ...]
    """The ways not to match it."""
    places: tuple[int, ...]
    """Actions that it gives something to, or stops."""
    names: frozenset[str]
    """The facts and events that its condition names."""
    required: frozenset[str]
    """Those of them without which it never matches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """Rules of one kind, and whether one gives at least what another does, both by position."""

    rules: Sequence[_Rule]
    covers: Callable[[int, int], bool]


def check_shadowed(subject: Subject, problems: Problems) -> None:
    """Warn of triggers, themes and guards that another of their kind makes superfluous."""
    for kind in (_triggers(subject), _themes(subject), _guards(subject)):
        by_action: dict[int, list[int]] = {}
        for at, rule in enumerate(kind.rules):
            for action in rule.places:
                by_action.setdefault(action, []).append(at)
        told: set[int] = set()
        for at, rule in enumerate(kind.rules):
            if not rule.places:
                continue
            for other in min((by_action[action] for action in rule.places), key=len):
                if other != at and other not in told and _is_shadowed(subject, kind, at, other, problems):
                    told.add(at)
                    _report(rule, kind.rules[other], problems, _is_shadowed(subject, kind, other, at, problems))
                    break


def _is_shadowed(subject: Subject, kind: _Kind, at: int, by: int, problems: Problems) -> bool:
    rule, other = kind.rules[at], kind.rules[by]
    if not other.required <= rule.names and not any(name.startswith(_INFERRED) for name in rule.names):
        return False  # It asks about something else as well, which keeps the search for most pairs short.
    mine, theirs = rule.head.validity, other.head.validity
    if theirs.first_day > mine.first_day or theirs.last_day < mine.last_day or not kind.covers(by, at):
        return False
    goals = [*rule.matches, Goal(options=tuple((each,) for each in other.escapes))]
    return is_nobody(subject, problems, rule.head.span, "being shadowed", goals)


def _report(rule: _Rule, other: _Rule, problems: Problems, both: bool) -> None:
    name, place = f"`{rule.head.rule}`", f"`{other.head.rule}` ({other.head.span})"
    if both:
        message = f"{name} says the same as {place}"
        problems.warning(rule.head.span, message, "remove one of them", code=Code.DUPLICATE)
    else:
        message = f"whenever {name} matches, {place} does too and gives its actions at least as much"
        problems.warning(rule.head.span, message, "remove it, or make it differ", code=Code.SHADOWED)


# --- triggers --------------------------------------------------------------------------------------------------------


def _triggers(subject: Subject) -> _Kind:
    suppressions = [None if each.suppression is None else unplaced(each.suppression) for each in subject.triggers]

    def covers(by: int, at: int) -> bool:
        trigger, other = subject.triggers[by], subject.triggers[at]
        if not _promotes(trigger, other):
            return False
        return not other.suppresses or (_suppresses(trigger, other) and suppressions[by] == suppressions[at])

    return _Kind(rules=[_trigger(subject, trigger) for trigger in subject.triggers], covers=covers)


def _trigger(subject: Subject, trigger: Trigger) -> _Rule:
    moments = at_its_moments(subject, trigger)
    return _Rule(
        head=trigger.head,
        matches=(Goal(condition=trigger.condition), *moments),
        escapes=(Goal(condition=trigger.condition, wanted=Wanted.NOT_TRUE), *_elsewhere(moments)),
        places=tuple(action for action, _ in trigger.promotes) or trigger.suppresses,
        names=_names(atoms(trigger.condition)),
        required=_required(trigger.condition),
    )


def _elsewhere(goals: Sequence[Goal]) -> Iterator[Goal]:
    for goal in goals:
        if goal.region is not None:
            axis = goal.region.axis
            yield Goal(region=Region(axis, axis.universe.without(goal.region.domain)))


def _promotes(trigger: Trigger, other: Trigger) -> bool:
    """Whether a trigger promotes whatever another does, at least as much."""
    weight_by_action = dict(trigger.promotes)
    return all(
        action in weight_by_action and _at_least(weight_by_action[action], weight) for action, weight in other.promotes
    )


def _suppresses(trigger: Trigger, other: Trigger) -> bool:
    """Whether a trigger suppresses whatever another does, at all of its moments."""
    at_all = trigger.moments is None or (other.moments is not None and other.moments <= trigger.moments)
    return at_all and set(other.suppresses) <= set(trigger.suppresses)


def _at_least(weight: float, other: float) -> bool:
    """Whether a promotion leaves nothing to another: further up, further down, or any where that is but a reason."""
    return weight >= other if other > 1 else weight <= other if other < 1 else True


# --- themes and guards -----------------------------------------------------------------------------------------------


def _themes(subject: Subject) -> _Kind:
    def covers(by: int, at: int) -> bool:
        theme, other = subject.themes[by], subject.themes[at]
        return _way(theme) == _way(other) and theme.weight >= other.weight

    rules = [_of_condition(each.head, each.condition, each.journey) for each in subject.themes]
    return _Kind(rules=rules, covers=covers)


def _way(theme: Theme) -> tuple[object, ...]:
    return theme.journey, theme.strict, theme.skip_capped, theme.accept_counts


def _guards(subject: Subject) -> _Kind:
    def covers(by: int, at: int) -> bool:
        guard, other = subject.guards[by], subject.guards[at]
        return set(other.actions) <= set(guard.actions) and guard.no_profiling >= other.no_profiling

    return _Kind(rules=[_guard(guard) for guard in subject.guards], covers=covers)


def _guard(guard: Guard) -> _Rule:
    return _of_condition(guard.head, guard.condition, guard.actions, guarded=True)


def _of_condition(head: RuleHead, condition: Condition, places: tuple[int, ...], *, guarded: bool = False) -> _Rule:
    """A rule of one condition; a guard matches unless it is false."""
    wanted, contrary = (Wanted.NOT_FALSE, Wanted.FALSE) if guarded else (Wanted.TRUE, Wanted.NOT_TRUE)
    return _Rule(
        head=head,
        matches=(Goal(condition=condition, wanted=wanted, guarded=guarded),),
        escapes=(Goal(condition=condition, wanted=contrary, guarded=guarded),),
        places=places,
        names=_names(atoms(condition)),
        required=_required(condition),
    )


def _names(cells: Iterable[Atom]) -> frozenset[str]:
    return frozenset(
        str(cell.event if isinstance(cell, Seen | LastAgo | SeenSince) else cell.fact.name) for cell in cells
    )


def _required(condition: Condition) -> frozenset[str]:
    parts = (goal.condition for goal in flattened([Goal(condition=condition)]))
    return _names(part for part in parts if part is not None and not isinstance(part, Not | All | AnyOf))
