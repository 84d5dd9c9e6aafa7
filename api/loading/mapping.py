"""What a mapping says: which files a bank hands over, and how their columns become the catalogue's facts.

Values only: `mapping_file` reads them from YAML, `binding` checks them against the catalogue and the files.
"""

from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from engine.errors import Span

Where = Map[str, frozenset[str]]
"""Rows in which each named column holds one of some texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Adds the columns of another table, as `table.column`, to each row; one row for each match."""

    table: str
    on: str
    """The column of this table, perhaps joined before."""
    key: str
    """The column of the other table that it must equal."""
    where: Where
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One file, and how to read it."""

    name: str
    file: str
    span: Span
    delimiter: str = ","
    encoding: str = "utf-8"
    empty: frozenset[str] = frozenset({""})
    """Texts that stand for no value."""
    zone: str | None = None
    """The zone of its instants that name none; None: the bank's."""
    customer: str | None = None
    """The column that names whose row it is, perhaps a joined one."""
    joins: tuple[Join, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DateFormat:
    """How dates are written: YYYY or YY, MM, DD, hh, mm, ss and the signs between them."""

    text: str
    century: int = 0
    """Added to a two-digit year."""
    month_offset: int = 0
    """What a month above 12 carries on top, such as the 50 of women's Czech birth numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A value for the numbers below a bound; None: for all others."""

    below: Decimal | None
    value: str


class Distance(StrEnum):
    """Whole units from a date to the data's date."""

    YEARS = "years"
    MONTHS = "months"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """How one value is read from a row: a column or a constant, then at most one step of each kind, in this order."""

    span: Span
    column: str | None = None
    constant: tuple[str, ...] | None = None
    """One text, or several for a set."""
    split: str | None = None
    """What separates the members of a set in one text."""
    characters: tuple[int, int] | None = None
    """First and last character to keep, counted from 1."""
    codes: Map[str, str] = field(default_factory=dict)
    otherwise: str | None = None
    """What a code that is not listed becomes; None: it is refused."""
    date: DateFormat | None = None
    until_as_of: Distance | None = None
    times: Decimal | None = None
    bands: tuple[Band, ...] = ()
    prefix: str = ""
    if_missing: str | None = None
    span_by_value: Map[str, Span] = field(default_factory=dict)
    """Where the values stand that steps make: those of codes and bands, `otherwise`, `if_missing`, constants."""
    keep_bad: bool = False
    """Whether a value that does not fit becomes missing instead of costing its row."""


class Summary(StrEnum):
    """How the rows of another table become one value of a customer."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    LATEST = "latest"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """An attribute made from the customer's rows of a table."""

    summary: Summary
    table: str
    cell: Cell | None
    """What is summarised; None for count and any."""
    by: Cell | None
    """What `latest` goes by."""
    where: Where
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Where consent is found: for each purpose a list of channels, or yes or no for all of them."""

    table: str
    cell_by_purpose: Map[str, Cell]
    objection: Cell | None
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """Who the customers are and where their attributes come from."""

    table: str
    id: str
    id_prefix: str
    same_names: bool
    """Whether attributes that are not listed come from the columns of their own names."""
    attributes: Map[str, Cell | Aggregate]
    segments: Cell | None
    groups: Cell | None
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Products:
    """Rows that each say that a customer holds a product."""

    table: str
    where: Where
    product: Cell
    opened_on: Cell | None
    closed_on: Cell | None
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """Rows that each name a customer in some scheme."""

    table: str
    where: Where
    scheme: str
    value: Cell
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Rows that each are an event."""

    table: str
    where: Where
    event: Cell
    at: Cell
    id: Cell | None
    fields: Map[str, Cell]
    json: str | None
    """The column that holds all fields as a JSON object."""
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """Rows that each are an offer that reached a customer, with what became of it."""

    table: str
    where: Where
    cells: Map[str, Cell]
    """By name: at, channel, action, session, positive, declined, decline_reason, converted."""
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """A whole mapping file."""

    path: str
    tables: Map[str, Table]
    customers: Customers
    products: tuple[Products, ...] = ()
    identities: tuple[Identities, ...] = ()
    events: tuple[Events, ...] = ()
    consents: tuple[Consent, ...] = ()
    contacts: tuple[Contacts, ...] = ()
    as_of: date | None = None
    """The day that ages and windows count back from; None: today."""
    source: str = ""
    """The system that the files come from, as the catalogue's `merge_order` names it."""
    history_since: date | None = None
    """Since when the events are complete; None: since the earliest."""
