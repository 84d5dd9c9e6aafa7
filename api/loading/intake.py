"""Reads every file once: rows are checked whole, good ones are staged by customer, bad ones are noted and left out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from api.loading.binding import Bound
from api.loading.cells import Reading
from api.loading.issues import Issue, Issues
from api.loading.mapping import Table
from api.loading.staging import Staging
from api.loading.tables import ROW, Batch, read_batches, read_whole, rows_where
from api.loading.uses import POSITION, Read, Use

CUSTOMER: Final = "customer"
FILE: Final = "file"
MAX_ID: Final = 128
Progress = Callable[[str, int], None]
"""Told what is being done and how many rows or customers of it are done."""


@dataclass(slots=True)
class TableCount:
    """How a table's rows fared."""

    read: int = 0
    refused: int = 0


@dataclass(slots=True)
class Intake:
    """What was read."""

    tables: dict[str, TableCount] = field(default_factory=dict)
    first_event_s: int | None = None
    """The earliest event in any file."""


def take_in(
    bound: Bound, folder: Path, staging: Staging, reading: Mapping[str, Reading], issues: Issues, progress: Progress
) -> Intake:
    """Stage every table.

    Args:
        bound: what is read from where.
        folder: where the files lie.
        staging: takes the rows, named as their use, each with `CUSTOMER`, `FILE` and `ROW`.
        reading: how values are read, by table.
        issues: where bad rows are noted.
        progress: told of each batch.

    Raises:
        SourceError: a file is damaged.
    """
    tables = bound.mapping.tables
    joined = {
        name: read_whole(tables[name], folder, bound.wanted.columns[name], issues) for name in bound.wanted.joined
    }
    intake = Intake()
    for name, table in tables.items():
        uses = [use for use in bound.uses if use.table == name]
        if not uses:
            continue
        count = intake.tables.setdefault(name, TableCount())
        for batch in read_batches(table, folder, bound.wanted.columns[name], joined, issues):
            _take_batch(bound, table, uses, batch, reading[name], staging, issues, intake, count)
            progress(f"reading {table.file}", count.read)
    return intake


def _take_batch(
    bound: Bound,
    table: Table,
    uses: list[Use],
    batch: Batch,
    reading: Reading,
    staging: Staging,
    issues: Issues,
    intake: Intake,
    count: TableCount,
) -> None:
    numbers = batch.rows[ROW]
    customers = _customer_ids(bound, table, batch, issues)
    refused = set(numbers.filter(customers.is_null()).to_list())
    staged: list[tuple[Use, pl.DataFrame]] = []
    for use in uses:
        rows = rows_where(batch.rows.with_columns(customers), use.where)
        read = use.read(rows, reading)
        refused |= _note(read, rows[ROW], batch.file, issues)
        staged.append((use, _with_origin(read, rows, batch.file)))
        if read.earliest_s is not None:
            intake.first_event_s = min(read.earliest_s, intake.first_event_s or read.earliest_s)
    count.read += numbers.n_unique() + batch.skipped
    count.refused += len(refused) + batch.skipped
    for use, rows in staged:
        good = rows.filter(~rows[ROW].is_in(list(refused))) if refused else rows
        staging.append(use.name, good, by=CUSTOMER)


def _customer_ids(bound: Bound, table: Table, batch: Batch, issues: Issues) -> pl.Series:
    """The customer of each row, null where there is none; that costs the row."""
    column = bound.wanted.customers[table.name]
    raw = batch.rows[column].cast(pl.String)
    ids = (bound.mapping.customers.id_prefix + raw).alias(CUSTOMER)
    fits = (ids.str.len_chars() <= MAX_ID) & ~ids.str.contains(r"[\p{Cc}{}\s]")
    for bad, reason in ((raw.is_null(), "names no customer"), (~fits, "is no customer id: no blanks, 128 at most")):
        for number in batch.rows[ROW].filter(bad.fill_null(value=False)).to_list():
            issues.add(Issue(batch.file, number, column, reason))
    return ids.zip_with(fits.fill_null(value=False), pl.Series([None], dtype=pl.String))


def _note(read: Read, numbers: pl.Series, file: str, issues: Issues) -> set[int]:
    """Note what was bad, and return the rows that it costs."""
    refused = set()
    for bad in read.bad:
        number = int(numbers[bad.position])
        issues.add(Issue(file, number, bad.column, bad.reason))
        if bad.refuses:
            refused.add(number)
    return refused


def _with_origin(read: Read, rows: pl.DataFrame, file: str) -> pl.DataFrame:
    """The staged lines with their customer, file and row."""
    origin = rows.select(CUSTOMER, ROW).with_columns(pl.lit(file).alias(FILE))
    if POSITION in read.values.columns:
        origin = origin[read.values[POSITION].to_list()] if len(read.values) else origin.clear()
        return pl.concat([origin, read.values.drop(POSITION)], how="horizontal")
    return pl.concat([origin, read.values], how="horizontal") if read.values.width else origin
