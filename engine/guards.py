"""Compliance's exclusions come first; whatever fires here, nothing later can bring back."""

from engine.generated import Row
from engine.plan import Plan
from engine.reasons import Reason


def stop(plan: Plan, row: Row, codes: bytearray) -> list[int]:
    """Mark the actions that guards stop; returns the guards that fired.

    INVARIANT: a guard stops unless its condition is false, so a fact nobody knows stops too.
    """
    fired = plan.generated.guards(row)
    for position in fired:
        for action in plan.guards[position].actions:
            if not codes[action]:
                codes[action] = Reason.GUARD
    return fired


def allows_profiling(plan: Plan, fired: list[int]) -> bool:
    """Whether themes, triggers and the model may be used for this customer."""
    return not any(plan.guards[position].no_profiling for position in fired)
