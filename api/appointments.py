"""When branches have time for a talk: set times of the next working days, in the bank's zone."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = 3
"""Working days ahead that are offered, beginning with the next one."""
LATEST: Final = timedelta(days=14)
"""A time that was offered may still be taken, but not one so far ahead."""
_SATURDAY: Final = 5


def offered_times(zone: ZoneInfo, times: str, now: datetime) -> tuple[datetime, ...]:
    """The times to choose from, earliest first, as instants in UTC.

    Args:
        zone: the bank's.
        times: times of a day, such as `10:00,14:30`.
        now: from which on.
    """
    days = _working_days(zone, now)
    return tuple(at for _, day in zip(range(DAYS), days, strict=False) for at in _on(day, zone, times))


def is_offered(zone: ZoneInfo, times: str, at: datetime, now: datetime) -> bool:
    """Whether a time may be taken: one of the bank's, on a working day soon."""
    day = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return now < at < now + LATEST and day.weekday() < _SATURDAY and at in _on(day, zone, times)


def _working_days(zone: ZoneInfo, now: datetime) -> Iterator[datetime]:
    day = now.astimezone(zone)
    while True:
        day += timedelta(days=1)
        if day.weekday() < _SATURDAY:
            yield day


def _on(day: datetime, zone: ZoneInfo, times: str) -> tuple[datetime, ...]:
    each = sorted(time.fromisoformat(text) for text in times.split(","))
    return tuple(datetime.combine(day.date(), at, zone).astimezone(UTC) for at in each)
