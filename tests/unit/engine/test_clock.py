"""Windows on ordinary days, at the ends of months and across changes of the clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.clock import Clock, Windows, away, before, shifted_day, start_of
from engine.syntax import Duration

LONDON = ZoneInfo("Europe/London")
KOLKATA = ZoneInfo("Asia/Kolkata")


def duration(text: str) -> Duration:
    """Such as `30d`."""
    amount = int("".join(each for each in text if each.isdigit()))
    return Duration(amount, text.removeprefix(str(amount)))  # type: ignore[arg-type]  # tests name units that exist


def london(text: str) -> datetime:
    """A time on the clock in London."""
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


@pytest.mark.parametrize("length", ["24h", "1440min", "1d"])
@pytest.mark.parametrize("now", ["2026-03-29T12:00", "2026-10-25T12:00", "2026-01-05T12:00"])
def test_hours_and_days_of_instants_are_elapsed_time(now: str, length: str) -> None:
    """A day is 24 hours, whatever the clocks did meanwhile."""
    assert before(london(now), duration(length)).astimezone(UTC) == london(now).astimezone(UTC) - timedelta(hours=24)
    assert away(london(now), 1, duration(length)).astimezone(UTC) == london(now).astimezone(UTC) + timedelta(hours=24)


@pytest.mark.parametrize(
    ("now", "length", "began"),
    [
        ("2026-03-31T12:00", "1mo", "2026-02-28T12:00"),
        ("2024-03-31T12:00", "1mo", "2024-02-29T12:00"),
        ("2024-02-29T12:00", "1y", "2023-02-28T12:00"),
        ("2026-01-31T12:00", "2mo", "2025-11-30T12:00"),
        ("2026-04-20T12:00", "6mo", "2025-10-20T12:00"),
    ],
)
def test_months_and_years_of_instants_keep_the_time_on_the_clock(now: str, length: str, began: str) -> None:
    """A day that the month does not have becomes its last one; summer time does not move the hour."""
    assert before(london(now), duration(length)) == london(began)


def test_months_ahead_are_those_of_the_calendar() -> None:
    """A month after the end of January is the end of February, not 31 days on."""
    assert away(london("2026-01-31T12:00"), 1, duration("1mo")) == london("2026-02-28T12:00")


@pytest.mark.parametrize(
    ("sign", "length", "day"),
    [
        (-1, "30d", date(2026, 2, 27)),
        (1, "3d", date(2026, 4, 1)),
        (-1, "1mo", date(2026, 2, 28)),
        (1, "11mo", date(2027, 2, 28)),
        (-1, "12h", date(2026, 3, 29)),
    ],
)
def test_days_are_shifted_by_the_calendar(sign: int, length: str, day: date) -> None:
    """From 29 March 2026, when the clocks change; hours do not leave the day."""
    assert shifted_day(date(2026, 3, 29), sign, duration(length)) == day


@pytest.mark.parametrize(
    ("calendar", "began"),
    [("day", "2026-03-29T00:00"), ("week", "2026-03-23T00:00"), ("month", "2026-03-01T00:00")],
)
def test_calendar_windows_begin_at_midnight_in_the_banks_zone(calendar: str, began: str) -> None:
    """Weeks begin on Monday; 29 March 2026 is a Sunday of 23 hours."""
    assert start_of(london("2026-03-29T23:30"), LONDON, calendar) == london(began).timestamp()


@pytest.mark.parametrize(
    ("zone", "now", "began", "before"),
    [
        # On 6 September 2026 Santiago's clocks go from midnight to one: there is no 00:00.
        ("America/Santiago", "2026-09-06T12:00", "2026-09-06T01:00-03:00", "2026-09-05T23:59:59-04:00"),
        # On 1 November 2026 Havana's go from one back to midnight: there are two.
        ("America/Havana", "2026-11-01T12:00", "2026-11-01T00:00-04:00", "2026-10-31T23:59:59-04:00"),
    ],
)
def test_day_whose_midnight_is_skipped_or_comes_twice_begins_with_its_first_instant(
    zone: str, now: str, began: str, before: str
) -> None:
    """A contact of the second before belongs to the day before, and none falls between the two."""
    there = ZoneInfo(zone)
    start = start_of(datetime.fromisoformat(now).replace(tzinfo=there), there, "day")
    assert start == datetime.fromisoformat(began).timestamp()
    assert start - 1 == datetime.fromisoformat(before).timestamp()


def test_clock_tells_the_hour_and_day_of_the_banks_zone() -> None:
    """20:00 UTC is half past one of the next day in Kolkata, a Tuesday."""
    now = datetime(2026, 1, 5, 20, tzinfo=UTC)
    hour, weekday, day, now_s, today = Clock(KOLKATA, (), ()).slots(now)
    assert (hour, weekday, day, now_s) == (1, 1, 6, int(now.timestamp()))
    assert today == date(2026, 1, 6).toordinal()


def test_clock_bounds_windows_and_days() -> None:
    """Windows in seconds since the epoch, days as ordinals, each before or after now."""
    clock = Clock(LONDON, [(-1, duration("1d")), (1, duration("2h"))], [(-1, duration("30d")), (1, duration("1mo"))])
    now = london("2026-01-31T12:00")
    assert clock.slots(now)[5:] == (
        int(now.timestamp()) - 86_400,
        int(now.timestamp()) + 7_200,
        date(2026, 1, 1).toordinal(),
        date(2026, 2, 28).toordinal(),
    )


def test_kept_answers_are_those_of_the_same_second_alone() -> None:
    """The last answer is kept; another second is worked out anew."""
    clock, windows = Clock(LONDON, [(-1, duration("1d"))], ()), Windows(LONDON, [duration("1d"), "day"])
    for now in (london("2026-01-05T23:59:59"), london("2026-01-06T00:00:00"), london("2026-01-05T23:59:59")):
        assert clock.slots(now) == Clock(LONDON, [(-1, duration("1d"))], ()).slots(now)
        assert windows.starts(now) == (
            int(now.timestamp()) - 86_400,
            start_of(now, LONDON, "day"),
        )
