"""What a table's rows are used for: each use turns rows into staged values and says which cells do not fit."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import polars as pl

from api.loading.cells import Reading, read_cell
from api.loading.mapping import Aggregate, Cell, Consent, Identities, Products, Summary, Where
from engine.facts import FactSpec, FactType
from engine.ids import FactName

TEXT: Final = FactSpec(name=FactName("text"), type=FactType.TEXT)
BOOLEAN: Final = FactSpec(name=FactName("yes or no"), type=FactType.BOOLEAN)
DATE: Final = FactSpec(name=FactName("date"), type=FactType.DATE)
INSTANT: Final = FactSpec(name=FactName("instant"), type=FactType.INSTANT)
OBJECTION: Final = "\x1fobjection"
_EMPTY: Final = "is empty"


class BadValue(NamedTuple):
    """A cell that does not fit; `position` counts the rows that were read."""

    position: int
    column: str
    reason: str
    refuses: bool
    """Whether it costs its row."""


POSITION: Final = "\x1fposition"
"""The staged column that says which row a line came from; absent: there is one line a row, in their order."""


class Read(NamedTuple):
    """What a use made of some rows, and what was wrong."""

    values: pl.DataFrame
    bad: tuple[BadValue, ...]
    earliest_s: int | None = None
    """The earliest event among the rows, asked for by a rule or not."""


class Use(Protocol):
    """One thing that a table's rows are read for."""

    @property
    def name(self) -> str:
        """Names its staged rows; unique in a load."""

    @property
    def table(self) -> str:
        """The table whose rows it reads."""

    @property
    def where(self) -> Where:
        """Which rows it reads."""

    def cells(self) -> Iterator[Cell]:
        """Everything that it reads."""

    def read(self, rows: pl.DataFrame, reading: Reading) -> Read:
        """Stage some rows; a staged column is named as the use decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A value to read, the form to bring it into, and the name to stage it under."""

    name: str
    cell: Cell
    spec: FactSpec
    required: bool = False

    def read(self, rows: pl.DataFrame, reading: Reading) -> tuple[pl.Series, list[BadValue]]:
        """The held values and what is wrong with them."""
        held = read_cell(self.cell, self.spec, rows, reading)
        label = self.cell.column or self.name
        refuses = not self.cell.keep_bad
        bad = [BadValue(cell.position, label, cell.reason, refuses) for cell in held.bad]
        if self.required:
            known = {cell.position for cell in held.bad}
            empty = held.values.is_null().arg_true().to_list()
            bad += [BadValue(position, label, _EMPTY, True) for position in empty if position not in known]
        return held.values.alias(self.name), bad


def read_fields(fields: tuple[Field, ...], rows: pl.DataFrame, reading: Reading) -> Read:
    """Read several values of the same rows."""
    columns: list[pl.Series] = []
    bad: list[BadValue] = []
    for field in fields:
        column, wrong = field.read(rows, reading)
        columns.append(column)
        bad += wrong
    return Read(pl.DataFrame(columns), tuple(bad))


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldsUse:
    """Rows that become a few values each: a customer's attributes, an identity, a product held."""

    name: str
    table: str
    where: Where
    fields: tuple[Field, ...]

    def cells(self) -> Iterator[Cell]:
        """Everything that it reads."""
        return (field.cell for field in self.fields)

    def read(self, rows: pl.DataFrame, reading: Reading) -> Read:
        """One staged column a field."""
        return read_fields(self.fields, rows, reading)


def product_use(name: str, products: Products, held_products: FactSpec) -> FieldsUse:
    """Stages `product` (its position in `holds`), `opened_on` and `closed_on`."""
    product = FactSpec(name=FactName("product"), type=FactType.CATEGORY, values=held_products.values)
    fields = [Field(name="product", cell=products.product, spec=product, required=True)]
    if products.opened_on is not None:
        fields.append(Field(name="opened_on", cell=products.opened_on, spec=DATE))
    if products.closed_on is not None:
        fields.append(Field(name="closed_on", cell=products.closed_on, spec=DATE))
    return FieldsUse(name=name, table=products.table, where=products.where, fields=tuple(fields))


def identity_use(name: str, identities: Identities) -> FieldsUse:
    """Stages `value`; rows without one name nobody and are left out later."""
    field = Field(name="value", cell=identities.value, spec=TEXT)
    return FieldsUse(name=name, table=identities.table, where=identities.where, fields=(field,))


def aggregate_use(name: str, aggregate: Aggregate, spec: FactSpec) -> FieldsUse:
    """Stages `value` in the attribute's held form, and `by` where the latest one counts."""
    fields = []
    if aggregate.cell is not None:
        single = aggregate.summary is not Summary.SUM
        fields.append(Field(name="value", cell=aggregate.cell, spec=spec if single else _unbounded(spec)))
    if aggregate.by is not None:
        by = (
            INSTANT
            if aggregate.by.date is not None
            else FactSpec(name=FactName("by"), type=FactType.DECIMAL, decimals=6)
        )
        fields.append(Field(name="by", cell=aggregate.by, spec=by, required=True))
    return FieldsUse(name=name, table=aggregate.table, where=aggregate.where, fields=tuple(fields))


def _unbounded(spec: FactSpec) -> FactSpec:
    """The same fact without a range: a part of a sum may lie outside the range of the sum."""
    return FactSpec(name=spec.name, type=spec.type, decimals=spec.decimals)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentUse:
    """Rows that carry consent: for each purpose the allowed channels, as positions."""

    name: str
    consent: Consent
    channels: tuple[str, ...]

    @property
    def table(self) -> str:
        """The table whose rows it reads."""
        return self.consent.table

    @property
    def where(self) -> Where:
        """Consent is read from every row."""
        return {}

    def cells(self) -> Iterator[Cell]:
        """Everything that it reads."""
        yield from self.consent.cell_by_purpose.values()
        if self.consent.objection is not None:
            yield self.consent.objection

    def read(self, rows: pl.DataFrame, reading: Reading) -> Read:
        """One staged column a purpose, and `OBJECTION`."""
        channels = FactSpec(name=FactName("channels"), type=FactType.SET, values=self.channels)
        columns: list[pl.Series] = []
        bad: list[BadValue] = []
        for purpose, cell in self.consent.cell_by_purpose.items():
            spec = channels if _lists(cell, rows) else BOOLEAN
            column, wrong = Field(name=purpose, cell=cell, spec=spec).read(rows, reading)
            columns.append(_all_or_none(column, len(self.channels)) if spec is BOOLEAN else column)
            bad += wrong
        if self.consent.objection is not None:
            column, wrong = Field(name=OBJECTION, cell=self.consent.objection, spec=BOOLEAN).read(rows, reading)
            columns.append(column)
            bad += wrong
        return Read(pl.DataFrame(columns), tuple(bad))


def _lists(cell: Cell, rows: pl.DataFrame) -> bool:
    """Whether a cell names channels rather than saying yes or no for all of them."""
    if cell.constant is not None:
        return not {text.lower() for text in cell.constant} <= {"true", "false"}
    assert cell.column is not None
    return cell.split is not None or isinstance(rows[cell.column].dtype, pl.List)


def _all_or_none(answers: pl.Series, channels: int) -> pl.Series:
    every, none = list(range(channels)), list[int]()
    lists = [None if answer is None else every if answer else none for answer in answers.to_list()]
    return pl.Series(answers.name, lists, dtype=pl.List(pl.Int64))
