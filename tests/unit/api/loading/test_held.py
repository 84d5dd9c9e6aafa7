"""The vectorised held form agrees with `hold`, value by value."""

import math
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.loading.held import hold_column, mask_of
from engine.errors import FactError
from engine.facts import FactSpec, FactType, Natural, hold, is_missing
from engine.ids import FactName

MONEY = FactSpec(name=FactName("money"), type=FactType.MONEY, decimals=2, low=-(10**14), high=10**14)
DECIMAL = FactSpec(name=FactName("share"), type=FactType.DECIMAL, decimals=4, low=-(10**8), high=10**8)
INTEGER = FactSpec(name=FactName("count"), type=FactType.INTEGER, low=0, high=100)
DATE = FactSpec(name=FactName("day"), type=FactType.DATE)
INSTANT = FactSpec(name=FactName("instant"), type=FactType.INSTANT)
KIND = FactSpec(name=FactName("kind"), type=FactType.CATEGORY, values=("a", "b"))
GROUPS = FactSpec(name=FactName("groups"), type=FactType.SET, values=("x", "y", "z"))


def one_by_one(spec: FactSpec, value: Natural) -> tuple[object, str]:
    """What `hold` makes of a value: the held value or None, and the problem."""
    try:
        held = hold(spec, value)
    except FactError as error:
        return None, error.problem
    return (None if is_missing(held) else held), ""


def assert_agrees(spec: FactSpec, column: pl.Series) -> None:
    held = hold_column(spec, column)
    reason_by_position = dict(held.bad)
    for position, (value, ours) in enumerate(zip(column.to_list(), held.values.to_list(), strict=True)):
        assert (ours, reason_by_position.get(position, "")) == one_by_one(spec, value), repr(value)


@given(st.lists(st.one_of(st.none(), st.floats(), st.floats(-1e6, 1e6).map(lambda x: round(x, 3)))))
def test_floats_agree_with_hold(values: list[float | None]) -> None:
    """Halves included: 1.005 is not a half as a float, but it is one as it is written."""
    column = pl.Series(values, dtype=pl.Float64)
    for spec in (MONEY, DECIMAL, INTEGER):
        assert_agrees(spec, column)


@given(st.lists(st.decimals(-(10**6), 10**6, allow_nan=False, places=3).map(str)))
def test_written_numbers_agree_with_hold(texts: list[str]) -> None:
    assert_agrees(MONEY, pl.Series(texts, dtype=pl.String))
    assert_agrees(INTEGER, pl.Series(texts, dtype=pl.String))


@given(st.lists(st.integers(-(2**62), 2**62)))
def test_integers_agree_with_hold(values: list[int]) -> None:
    assert_agrees(MONEY, pl.Series(values, dtype=pl.Int64))
    assert_agrees(INTEGER, pl.Series(values, dtype=pl.Int64))


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        (MONEY, [1.005, 1.015, 2.675, -1.005, 0.125, 1e300, 9e13, math.inf, -math.inf, None]),
        (INTEGER, ["1", "1.0", "2.5", " 3", "x", "", "1e1", None]),
        (DATE, ["2026-01-31", "2026-02-30", "20260131", "today", None]),
        (DATE, [date(2020, 2, 29), date(1, 1, 1), None]),
        (INSTANT, [datetime(2026, 1, 31, 10, tzinfo=UTC), datetime(1960, 1, 1, tzinfo=UTC), None]),
        (INSTANT, ["2026-01-31T10:00:00Z", "2026-01-31T10:00:00", "soon", None]),
        (KIND, ["a", "b", "c", None]),
    ],
)
def test_awkward_values_agree_with_hold(spec: FactSpec, values: list[Natural]) -> None:
    assert_agrees(spec, pl.Series(values, strict=False))


@pytest.mark.parametrize("text", ["1_000", "٣", "NaN", "Infinity", "0x10", "1,5", "+-1"])
def test_text_that_only_python_reads_as_a_number_is_refused(text: str) -> None:
    """`hold` takes `1_000` from a rule file; in a bank's file it is a mistake."""
    assert hold_column(MONEY, pl.Series([text])).bad[0].reason == "must be a number"


def test_nan_in_a_typed_file_is_a_missing_value() -> None:
    held = hold_column(MONEY, pl.Series([math.nan, 1.0]))
    assert (held.values.to_list(), held.bad) == ([None, 100], ())


def test_yes_and_no_come_as_words_or_digits() -> None:
    staff = FactSpec(name=FactName("staff"), type=FactType.BOOLEAN)
    held = hold_column(staff, pl.Series(["true", "FALSE", "1", "0", None, "maybe"]))
    assert held.values.to_list() == [True, False, True, False, None, None]
    assert held.bad == ((5, "must be true or false"),)


def test_sets_become_positions_and_positions_a_mask() -> None:
    held = hold_column(GROUPS, pl.Series([["z", "x"], [], None, ["x", "q"]]))
    assert held.values.to_list() == [[0, 2], [], None, None]
    assert held.bad == ((3, "has a value that is not one of x, y, z"),)
    assert mask_of([0, 2]) == hold(GROUPS, ["z", "x"])
