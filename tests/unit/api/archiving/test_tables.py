"""Rows read back are the rows that were written, to the last bit: their hashes depend on it."""

from pathlib import Path

import pytest

from api.archiving.chain import START, link
from api.archiving.tables import (
    ACTION_FIELDS,
    CONSENTS,
    DECISIONS,
    OTHERS,
    OUTCOMES,
    Row,
    Table,
    Unreadable,
    Values,
    read,
    write,
)

ACTIONS = (
    ["a", "b"],
    ["chosen", "outranked"],
    [None, "home"],
    [0.1, None],
    [1e300, 5e-324],
    [0.2, -0.0],
    [1.0, None],
    [None, 3.3],
    [1, None],
    ["card", None],
    [1, None],
    [0.5, None],
)
EMPTY: tuple[list[object], ...] = tuple([] for _ in ACTION_FIELDS)
DECIDED = ("id", 1_790_000_000_123_457, "0.1", "sha256:1", "m", "Zoë", "atm", None, ["score"], "{}", "identical", "{}")


def rows_of(table: Table, *many: Values) -> list[Row]:
    """Rows of one partition, chained."""
    rows, previous = [], START.hash
    for number, values in enumerate(many, start=1):
        placed = (7, number, f"{number}-0", *values)
        previous = link(previous, table.name, placed)
        rows.append(Row(table, placed, previous))
    return rows


@pytest.mark.parametrize(
    "rows",
    [
        rows_of(
            DECISIONS,
            (*DECIDED, ACTIONS, "[]", "{}", b"\x00\xff"),
            (*DECIDED[:-1], None, None, None, None, b""),
            (*DECIDED, EMPTY, "[]", "{}", b"x"),
            (*DECIDED, ACTIONS, "[]", "{}", b"y"),
        ),
        rows_of(OUTCOMES, (5, -5, "o", "d", "r", "a", "accept", None, False, 0, "hero", 1, "t", b"1")),
        rows_of(CONSENTS, (5, "r", 2**40, None, "{}", b"1"), (6, "r", 1, True, "{}", b"2")),
        rows_of(OTHERS, ("?", b"1")),
    ],
    ids=lambda rows: rows[0].table.name,
)
def test_rows_read_back_hash_as_they_were_written(tmp_path: Path, rows: list[Row]) -> None:
    table = rows[0].table
    path = tmp_path / f"{table.name}-1.parquet"
    write(rows, path)
    found = list(read(path))
    assert found == rows
    previous = START.hash
    for row in found:
        previous = link(previous, table.name, row.values)
        assert previous == row.hash


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("strange-1.parquet", b"", "no table"),
        ("others-1.parquet", b"nothing", "damaged"),
        ("others-1.parquet", b"", "damaged"),
    ],
)
def test_what_is_no_file_of_the_archive_is_refused(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unreadable, match=why):
        list(read(tmp_path / name))


def test_a_file_of_another_table_is_refused(tmp_path: Path) -> None:
    write(rows_of(OTHERS, ("?", b"1")), tmp_path / "consents-1.parquet")
    with pytest.raises(Unreadable, match="columns"):
        list(read(tmp_path / "consents-1.parquet"))
