"""Puts what conditions ask into words, with the line it stands in: the reasons why nobody can match."""

from collections.abc import Sequence
from typing import Final

from engine.compiler.boxes.axes import Wanted
from engine.compiler.boxes.search import Goal
from engine.errors import Span
from engine.syntax import All, AnyOf, Condition, Not, Present, atoms

_LONGEST: Final = 3
"""Alternatives that are worth naming."""


def asked(goals: Sequence[Goal], home: str) -> str:
    """`line 12 asks `age: at least 60`, line 15 asks `age: under 25``; other files than `home` are named."""
    told: dict[tuple[Span | None, str], None] = {}
    for goal in goals:
        text = goal.what
        if goal.condition is not None:
            words = f"`{_words(goal.condition, goal.wanted)}`"
            text = f"{goal.what} {words}" if goal.what else f"asks {words}"
        told[(place_of(goal), text)] = None
    return ", ".join(_at(span, text, home) for span, text in told)


def _at(span: Span | None, text: str, home: str) -> str:
    if span is None:
        return text
    return f"line {span.line} {text}" if span.path == home else f"{span.path}:{span.line} {text}"


def place_of(goal: Goal) -> Span | None:
    """Where a goal's first cell stands."""
    return None if goal.condition is None else first_span(goal.condition)


def first_span(condition: Condition) -> Span | None:
    """Where the first cell of a condition stands, None where it has none."""
    return next((atom.span for atom in atoms(condition)), None)


def _words(condition: Condition, wanted: Wanted) -> str:
    positive = wanted in (Wanted.TRUE, Wanted.NOT_FALSE)
    match condition:
        case Not(Present(fact=fact)) if positive:
            return f"{fact.name}: missing"
        case Present(fact=fact) if not positive:
            return f"{fact.name}: missing"
        case Not(item):
            return _words(item, wanted.negated)
        case All(items) | AnyOf(items):
            word = " and " if isinstance(condition, All) is positive else " or "
            parts = [_words(item, wanted) for item in items[:_LONGEST]]
            more = " ..." if len(items) > _LONGEST else ""
            return word.join(dict.fromkeys(parts)) + more
        case _:
            return condition.text if positive else f"not ({condition.text})"
