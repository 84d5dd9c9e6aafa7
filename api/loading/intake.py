"""Reads every file once: rows are checked whole, good ones are staged by customer, bad ones are noted and left out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from api.loading.binding import Bound
from api.loading.cells import Reading
from api.loading.issues import Issue, Issues
from api.loading.staging import Staging
from api.loading.tables import ROW, Batch, read_batches, read_whole, rows_where
from api.loading.uses import POSITION, Read, Use

CUSTOMER: Final = "\x1fcustomer"
FILE: Final = "\x1ffile"
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
        uses = tuple(use for use in bound.uses if use.table == name)
        if not uses:
            continue
        taking = _TableIntake(
            uses=uses,
            customer=bound.wanted.customers[name],
            id_prefix=bound.mapping.customers.id_prefix,
            reading=reading[name],
            staging=staging,
            issues=issues,
        )
        intake.tables[name] = taking.count
        for batch in read_batches(table, folder, bound.wanted.columns[name], joined, issues):
            taking.take(batch)
            progress(f"reading {table.file}", taking.count.read)
        firsts = (first for first in (intake.first_event_s, taking.first_event_s) if first is not None)
        intake.first_event_s = min(firsts, default=None)
    return intake


@dataclass(slots=True, kw_only=True)
class _TableIntake:
    """Stages the rows of one table, batch by batch."""

    uses: tuple[Use, ...]
    customer: str
    """The column that names whose row it is."""
    id_prefix: str
    reading: Reading
    staging: Staging
    issues: Issues
    count: TableCount = field(default_factory=TableCount)
    first_event_s: int | None = None

    def take(self, batch: Batch) -> None:
        """Stage the rows that are good for every use; a row that is bad for one is refused for all."""
        rows = batch.rows.with_columns(self._customers(batch), pl.lit(batch.file).alias(FILE))
        refused = set(rows[ROW].filter(rows[CUSTOMER].is_null()).to_list())
        staged: list[tuple[str, pl.DataFrame]] = []
        for use in self.uses:
            wanted = rows_where(rows, use.where)
            read = use.read(wanted, self.reading)
            refused |= self._note(read, wanted[ROW], batch.file)
            staged.append((use.name, _with_origin(read, wanted)))
            if read.earliest_s is not None:
                self.first_event_s = min(read.earliest_s, self.first_event_s or read.earliest_s)
        self.count.read += rows[ROW].n_unique() + batch.skipped
        self.count.refused += len(refused) + batch.skipped
        for name, lines in staged:
            good = lines.filter(~lines[ROW].is_in(list(refused))) if refused else lines
            self.staging.append(name, good, by=CUSTOMER)

    def _customers(self, batch: Batch) -> pl.Series:
        """The customer of each row, null where there is none; that costs the row."""
        raw = batch.rows[self.customer].cast(pl.String)
        ids = (self.id_prefix + raw).alias(CUSTOMER)
        fits = (ids.str.len_chars() <= MAX_ID) & ~ids.str.contains(r"[\p{Cc}{}\s]")
        for bad, reason in ((raw.is_null(), "names no customer"), (~fits, "is no customer id: no blanks, 128 at most")):
            for number in batch.rows[ROW].filter(bad.fill_null(value=False)).to_list():
                self.issues.add(Issue(batch.file, number, self.customer, reason))
        return ids.zip_with(fits.fill_null(value=False), pl.Series([None], dtype=pl.String))

    def _note(self, read: Read, numbers: pl.Series, file: str) -> set[int]:
        """Note what was bad, and return the rows that it costs."""
        refused = set()
        for bad in read.bad:
            number = int(numbers[bad.position])
            self.issues.add(Issue(file, number, bad.column, bad.reason))
            if bad.refuses:
                refused.add(number)
        return refused


def _with_origin(read: Read, rows: pl.DataFrame) -> pl.DataFrame:
    """The staged lines with their customer, file and row."""
    origin = rows.select(CUSTOMER, FILE, ROW)
    if POSITION in read.values.columns:
        origin = origin[read.values[POSITION].to_list()] if len(read.values) else origin.clear()
        return pl.concat([origin, read.values.drop(POSITION)], how="horizontal")
    return pl.concat([origin, read.values], how="horizontal") if read.values.width else origin
