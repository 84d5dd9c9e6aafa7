"""Eligibility (may we?), applicability (does it make sense now?), suitability (is it good for them?)."""

from engine.plan import Plan, Row


def filter_engaged(plan: Plan, channel: int, row: Row, codes: bytearray) -> list[int]:
    """The actions that pass all three, ascending; the others get the code of the first stage that is not true.

    Actions that have a code already are left alone.
    """
    return plan.generated.engage(channel, row, codes)
