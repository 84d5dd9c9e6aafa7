"""Values as people have them: what the reference evaluator knows of a customer, a question and the calendar.

Nothing here comes from the engine: amounts are decimals in major units, times are dates and aware instants, and what
is missing is None.
"""

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

Value = bool | int | Decimal | str | date | datetime | frozenset[str] | None
Tree = dict[str, "Tree"] | list["Tree"] | str | None
"""A parsed rule file whose single values are all text."""
Path = tuple[str | int, ...]
"""Keys and positions that lead from the top of a file, or of a condition, to a part of it."""


@dataclass(frozen=True, kw_only=True)
class Happening:
    """An event that a customer's history holds."""

    at: datetime
    event: str
    fields: Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class Touch:
    """An offer that reached the customer or is reserved for them."""

    at: datetime
    action: str
    session: str
    channel: str
    state: str
    """pending, shown, clicked, later, declined, accepted or converted."""
    reason: str
    minutes: int
    """How long a pending one is reserved."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who meets the bank."""

    known: bool
    facts: Mapping[str, Value]
    """Attributes that have a value, and the sets that are loaded."""
    consent: Mapping[str, Mapping[str, bool]]
    objection: bool | None
    events: tuple[Happening, ...]
    kept_since: datetime | None
    """Since when the history is kept; None: it is complete."""
    kept_later: Mapping[str, datetime]
    """Events that somebody began to ask for only then."""
    last_held: Mapping[str, datetime]
    touches: tuple[Touch, ...]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, when, and what the model says."""

    customer: str
    now: datetime
    channel: str
    moment: str | None
    placements: tuple[tuple[str, int], ...]
    context: Mapping[str, Value]
    locale: str
    session: str | None
    only: frozenset[str] | None
    exclude: frozenset[str]
    propensities: Mapping[str, Fraction]
    baseline: Mapping[str, Fraction]
    budgets: Mapping[str, int] = field(default_factory=dict)
    """How many more offers budgets carry, of those that may not carry all that is asked; -1 where nobody knows."""


# --- the calendar ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Length:
    """A length of time, `30d` or `6mo`."""

    amount: int
    unit: str

    @staticmethod
    def read(text: str) -> "Length":
        """Read what a rule file says."""
        match = re.fullmatch(r"(\d+)(min|mo|h|d|y)", text)
        assert match is not None, text
        return Length(int(match[1]), match[2])


def months_away(day: date, months: int) -> date:
    """The same day some months on; a day that the month does not have becomes its last one."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def day_away(day: date, sign: int, length: Length) -> date:
    """The day that lies a length before (-1) or after (+1) a day; hours and minutes do not leave the day."""
    match length.unit:
        case "d":
            return day + timedelta(days=sign * length.amount)
        case "mo":
            return months_away(day, sign * length.amount)
        case "y":
            return months_away(day, sign * 12 * length.amount)
        case _:
            return day


def instant_away(now: datetime, sign: int, length: Length, zone: ZoneInfo) -> datetime:
    """The instant a length before or after now: a day is 24 hours, months and years keep the time on the clock."""
    hours = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(hours=24)}
    if length.unit in hours:
        return now.astimezone(UTC) + sign * length.amount * hours[length.unit]
    local = now.astimezone(zone)
    day = day_away(local.date(), sign, length)
    return local.replace(year=day.year, month=day.month, day=day.day).astimezone(UTC)


def whole_months(first: date, last: date) -> int:
    """Whole months from one day to another, negative backwards."""
    if last < first:
        return -whole_months(last, first)
    months = (last.year - first.year) * 12 + last.month - first.month
    return months if last.day >= first.day else months - 1
