"""The tables of the archive: their columns, and how rows become Parquet files and files rows again.

Values are plain numbers, texts and bytes in column order, so that a row read back hashes as it was written. The nested
column `actions` is held as one list a field.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

_INSTANT: Final = pa.timestamp("us", tz="UTC")
_TEXTS: Final = pa.list_(pa.string())
ACTIONS: Final = "actions"
ACTION_FIELDS: Final[Mapping[str, Any]] = {
    "action": pa.string(),
    "reason": pa.string(),
    "theme": pa.string(),
    "propensity": pa.float64(),
    "value": pa.float64(),
    "context_weight": pa.float64(),
    "lever": pa.float64(),
    "priority": pa.float64(),
    "place": pa.int32(),
    "placement": pa.string(),
    "rank": pa.int32(),
    "probability": pa.float64(),
}
_PLACE: Final = {"partition": pa.int16(), "sequence": pa.int64(), "entry_id": pa.string()}
HASH: Final = "hash"
_HASH: Final = {HASH: pa.binary(32)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table; its files carry its name."""

    name: str
    schema: Any

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are hashed: all but the hash."""
        return tuple(self.schema.names[:-1])


def _table(name: str, columns: Mapping[str, Any]) -> Table:
    return Table(name=name, schema=pa.schema([*_PLACE.items(), *columns.items(), *_HASH.items()]))


DECISIONS: Final = _table(
    "decisions",
    {
        "decision_id": pa.string(),
        "decided_at": _INSTANT,
        "release": pa.string(),
        "ruleset": pa.string(),
        "model": pa.string(),
        "record": pa.string(),
        "channel": pa.string(),
        "moment": pa.string(),
        "degraded": _TEXTS,
        "arms": pa.string(),
        "replayed": pa.string(),
        "facts": pa.string(),
        ACTIONS: pa.list_(pa.struct(list(ACTION_FIELDS.items()))),
        "draws": pa.string(),
        "ghosts": pa.string(),
        "recorded": pa.binary(),
    },
)
OUTCOMES: Final = _table(
    "outcomes",
    {
        "received_at": _INSTANT,
        "occurred_at": _INSTANT,
        "outcome_id": pa.string(),
        "decision_id": pa.string(),
        "record": pa.string(),
        "action": pa.string(),
        "outcome": pa.string(),
        "reason": pa.string(),
        "late": pa.bool_(),
        "channel": pa.int32(),
        "placement": pa.string(),
        "rank": pa.int32(),
        "treatment": pa.string(),
        "recorded": pa.binary(),
    },
)
CONSENTS: Final = _table(
    "consents",
    {
        "received_at": _INSTANT,
        "record": pa.string(),
        "version": pa.int64(),
        "profiling_objection": pa.bool_(),
        "purposes": pa.string(),
        "recorded": pa.binary(),
    },
)
EVENTS: Final = _table(
    "events",
    {
        "received_at": _INSTANT,
        "occurred_at": _INSTANT,
        "record": pa.string(),
        "type": pa.string(),
        "source": pa.string(),
        "event_id": pa.string(),
        "data": pa.string(),
        "recorded": pa.binary(),
    },
)
QUARANTINED: Final = _table(
    "quarantined",
    {
        "put_aside_at": _INSTANT,
        "reason": pa.string(),
        "record": pa.string(),
        "type": pa.string(),
        "source": pa.string(),
        "event_id": pa.string(),
        "data": pa.string(),
        "body": pa.binary(),
        "recorded": pa.binary(),
    },
)
OTHERS: Final = _table("others", {"kind": pa.string(), "recorded": pa.binary()})
TABLES: Final[Mapping[str, Table]] = {
    each.name: each for each in (DECISIONS, OUTCOMES, CONSENTS, EVENTS, QUARANTINED, OTHERS)
}
ROWS_TOGETHER: Final = 2_000
"""Rows of which a file tells from where to where their partitions go."""
Values = tuple[Any, ...]


class Row(NamedTuple):
    """A record of the archive."""

    table: Table
    values: Values
    """In the order of `Table.columns`: partition, sequence and entry id first."""
    hash: bytes

    @property
    def partition(self) -> int:
        """Where it belongs."""
        return int(self.values[0])

    @property
    def sequence(self) -> int:
        """Its number in its partition, from 1."""
        return int(self.values[1])

    @property
    def entry_id(self) -> str:
        """Its place in the stream."""
        return str(self.values[2])

    def value(self, column: str) -> Any:
        """A value by the name of its column."""
        return self.values[self.table.columns.index(column)]


def write(rows: Sequence[Row], path: Path) -> None:
    """Write rows of one table as a Parquet file; it appears in pieces, so write it under another name first."""
    table = rows[0].table
    columns = list(zip(*(row.values for row in rows), strict=True))
    arrays = [
        _actions(values) if name == ACTIONS else pa.array(values, table.schema.field(name).type)
        for name, values in zip(table.columns, columns, strict=True)
    ]
    arrays.append(pa.array([row.hash for row in rows], pa.binary(32)))
    whole = pa.Table.from_arrays(arrays, schema=table.schema)
    pq.write_table(whole, path, compression="zstd", row_group_size=ROWS_TOGETHER)


def _actions(values: Sequence[tuple[Sequence[object], ...] | None]) -> Any:
    offsets: list[int | None] = []
    flat: list[list[object]] = [[] for _ in ACTION_FIELDS]
    for lists in values:
        # An offset that is missing makes its row null; the next one tells where it ends.
        offsets.append(None if lists is None else len(flat[0]))
        for field, held in zip(flat, lists or (), strict=False):
            field.extend(held)
    offsets.append(len(flat[0]))
    kinds = ACTION_FIELDS.items()
    fields = [pa.array(held, kind) for held, (_, kind) in zip(flat, kinds, strict=True)]
    struct = pa.StructArray.from_arrays(fields, fields=[pa.field(name, kind) for name, kind in kinds])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), struct)


class Unreadable(Exception):
    """A file of the archive cannot be read as one; one sentence says why."""


def read(path: Path) -> Iterator[Row]:
    """The rows of a file, in their order.

    Raises:
        Unreadable: it is no file of the archive.
    """
    table = TABLES.get(path.name.partition("-")[0])
    if table is None:
        raise Unreadable("no table of the archive has this name")
    try:
        with pq.ParquetFile(path) as file:
            if file.schema_arrow.names != table.schema.names:
                raise Unreadable("its columns are not those of the archive")
            for group in range(file.num_row_groups):
                yield from _rows(table, file.read_row_group(group))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unreadable(f"it is damaged: {str(error).splitlines()[0]}") from error


def _rows(table: Table, group: Any) -> Iterator[Row]:
    columns = [_plain(name, group.column(name).combine_chunks()) for name in table.schema.names]
    for *values, digest in zip(*columns, strict=True):
        yield Row(table, tuple(values), digest)


def _plain(name: str, column: Any) -> Sequence[object]:
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    if name == ACTIONS:
        return _plain_actions(column)
    return list((column.cast(pa.int64()) if column.type == _INSTANT else column).to_pylist())


def _plain_actions(column: Any) -> list[tuple[list[object], ...] | None]:
    fields = [field.to_pylist() for field in column.flatten().flatten()]
    lengths = column.value_lengths().to_pylist()
    rows: list[tuple[list[object], ...] | None] = []
    at = 0
    for length in lengths:
        rows.append(None if length is None else tuple(field[at : at + length] for field in fields))
        at += length or 0
    return rows
