"""Whether two conditions ask the same, wherever they stand and however they are worded."""

from dataclasses import replace
from typing import Final

from engine.errors import Span
from engine.syntax import All, AnyOf, Condition, Not

_NOWHERE: Final = Span("")


def unplaced(condition: Condition) -> Condition:
    """A condition without places and words: equal where two conditions are written with the same meaning."""
    match condition:
        case Not(item):
            return Not(unplaced(item))
        case All(items):
            return All(tuple(unplaced(item) for item in items))
        case AnyOf(items):
            return AnyOf(tuple(unplaced(item) for item in items))
        case _:
            return replace(condition, span=_NOWHERE, text="")


def are_same(condition: Condition | None, other: Condition | None) -> bool:
    """Whether both ask the same; none is like none."""
    if condition is None or other is None:
        return condition is other
    return unplaced(condition) == unplaced(other)
