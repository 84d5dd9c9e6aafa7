"""How benchmarks measure."""

import pytest

from bench.measure import Subject, median, spread, time_in_turns


def test_percentiles_are_measured_values() -> None:
    """By nearest rank: 95 of 100 values are at most the p95."""
    hundred = spread([float(value) for value in range(100, 0, -1)])
    assert (hundred.calls, hundred.p50_us, hundred.p95_us, hundred.p99_us) == (100, 50, 95, 99)


def test_median_of_an_even_count_is_a_measured_value() -> None:
    """The lower of the two middle ones."""
    assert median([4.0, 1.0, 3.0, 2.0]) == 2.0
    assert median([5.0]) == 5.0


def test_subjects_take_turns_and_the_first_round_does_not_count() -> None:
    """So that a busy moment falls on all subjects, and warming up on none."""
    called: list[str] = []
    subjects = [
        Subject(name="one", call=lambda: called.append("one"), calls=2),
        Subject(name="two", call=lambda: called.append("two"), calls=1),
    ]
    times = time_in_turns(subjects, rounds=2)
    assert called == ["one", "one", "two"] * 3
    assert {name: each.calls for name, each in times.items()} == {"one": 4, "two": 2}
    assert times["one"].p50_us == pytest.approx(times["one"].p50_us)
