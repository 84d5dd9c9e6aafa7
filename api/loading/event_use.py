"""Turns rows into events, and events into the instants and amounts that the rules' filters and running facts keep."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import polars as pl

from api.loading.cells import Reading
from api.loading.held import BadCell, hold_column
from api.loading.mapping import Cell, Events, Where
from api.loading.uses import INSTANT, POSITION, TEXT, BadValue, Field, Read
from engine.errors import FactError
from engine.events import EventFilter, EventLayout, EventSpec
from engine.facts import NUMERIC, FactSpec, FactType, Held, Natural, is_missing
from engine.ids import EventName, FactName
from engine.running import Running

LATER: Final = "lies after the day of the data"
EARLIER: Final = "lies before 1970, where no history begins"
_EMPTY_OBJECT: Final = frozenset({"", "{}", "null"})
_NOTHING: Final = pl.DataFrame(schema={POSITION: pl.UInt32, "filter": pl.UInt16, "amount": pl.Int64})
_DECODER: Final = msgspec.json.Decoder(dict[str, bool | int | float | str | None])


@dataclass(frozen=True, slots=True, kw_only=True)
class EventUse:
    """Rows that each are an event; stages a line for each filter that it matches: `filter`, `at`, `amount` and `id`.

    Running facts count on as filters behind the layout's own; of these alone there is an `amount`.
    """

    name: str
    events: Events
    specs: Mapping[EventName, EventSpec]
    layout: EventLayout

    @property
    def table(self) -> str:
        """The table whose rows it reads."""
        return self.events.table

    @property
    def where(self) -> Where:
        """Which rows it reads."""
        return self.events.where

    def cells(self) -> Iterator[Cell]:
        """Everything that it reads."""
        yield from (self.events.event, self.events.at, *self.events.fields.values())
        if self.events.id is not None:
            yield self.events.id
        if self.events.json is not None:
            yield Cell(span=self.events.span, column=self.events.json)

    def read(self, rows: pl.DataFrame, reading: Reading) -> Read:
        """Every row is checked whole, whether or not a rule asks for its event."""
        names = tuple(self.specs)
        kind = FactSpec(name=FactName("event"), type=FactType.CATEGORY, values=names)
        events, bad = Field(name="event", cell=self.events.event, spec=kind, required=True).read(rows, reading)
        instants, wrong = Field(name="at", cell=self.events.at, spec=INSTANT, required=True).read(rows, reading)
        bad += wrong + _out_of_time(instants, self.events.at, reading)
        ids = pl.Series("id", [None] * len(rows), dtype=pl.String)
        if self.events.id is not None:
            ids, wrong = Field(name="id", cell=self.events.id, spec=TEXT).read(rows, reading)
            bad += wrong
        lines = []
        for event in events.drop_nulls().unique(maintain_order=True).to_list():
            positions = (events == event).arg_true()
            matches, wrong = self._matches(self.specs[EventName(names[event])], rows, positions, reading)
            bad += wrong
            lines += matches
        values = pl.concat([_NOTHING, *lines])
        at, named = instants.gather(values[POSITION]), ids.gather(values[POSITION])
        lines_with_time = values.with_columns(at.alias("at"), named.alias("id")).filter(pl.col("at").is_not_null())
        return Read(lines_with_time, tuple(bad), earliest_s=_earliest(instants))

    def _matches(
        self, spec: EventSpec, rows: pl.DataFrame, positions: pl.Series, reading: Reading
    ) -> tuple[list[pl.DataFrame], list[BadValue]]:
        """The rows of one kind of event that each filter and running fact keeps."""
        fields, bad = self._fields(spec, rows[positions], reading)
        lines = []
        held: list[list[Held]] | None = None
        kinds: tuple[EventFilter | Running, ...] = (*self.layout.filters, *self.layout.running)
        for at, kept in enumerate(kinds):
            if kept.event != spec.name:
                continue
            if kept.matches is not None and held is None:
                held = _rows_of(spec, fields)
            passes = _passes(len(positions), kept.matches, held or [])
            amounts = pl.Series([None] * len(positions), dtype=pl.Int64)
            if isinstance(kept, Running):
                amounts = _amounts(kept, fields, len(positions))
                passes &= amounts.is_not_null()
            lines.append(_line(positions=positions.filter(passes), at=at, amounts=amounts.filter(passes)))
        return lines, [value._replace(position=positions[value.position]) for value in bad]

    def _fields(self, spec: EventSpec, rows: pl.DataFrame, reading: Reading) -> tuple[list[pl.Series], list[BadValue]]:
        if self.events.json is not None:
            columns, cells = _read_json(spec, rows[self.events.json])
            return columns, [BadValue(cell.position, self.events.json, cell.reason, True) for cell in cells]
        columns, bad = [], []
        for field in spec.fields:
            cell = self.events.fields.get(field.name, Cell(span=self.events.span, constant=()))
            column, wrong = Field(name=field.name, cell=cell, spec=field).read(rows, reading)
            columns.append(column)
            bad += wrong
        return columns, bad


def _line(*, positions: pl.Series, at: int, amounts: pl.Series) -> pl.DataFrame:
    filters = pl.repeat(at, len(positions), dtype=pl.UInt16, eager=True)
    return pl.DataFrame({POSITION: positions, "filter": filters, "amount": amounts})


def _passes(count: int, matches: Callable[[Sequence[Held]], bool] | None, held: list[list[Held]]) -> pl.Series:
    if matches is None:
        return pl.repeat(True, count, dtype=pl.Boolean, eager=True)
    return pl.Series([matches(fields) for fields in held], dtype=pl.Boolean)


def _amounts(fact: Running, fields: list[pl.Series], count: int) -> pl.Series:
    """What each event adds to a running fact; null where it does not say."""
    if fact.field is None:
        return pl.repeat(1, count, dtype=pl.Int64, eager=True)
    return fields[fact.field].cast(pl.Int64)


def _rows_of(spec: EventSpec, columns: list[pl.Series]) -> list[list[Held]]:
    """Held fields row by row, as filters take them: missing numbers are NaN again."""
    lists = [
        [field.missing if value is None else value for value in column.to_list()]
        for field, column in zip(spec.fields, columns, strict=True)
    ]
    return [list(row) for row in zip(*lists, strict=True)]


def _earliest(instants: pl.Series) -> int | None:
    earliest = instants.min()
    return max(earliest, 1) if isinstance(earliest, int) else None


def _out_of_time(instants: pl.Series, cell: Cell, reading: Reading) -> list[BadValue]:
    return [
        BadValue(position, cell.column or "at", reason, True)
        for wrong, reason in ((instants > reading.until_s, LATER), (instants <= 0, EARLIER))
        for position in wrong.arg_true().to_list()
    ]


def _read_json(spec: EventSpec, texts: pl.Series) -> tuple[list[pl.Series], list[BadCell]]:
    """The declared fields of JSON objects, in held form.

    An object with the one declared field is read by pattern; every other shape is decoded one by one.
    """
    columns = [pl.Series(field.name, [None] * len(texts), dtype=_kind(field)) for field in spec.fields]
    plain = texts.fill_null("").is_in(list(_EMPTY_OBJECT))
    bad: list[BadCell] = []
    if len(spec.fields) == 1:
        found = texts.str.extract(_pattern(spec.fields[0]))
        held = hold_column(spec.fields[0], found)
        columns, bad = [held.values.alias(spec.fields[0].name)], list(held.bad)
        plain |= found.is_not_null()
    unusual = (~plain).arg_true()
    if len(unusual):
        slow, wrong = _decoded(spec, texts.gather(unusual))
        columns = [column.scatter(unusual, values) for column, values in zip(columns, slow, strict=True)]
        bad += [BadCell(unusual[cell.position], cell.reason) for cell in wrong]
    return columns, bad


def _kind(field: FactSpec) -> type[pl.DataType]:
    return pl.Boolean if field.type is FactType.BOOLEAN else pl.String if field.type is FactType.TEXT else pl.Int64


def _pattern(field: FactSpec) -> str:
    value = r"(-?[0-9][0-9.eE+-]*)" if field.type in NUMERIC else r'"([^"\\]*)"'
    return rf'^\s*\{{\s*"{field.name}"\s*:\s*{value}\s*\}}\s*$'


def _decoded(spec: EventSpec, texts: pl.Series) -> tuple[list[pl.Series], list[BadCell]]:
    """One held column a field, and the objects that do not fit."""
    rows: list[list[Held]] = []
    bad: list[BadCell] = []
    for position, text in enumerate(texts.to_list()):
        row: list[Held] = [None] * len(spec.fields)
        try:
            data: Mapping[str, Natural] = _DECODER.decode(text)
            row = [None if is_missing(held) else held for held in spec.hold(data)]
        except msgspec.DecodeError:
            bad.append(BadCell(position, "must be a JSON object of plain values"))
        except FactError as error:
            bad.append(BadCell(position, str(error)))
        rows.append(row)
    return [
        pl.Series(field.name, [row[at] for row in rows], dtype=_kind(field)) for at, field in enumerate(spec.fields)
    ], bad
