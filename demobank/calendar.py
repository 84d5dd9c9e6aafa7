"""Two years of history that end where `as_of` begins.
Inside the generator, time is whole seconds since the history began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from demobank.arrays import Dates, Floats, Ints, Seconds

WEEKS = 104
DAYS = 7 * WEEKS
DAY_SECONDS = 86_400
END = DAYS * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Calendar:
    """INVARIANT: nothing that the bank knows happens at or after midnight (UTC) of `as_of`."""

    as_of: date

    @property
    def began_on(self) -> date:
        return self.as_of - timedelta(days=DAYS)

    def instants(self, seconds: Seconds) -> Dates:
        """Instants in microseconds, UTC."""
        return np.datetime64(self.began_on, "us") + seconds.astype("timedelta64[s]")

    def dates(self, seconds: Seconds) -> Dates:
        return self.instants(seconds).astype("datetime64[D]")

    def seconds(self, dates: Dates) -> Seconds:
        """Midnight of each date; negative before the history began."""
        return (dates.astype("datetime64[s]") - np.datetime64(self.began_on, "s")).astype(np.int64)

    def season_angles(self) -> Floats:
        """Where each day of the history stands in the year, as an angle."""
        days = np.datetime64(self.began_on, "D") + np.arange(DAYS)
        angles: Floats = 2 * np.pi * (days - days.astype("datetime64[Y]")).astype(float) / 365.25
        return angles

    def month_starts(self) -> Dates:
        """The first day of each month that begins inside the history."""
        first = np.datetime64(self.began_on, "M") + 1
        return np.arange(first, np.datetime64(self.as_of, "M") + 1).astype("datetime64[D]")


def months_before(days: Dates, months: Ints | int) -> Dates:
    """Each day moved back by `months` (forward when negative), to the month's last day where the day does not exist."""
    month = days.astype("datetime64[M]")
    day = (days - month.astype("datetime64[D]")).astype(int)
    moved = month - months
    length = ((moved + 1).astype("datetime64[D]") - moved.astype("datetime64[D]")).astype(int)
    result: Dates = moved.astype("datetime64[D]") + np.minimum(day, length - 1)
    return result
