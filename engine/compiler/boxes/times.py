"""Lengths of time on an axis: how far each reaches at least and at most, and whether their order is certain.

Months and years have no fixed length, so `30d` and `1mo` have no certain order; an axis on which such two meet is not
judged. Where the order is certain, a length stands at its usual place.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from engine.syntax import Duration

DAY_S: Final = 86_400
_SECONDS: Final = {"min": 60, "h": 3_600, "d": DAY_S}
_MONTHS: Final = {"mo": 1, "y": 12}
_MONTH_D: Final = 30.436875
_SLACK_D: Final = 4
"""How far a number of months may be from its usual number of days, the hour of summer time included."""

Bound = tuple[int, Duration]
"""Sign (-1 past, +1 future) and distance from now."""


def place_s(bound: Bound) -> int:
    """Where a bound usually stands, in seconds after now."""
    sign, length = bound
    if length.unit in _SECONDS:
        return sign * _SECONDS[length.unit] * length.amount
    return sign * round(_MONTHS[length.unit] * length.amount * _MONTH_D) * DAY_S


def place_d(bound: Bound) -> int:
    """Where a bound on a date usually stands, in days after today; hours and minutes do not move a date."""
    return 0 if bound[1].unit in ("min", "h") else place_s(bound) // DAY_S


def are_ordered(bounds: Iterable[Bound]) -> bool:
    """Whether the order of all bounds is the same whatever now is."""
    reaches = sorted({_reach(bound) for bound in bounds})
    return all(before[1] < after[0] for before, after in pairwise(reaches))


def _reach(bound: Bound) -> tuple[int, int]:
    place = place_s(bound)
    slack = 0 if bound[1].unit in _SECONDS or not bound[1].amount else _SLACK_D * DAY_S
    return place - slack, place + slack
