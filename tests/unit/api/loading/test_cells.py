"""One mapped value: the column, the mapping's steps, the held form."""

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from api.loading.cells import Reading, read_cell
from api.loading.mapping import Band, Cell, DateFormat, Distance
from engine.errors import Span
from engine.facts import FactSpec, FactType
from engine.ids import FactName

READING = Reading(as_of=date(1999, 1, 1), zone=ZoneInfo("Europe/Prague"), until_s=915_145_199)
HERE = Span("mapping.yaml")
BIRTH_NUMBER = DateFormat(text="YYMMDD", century=1900, month_offset=50)
DATE = FactSpec(name=FactName("birth_on"), type=FactType.DATE)
YEARS = FactSpec(name=FactName("age"), type=FactType.INTEGER, low=0, high=120)
GENDER = FactSpec(name=FactName("gender"), type=FactType.CATEGORY, values=("male", "female"))
MONEY = FactSpec(name=FactName("money"), type=FactType.MONEY, decimals=2)
INSTANT = FactSpec(name=FactName("at"), type=FactType.INSTANT)
SEGMENTS = FactSpec(name=FactName("segments"), type=FactType.SET, values=("mass", "private"))


def read(cell: Cell, spec: FactSpec, values: list[object]) -> tuple[list[object], list[tuple[int, str]]]:
    held = read_cell(cell, spec, pl.DataFrame({"column": pl.Series(values, strict=False)}), READING)
    return held.values.to_list(), [(bad.position, bad.reason) for bad in held.bad]


def test_birth_number_of_a_woman_carries_fifty_on_its_month() -> None:
    days, bad = read(Cell(span=HERE, column="column", date=BIRTH_NUMBER), DATE, ["706213", "450204", None])
    assert days == [date(1970, 12, 13).toordinal(), date(1945, 2, 4).toordinal(), None]
    assert bad == []


def test_gender_is_read_from_the_month_of_the_birth_number() -> None:
    bands = (Band(below=Decimal(50), value="male"), Band(below=None, value="female"))
    cell = Cell(span=HERE, column="column", characters=(3, 4), bands=bands)
    assert read(cell, GENDER, ["706213", "450204"])[0] == [1, 0]


def test_age_counts_whole_years_until_the_day_of_the_data() -> None:
    cell = Cell(span=HERE, column="column", date=BIRTH_NUMBER, until_as_of=Distance.YEARS)
    ages, bad = read(cell, YEARS, ["700101", "700102", "715228", "991301", "abc"])
    assert ages == [29, 28, 27, None, None]
    assert bad == [(3, "must be a date written as YYMMDD"), (4, "must be a date written as YYMMDD")]


def test_day_without_a_clock_is_midnight_in_the_bank_s_zone() -> None:
    cell = Cell(span=HERE, column="column", date=DateFormat(text="DD.MM.YYYY"))
    assert read(cell, INSTANT, ["01.01.1999"])[0] == [915_145_200]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1998-12-31 10:00", 915_094_800),
        ("1998-12-31T10:00:30", 915_094_830),
        ("1998-12-31T10:00:00Z", 915_098_400),
        ("1998-03-29 02:30", None),
        ("1998-02-30 10:00", None),
    ],
)
def test_instant_that_names_no_zone_is_one_of_the_table_s(text: str, instant: int | None) -> None:
    """One that the clocks leave out, or on a day that does not exist, is refused like any other that is none."""
    told, bad = read(Cell(span=HERE, column="column"), INSTANT, [text])
    assert told == [instant]
    assert len(bad) == (instant is None)


def test_codes_become_values_and_unknown_codes_are_bad() -> None:
    cell = Cell(span=HERE, column="column", codes={"M": "male", "F": "female"})
    assert read(cell, GENDER, ["M", "X", None]) == ([0, None, None], [(1, "has a code that the mapping does not list")])


def test_otherwise_takes_the_codes_that_are_not_listed() -> None:
    assert read(
        Cell(span=HERE, column="column", codes={"M": "male"}, otherwise="female"), GENDER, ["M", "X", None]
    ) == (
        [0, 1, None],
        [],
    )


def test_if_missing_fills_what_the_source_does_not_say() -> None:
    """A value that is there but does not fit stays bad: it is not missing."""
    cell = Cell(span=HERE, column="column", if_missing="0")
    assert read(cell, MONEY, ["12.5", None, "x"]) == ([1250, 0, None], [(2, "must be a number")])


def test_times_scales_a_number() -> None:
    assert read(Cell(span=HERE, column="column", times=Decimal(12)), MONEY, ["1.5", "x"]) == (
        [1800, None],
        [(1, "must be a number")],
    )


@pytest.mark.parametrize("text", ["mass;private", " private ; mass "])
def test_split_makes_a_set_of_one_text(text: str) -> None:
    assert read(Cell(span=HERE, column="column", split=";"), SEGMENTS, [text, "", None])[0] == [[0, 1], [], None]


def test_single_value_is_a_set_of_one() -> None:
    assert read(Cell(span=HERE, column="column"), SEGMENTS, ["private", None])[0] == [[1], None]


def test_list_where_a_single_value_is_meant_is_bad() -> None:
    cell = Cell(span=HERE, column="column", characters=(1, 2))
    assert read(cell, GENDER, [["male"], None]) == ([None, None], [(0, "must be a single value")])


def test_constant_needs_no_column() -> None:
    assert read(Cell(span=HERE, constant=("true",)), SEGMENTS, [1])[1] == [
        (0, "has a value that is not one of mass, private")
    ]
    assert read(Cell(span=HERE, constant=("mass",)), SEGMENTS, [1, 2])[0] == [[0], [0]]
