"""Two years that end where the day of the request begins."""

from datetime import date

import numpy as np

from demobank.calendar import END, Calendar, months_before

LEAP = Calendar(date(2024, 2, 29))


def test_the_history_ends_at_midnight() -> None:
    """728 days before, it began."""
    assert LEAP.instants(np.array([0, END])).astype(str).tolist() == [
        "2022-03-03T00:00:00.000000",
        "2024-02-29T00:00:00.000000",
    ]


def test_dates_and_seconds_go_back_and_forth() -> None:
    """Days before the history are negative."""
    days = np.array(["2022-03-02", "2022-03-04"], dtype="datetime64[D]")

    assert LEAP.seconds(days).tolist() == [-86_400, 86_400]
    assert (LEAP.dates(LEAP.seconds(days)) == days).all()


def test_a_day_that_a_month_lacks_becomes_its_last() -> None:
    """29 February a year ago was 28 February; months may also run forward."""
    day = np.array(["2024-02-29", "2023-12-31"], dtype="datetime64[D]")

    assert months_before(day, 12).astype(str).tolist() == ["2023-02-28", "2022-12-31"]
    assert months_before(day, -2).astype(str).tolist() == ["2024-04-29", "2024-02-29"]


def test_months_of_pay_begin_inside_the_history() -> None:
    """The first of the month in which the history ends is the last."""
    starts = LEAP.month_starts()

    assert starts[[0, -1]].astype(str).tolist() == ["2022-04-01", "2024-02-01"]
