"""What a condition asks, wherever it stands and however it is worded."""

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
