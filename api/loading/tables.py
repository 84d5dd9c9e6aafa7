"""Reads a bank's files in batches of rows: CSV as text with every bad line named, Parquet as it is typed.

A batch holds the columns that were asked for, `ROW` with the row's number in its file, and joined columns as
`table.column`. Columns that we add begin with a control character, which no file's own column does.
"""

import csv
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from api.loading.issues import Issue, Issues, SourceError
from api.loading.mapping import Join, Table, Where

ROW: Final = "\x1frow"
_ON: Final = "\x1fon"
_KEY: Final = "\x1fkey"
_BLOCK_BYTES: Final = 16_000_000
_BATCH_ROWS: Final = 200_000
_PARQUET: Final = frozenset({".parquet", ".pq"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows of one file."""

    file: str
    rows: pl.DataFrame
    skipped: int = 0
    """Lines left out since the batch before, because they are no rows."""


def files_of(table: Table, folder: Path) -> list[Path]:
    """The files of a table, in order of name; its `file` may hold `*`.

    Raises:
        SourceError: there is none.
    """
    found = sorted(path for path in folder.glob(table.file) if path.is_file()) if table.file else []
    if not found:
        raise SourceError(table.file, f"there is no such file in {folder}")
    return found


def columns_of(table: Table, path: Path) -> list[str]:
    """The columns of a file, as its header or schema names them.

    Raises:
        SourceError: it cannot be read.
    """
    if _is_parquet(path):
        return [str(name) for name in _opened(path).schema_arrow.names]
    try:
        with path.open(encoding=_with_mark(table.encoding), errors="replace", newline="") as lines:
            header = next(csv.reader(lines, delimiter=table.delimiter), None)
    except (OSError, UnicodeError, csv.Error) as error:
        raise SourceError(path.name, f"cannot be read as {table.encoding} text") from error
    if not header:
        raise SourceError(path.name, "the file is empty")
    return header


def size_of(table: Table, folder: Path) -> int:
    """Bytes of all files of a table, unpacked.

    Raises:
        SourceError: a file is missing or is no whole Parquet file.
    """
    return sum(_unpacked_size(path) for path in files_of(table, folder))


def _unpacked_size(path: Path) -> int:
    if not _is_parquet(path):
        return path.stat().st_size
    metadata = _opened(path).metadata
    return sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))


def read_batches(
    table: Table, folder: Path, columns: Collection[str], joined: Mapping[str, pl.DataFrame], issues: Issues
) -> Iterator[Batch]:
    """All rows of a table, joined; lines that are no rows are noted and left out.

    Args:
        table: the table to read.
        folder: where its file lies.
        columns: its own columns that are wanted, without joined ones.
        joined: the rows of other tables that its joins need, from `read_whole`.
        issues: where bad lines are noted.

    Raises:
        SourceError: the file is damaged.
    """
    for path in files_of(table, folder):
        batches = _parquet_batches(path, columns) if _is_parquet(path) else _csv_batches(table, path, columns, issues)
        for batch in batches:
            rows = batch.rows
            for join in table.joins:
                rows = _join(rows, join, joined[join.table])
            yield Batch(file=batch.file, rows=rows, skipped=batch.skipped)


def read_whole(table: Table, folder: Path, columns: Collection[str], issues: Issues) -> pl.DataFrame:
    """The rows of a table that others join, in memory, without what it joins itself."""
    alone = replace(table, joins=())
    batches = [batch.rows.drop(ROW) for batch in read_batches(alone, folder, columns, {}, issues)]
    return pl.concat(batches) if batches else pl.DataFrame(schema=dict.fromkeys(columns, pl.String))


def rows_where(rows: pl.DataFrame, where: Where) -> pl.DataFrame:
    """The rows in which each named column holds one of its texts."""
    for column, texts in where.items():
        rows = rows.filter(rows[column].cast(pl.String).is_in(list(texts)).fill_null(value=False))
    return rows


def _join(rows: pl.DataFrame, join: Join, other: pl.DataFrame) -> pl.DataFrame:
    other = rows_where(other, join.where)
    key = f"{join.table}.{join.key}"
    other = other.rename({name: f"{join.table}.{name}" for name in other.columns})
    other = other.with_columns(pl.col(key).cast(pl.String).alias(_KEY))
    rows = rows.with_columns(pl.col(join.on).cast(pl.String).alias(_ON))
    return rows.join(other, left_on=_ON, right_on=_KEY, how="left", maintain_order="left_right").drop(_ON)


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in _PARQUET


def _with_mark(encoding: str) -> str:
    """UTF-8 with its byte order mark taken off, where there is one."""
    return "utf-8-sig" if encoding.lower().replace("-", "").replace("_", "") == "utf8" else encoding


def _opened(path: Path) -> Any:
    try:
        return pa.parquet.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(path.name, "is not a whole Parquet file") from error


def _parquet_batches(path: Path, columns: Collection[str]) -> Iterator[Batch]:
    first = 1
    source = _opened(path)
    try:
        for batch in source.iter_batches(batch_size=_BATCH_ROWS, columns=list(columns)):
            rows = pl.DataFrame(pl.from_arrow(batch))
            yield Batch(file=path.name, rows=_plain(rows).with_columns(_numbers(first, len(rows))))
            first += len(rows)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(path.name, "is damaged: not every row can be read") from error


def _plain(rows: pl.DataFrame) -> pl.DataFrame:
    """Dictionary columns as text, texts without blanks around them."""
    return rows.with_columns(
        pl.col(pl.Categorical, pl.Enum).cast(pl.String),
    ).with_columns(pl.col(pl.String).str.strip_chars())


def _numbers(first: int, count: int) -> pl.Series:
    return pl.Series(ROW, range(first, first + count), dtype=pl.Int64)


def _csv_batches(table: Table, path: Path, columns: Collection[str], issues: Issues) -> Iterator[Batch]:
    _refuse_open_quote(table, path)
    bad_rows: list[int] = []

    def skip(line: Any) -> str:
        bad_rows.append(line.number)
        plural = "" if line.actual_columns == 1 else "s"
        reason = f"has {line.actual_columns} column{plural}, not {line.expected_columns}"
        issues.add(Issue(path.name, line.number, "", reason))
        return "skip"

    first, told = 2, 0
    try:
        for batch in _opened_csv(table, path, columns, skip):
            numbers = _numbers_around(first, batch.num_rows, bad_rows)
            first = int(numbers[-1]) + 1 if len(numbers) else first
            rows = _emptied(_decoded(batch, numbers, path.name, issues), table.empty)
            skipped = len(bad_rows) - told + batch.num_rows - len(rows)
            told = len(bad_rows)
            yield Batch(file=path.name, rows=rows, skipped=skipped)
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise SourceError(path.name, _why_unreadable(error, table)) from error
    if len(bad_rows) > told:
        nothing = pl.DataFrame(schema={**dict.fromkeys(columns, pl.String), ROW: pl.Int64})
        yield Batch(file=path.name, rows=nothing, skipped=len(bad_rows) - told)


def _numbers_around(first: int, count: int, bad_rows: list[int]) -> pl.Series:
    """The numbers of so many good rows, from `first` on, with the bad ones left out."""
    bad = [number for number in bad_rows if number >= first]
    numbers = pl.Series(ROW, range(first, first + count + len(bad)), dtype=pl.Int64)
    return numbers.filter(~numbers.is_in(bad)).head(count)


def _decoded(batch: Any, numbers: pl.Series, file: str, issues: Issues) -> pl.DataFrame:
    """Text from bytes; rows with bytes that are no text are noted and left out."""
    columns: dict[str, pl.Series] = {}
    good = pl.Series([True]).new_from_index(0, len(numbers))
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        try:
            columns[name] = pl.Series(name, values.cast(pa.string()))
        except pa.ArrowInvalid:
            texts = [_text_of(value) for value in values.to_pylist()]
            columns[name] = pl.Series(name, texts, dtype=pl.String)
            bad = columns[name].is_null()
            good &= ~bad
            for number in numbers.filter(bad).to_list():
                issues.add(Issue(file, number, name, "is not UTF-8 text; name the file's `encoding`"))
    return pl.DataFrame([*columns.values(), numbers]).filter(good)


def _text_of(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _emptied(rows: pl.DataFrame, empty: Collection[str]) -> pl.DataFrame:
    """Texts without blanks around them; those that stand for no value become null."""
    stripped = pl.col(pl.String).str.strip_chars()
    return rows.with_columns(pl.when(~stripped.is_in(list(empty))).then(stripped).name.keep())


def _refuse_open_quote(table: Table, path: Path) -> None:
    """A quoted text that does not end swallows all rows behind it, so such a file is not read at all.

    Raises:
        SourceError: the number of quote signs is odd.
    """
    if '"'.encode(table.encoding) != b'"':
        return
    with path.open("rb") as file:
        signs = sum(block.count(b'"') for block in iter(lambda: file.read(_BLOCK_BYTES), b""))
    if signs % 2:
        raise SourceError(path.name, f"has an odd number of quote signs ({signs:,}): a quoted text does not end")


def _opened_csv(table: Table, path: Path, columns: Collection[str], skip: Any) -> Any:
    return pa.csv.open_csv(
        path,
        read_options=pa.csv.ReadOptions(use_threads=False, encoding=table.encoding, block_size=_BLOCK_BYTES),
        parse_options=pa.csv.ParseOptions(delimiter=table.delimiter, invalid_row_handler=skip, newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            include_columns=list(columns),
            column_types=dict.fromkeys(columns, pa.binary()),
            strings_can_be_null=False,
            null_values=[],
        ),
    )


def _why_unreadable(error: Exception, table: Table) -> str:
    if isinstance(error, UnicodeError):
        return f"is not {table.encoding} text"
    if "straddl" in str(error):
        return "has a row longer than 16 MB: a quoted text probably ends too late"
    return "cannot be read as delimited text"
