"""Broken files: what is wrong is named by file, row and column, what is right is loaded."""

from pathlib import Path

import polars as pl
import pytest

from api.loading.issues import SourceError
from api.loading.mapping_file import MappingErrors
from tests.unit.api.loading.small_bank import MAPPING, loaded, problems, written

GOOD = "id,age,income\nC1,40,1200.50\n"


@pytest.mark.parametrize(
    ("rows", "named", "kept"),
    [
        ("C2,forty,10\n", "people.csv:3: `age` must be a number", ["C1"]),
        ("C2,40.5,10\n", "people.csv:3: `age` must be a whole number", ["C1"]),
        ("C2,140,10\n", "people.csv:3: `age` must lie in 0..120", ["C1"]),
        ("C2,40,NaN\n", "people.csv:3: `income` must be a number", ["C1"]),
        ("C2,40,inf\n", "people.csv:3: `income` must be a number", ["C1"]),
        ("C2,40,1e300\n", "people.csv:3: `income` is too large or not finite", ["C1"]),
        ("C2,40,99999999999999999999\n", "people.csv:3: `income` is too large or not finite", ["C1"]),
        ("C2,40\n", "people.csv:3: has 2 columns, not 3", ["C1"]),
        ("C2,40,10,5\n", "people.csv:3: has 4 columns, not 3", ["C1"]),
        (",40,10\n", "people.csv:3: `id` names no customer", ["C1"]),
        ("C 2,40,10\n", "people.csv:3: `id` is no customer id: no blanks, 128 at most", ["C1"]),
        ('C2,40,"10\nC3,40,11"\n', "people.csv:3: `income` must be a number", ["C1"]),
        ("C2,,\n", "", ["C1", "C2"]),
    ],
)
async def test_bad_row_is_named_and_the_good_ones_are_loaded(
    tmp_path: Path, rows: str, named: str, kept: list[str]
) -> None:
    records, report = await loaded(written(tmp_path, people=GOOD + rows, orders="person\n"))
    assert problems(report) == ([named] if named else [])
    assert sorted(records.by_customer) == kept
    assert report.tables["people"].read - report.tables["people"].refused == len(kept)


async def test_rows_keep_their_numbers_behind_a_bad_line(tmp_path: Path) -> None:
    rows = "C2,1\nC3,40,10\nC4,x,10\nC5\nC6,y,10\n"
    _, report = await loaded(written(tmp_path, people=GOOD + rows, orders="person\n"))
    assert problems(report) == [
        "people.csv:3: has 2 columns, not 3",
        "people.csv:5: `age` must be a number",
        "people.csv:6: has 1 column, not 3",
        "people.csv:7: `age` must be a number",
    ]


async def test_every_bad_cell_of_a_row_is_named(tmp_path: Path) -> None:
    _, report = await loaded(written(tmp_path, people=GOOD + "C2,x,y\n", orders="person\n"))
    assert problems(report) == ["people.csv:3: `age` must be a number", "people.csv:3: `income` must be a number"]
    assert report.tables["people"].refused == 1


async def test_customer_on_several_rows_is_not_loaded(tmp_path: Path) -> None:
    """Nobody can say which of the rows is right."""
    people = GOOD + "C2,20,1\nC2,70,1\n"
    records, report = await loaded(written(tmp_path, people=people, orders="person\n"))
    assert problems(report) == [
        "people.csv:3: `id` stands on several rows, so none of them counts",
        "people.csv:4: `id` stands on several rows, so none of them counts",
    ]
    assert list(records.by_customer) == ["C1"]


async def test_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    written(tmp_path, orders="person\n")
    (tmp_path / "people.csv").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    records, report = await loaded(tmp_path)
    assert (list(records.by_customer), problems(report)) == (["C1"], [])


async def test_latin_1_bytes_in_a_utf_8_file_cost_their_row(tmp_path: Path) -> None:
    written(tmp_path, orders="person\n")
    (tmp_path / "people.csv").write_bytes((GOOD + "C\xe9,40,10\nC3,40,10\n").encode("latin-1"))
    records, report = await loaded(tmp_path)
    assert problems(report) == ["people.csv:3: `id` is not UTF-8 text; name the file's `encoding`"]
    assert sorted(records.by_customer) == ["C1", "C3"]


async def test_named_encoding_is_read(tmp_path: Path) -> None:
    written(tmp_path, orders="person\n")
    (tmp_path / "people.csv").write_bytes((GOOD + "Cé,40,10\n").encode("latin-1"))
    records, _ = await loaded(tmp_path, MAPPING.replace("{file: people.csv}", "{file: people.csv, encoding: latin-1}"))
    assert sorted(records.by_customer) == ["C1", "Cé"]


async def test_if_bad_missing_keeps_the_row_and_still_names_it(tmp_path: Path) -> None:
    text = MAPPING.replace("age: age", "age: {column: age, if_bad: missing}")
    records, report = await loaded(written(tmp_path, people=GOOD + "C2,x,10\n", orders="person\n"), text)
    assert problems(report) == ["people.csv:3: `age` must be a number"]
    assert records.profile("C2") == {"income": 10.0}


@pytest.mark.parametrize(
    ("people", "named"),
    [
        ("", "people.csv: the file is empty"),
        ('C2,40,"10\n', "people.csv: has an odd number of quote signs (1): a quoted text does not end"),
        (f'"{"x" * 33_000_000}"', "people.csv: has a row longer than 16 MB: a quoted text probably ends too late"),
    ],
    ids=["empty", "quote", "endless"],
)
async def test_file_that_cannot_be_read_loads_nothing(tmp_path: Path, people: str, named: str) -> None:
    people = GOOD + people if people else people
    with pytest.raises(SourceError) as caught:
        await loaded(written(tmp_path, people=people, orders="person\n"))
    assert str(caught.value) == named


async def test_missing_file_loads_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"orders\.csv: there is no such file"):
        await loaded(written(tmp_path, people=GOOD))


async def test_missing_column_is_an_error_of_the_mapping_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(MappingErrors) as caught:
        await loaded(written(tmp_path, people="id,years,income\nC1,40,x\n", orders="somebody\n"))
    assert (
        str(caught.value) == "mapping.yaml:9:21: unknown column of people.csv `age`; there are `id`, `income`, `years`"
    )


async def test_column_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MappingErrors, match=r"`age` stands 2 times in the header of people\.csv"):
        await loaded(written(tmp_path, people="id,age,age,income\nC1,40,41,1\n", orders="person\n"))


@pytest.mark.parametrize("cut", [0, 10, 400])
async def test_truncated_parquet_loads_nothing(tmp_path: Path, cut: int) -> None:
    written(tmp_path, orders="person\n")
    whole = tmp_path / "people.parquet"
    pl.DataFrame({"id": ["C1"], "age": [40], "income": [1.0]}).write_parquet(whole)
    whole.write_bytes(whole.read_bytes()[: cut or None][: -20 if not cut else None])
    with pytest.raises(SourceError, match=r"people\.parquet: is not a whole Parquet file"):
        await loaded(tmp_path, MAPPING.replace("people.csv", "people.parquet"))


async def test_parquet_of_the_wrong_types_names_its_rows(tmp_path: Path) -> None:
    written(tmp_path, orders="person\n")
    rows = {"id": ["C1", "C2"], "age": [[1], None], "income": [True, None]}
    pl.DataFrame(rows).write_parquet(tmp_path / "people.parquet")
    records, report = await loaded(tmp_path, MAPPING.replace("people.csv", "people.parquet"))
    assert problems(report) == [
        "people.parquet:1: `age` must be a number",
        "people.parquet:1: `income` must be a number",
    ]
    assert list(records.by_customer) == ["C2"]


async def test_problems_never_repeat_what_a_cell_holds(tmp_path: Path) -> None:
    """A report may travel further than the data it is about."""
    _, report = await loaded(written(tmp_path, people=GOOD + "C2,Mallory,10\n", orders="person\n"))
    assert b"Mallory" not in report.render()
