"""Time as rules see it: the clock slots of a row, and windows that end now, in the bank's zone."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.syntax import Duration


class Clock:
    """Turns an instant into the row's clock slots, in the bank's zone; the last second's answer is kept."""

    def __init__(
        self, zone: ZoneInfo, windows: Sequence[tuple[int, Duration]], days: Sequence[tuple[int, Duration]]
    ) -> None:
        self.zone = zone
        self._windows = tuple(windows)
        self._days = tuple(days)
        self._kept: tuple[int, tuple[int, ...]] = (-1, ())

    def slots(self, now: datetime) -> tuple[int, ...]:
        """hour, weekday (Monday is 0), day of month, now in seconds, today's ordinal, window bounds, day bounds."""
        now_s = int(now.timestamp())
        kept = self._kept
        if kept[0] != now_s:
            kept = (now_s, self._computed(now, now_s))
            self._kept = kept
        return kept[1]

    def _computed(self, now: datetime, now_s: int) -> tuple[int, ...]:
        local = now.astimezone(self.zone)
        windows = [int(away(local, sign, window).timestamp()) for sign, window in self._windows]
        days = [shifted_day(local.date(), sign, distance).toordinal() for sign, distance in self._days]
        return (local.hour, local.weekday(), local.day, now_s, local.toordinal(), *windows, *days)


def before(instant: datetime, window: Duration) -> datetime:
    """The instant that lies a window earlier."""
    return away(instant, -1, window)


_SECONDS: Final = {"min": 60, "h": 3_600, "d": 86_400}


def away(instant: datetime, sign: int, window: Duration) -> datetime:
    """The instant a window before (-1) or after (+1): 24 hours a day whatever the clocks do, months by the calendar."""
    if window.unit in _SECONDS:
        return datetime.fromtimestamp(
            instant.timestamp() + sign * _SECONDS[window.unit] * window.amount, instant.tzinfo
        )
    day = shifted_day(instant.date(), sign, window)
    return instant.replace(year=day.year, month=day.month, day=day.day)


def shifted_day(day: date, sign: int, distance: Duration) -> date:
    """The day that lies a distance away; a day that the month does not have becomes its last one."""
    match distance.unit:
        case "min" | "h":
            return day
        case "d":
            return day + timedelta(days=sign * distance.amount)
        case "mo" | "y":
            months = distance.amount * (12 if distance.unit == "y" else 1) * sign
            year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
            for last in (day.day, 30, 29, 28):
                try:
                    return date(year, month + 1, last)
                except ValueError:
                    continue
            raise ValueError(f"no such day {distance} from {day}")


class Windows:
    """When each of some windows began: rolling ones, or the current `day`, `week` or `month`.

    The last second's answer is kept.
    """

    def __init__(self, zone: ZoneInfo, windows: Sequence[Duration | str]) -> None:
        self.zone = zone
        self._windows = tuple(windows)
        self._kept: tuple[int, tuple[int, ...]] = (-1, ())

    def starts(self, now: datetime) -> tuple[int, ...]:
        """One instant per window, in seconds since the epoch."""
        now_s = int(now.timestamp())
        kept = self._kept
        if kept[0] != now_s:
            kept = (now_s, tuple(self._start(window, now) for window in self._windows))
            self._kept = kept
        return kept[1]

    def _start(self, window: Duration | str, now: datetime) -> int:
        if isinstance(window, Duration):
            return int(before(now.astimezone(self.zone), window).timestamp())
        return start_of(now, self.zone, window)


def start_of(now: datetime, zone: ZoneInfo, calendar: str) -> int:
    """First second of the current day, week (from Monday) or month in a zone."""
    day = now.astimezone(zone).date()
    first = {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[calendar]
    return int(datetime.combine(first, time(), zone).timestamp())
