"""When branches have time for a talk: set times of the next working days, in the bank's zone, while they are free."""

from collections.abc import Container, Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = 3
"""So many working days' worth of free times is offered, beginning with the next one."""
LATEST: Final = timedelta(days=14)
"""Nothing is offered or taken further ahead."""
KEPT: Final = LATEST + timedelta(days=1)
"""How long a calendar is kept into which nobody books any more."""
_SATURDAY: Final = 5


def offered_times(
    zone: ZoneInfo, times: str, now: datetime, full: Container[datetime] = frozenset()
) -> tuple[datetime, ...]:
    """The times to choose from, earliest first, as instants in UTC.

    Args:
        zone: the bank's.
        times: times of a day, such as `10:00,14:30`.
        now: from which on.
        full: times at which nobody else can come.
    """
    free = (at for day in _working_days(zone, now) for at in _on(day, zone, times) if at not in full)
    return tuple(islice(free, DAYS * (times.count(",") + 1)))


def is_offered(zone: ZoneInfo, times: str, at: datetime, now: datetime) -> bool:
    """Whether a time is one of the bank's, on a working day soon; it may be full."""
    day = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return now < at < now + LATEST and day.weekday() < _SATURDAY and at in _on(day, zone, times)


def _working_days(zone: ZoneInfo, now: datetime) -> Iterator[datetime]:
    today = now.astimezone(zone)
    days = (today + timedelta(days=ahead) for ahead in range(1, LATEST.days))
    return (day for day in days if day.weekday() < _SATURDAY)


def _on(day: datetime, zone: ZoneInfo, times: str) -> tuple[datetime, ...]:
    each = sorted(time.fromisoformat(text) for text in times.split(","))
    return tuple(datetime.combine(day.date(), at, zone).astimezone(UTC) for at in each)
