"""What is left of a treatment's condition once it is known at which placement it would show."""

from typing import Final

from engine.compiler.conditions import PLACEMENT
from engine.syntax import ALWAYS, All, AnyOf, Condition, Not, OneOf, Present

NEVER: Final = AnyOf(())


def at_placement(condition: Condition, placement: str) -> Condition:
    """The condition without its cells on `placement`, which are decided here."""
    match condition:
        case OneOf(fact=fact, values=values) if fact.name == PLACEMENT:
            return ALWAYS if fact.spec.values.index(placement) in values else NEVER
        case Present(fact=fact) if fact.name == PLACEMENT:
            return ALWAYS
        case Not(item):
            left = at_placement(item, placement)
            return NEVER if left == ALWAYS else ALWAYS if left == NEVER else Not(left)
        case All(items):
            parts = [each for item in items if (each := at_placement(item, placement)) != ALWAYS]
            return NEVER if NEVER in parts else parts[0] if len(parts) == 1 else All(tuple(parts))
        case AnyOf(items):
            parts = [each for item in items if (each := at_placement(item, placement)) != NEVER]
            return ALWAYS if ALWAYS in parts else parts[0] if len(parts) == 1 else AnyOf(tuple(parts))
        case _:
            return condition
