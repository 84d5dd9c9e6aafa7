"""Eligibility (may we?), applicability (does it make sense now?), suitability (is it good for them?)."""

from collections.abc import Sequence

from engine.generated import Row
from engine.plan import Plan
from engine.reasons import Reason
from engine.syntax import Condition

_FAILURES = (TypeError, ValueError, ArithmeticError)
"""What a condition raises on a value that is not of its fact's type."""


def filter_engaged(plan: Plan, channel: int, row: Row, codes: bytearray) -> list[int]:
    """The actions that pass all three, ascending; the others get the code of the first stage that is not true.

    Actions that have a code already are left alone. Where a condition fails, its action is rejected as
    `evaluation_error` (so a failing exclusion excludes) and the rest go on.
    """
    before = bytes(codes)
    try:
        return plan.generated.engage(channel, row, codes)
    except _FAILURES:
        codes[:] = before
        return _one_by_one(plan, row, codes)


def _one_by_one(plan: Plan, row: Row, codes: bytearray) -> list[int]:
    """What `engage` does, with each action's failure its own; slow, and never needed while facts are of their type."""
    today = row[plan.layout.today_slot]
    assert isinstance(today, int)
    for position, rules in enumerate(plan.action_rules):
        if codes[position]:
            continue
        version = rules.on(today)
        if version is None:
            codes[position] = Reason.OUTSIDE_VALIDITY
            continue
        try:
            codes[position] = _first_failed(plan, version.stages, row)
        except _FAILURES:
            codes[position] = Reason.EVALUATION_ERROR
    return [position for position in range(len(codes)) if not codes[position]]


def _first_failed(plan: Plan, stages: Sequence[tuple[Condition, Reason]], row: Row) -> Reason:
    for condition, reason in stages:
        if not plan.tracer.truth(condition, row):
            return reason
    return Reason.OPEN
