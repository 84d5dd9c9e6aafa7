"""Which columns of which files a load reads, checked against the files' headers before a row is read."""

from collections.abc import Iterable
from collections.abc import Mapping as Map
from dataclasses import dataclass
from pathlib import Path

from api.loading.mapping import Join, Mapping, Table
from api.loading.tables import columns_of, files_of
from api.loading.uses import Use
from engine.compiler.problem_list import Problems
from engine.errors import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is read from each table's own files."""

    columns: Map[str, tuple[str, ...]]
    """By table."""
    customers: Map[str, str]
    """For each table with uses the column that names whose row it is."""
    joined: tuple[str, ...]
    """The tables that others join."""


def want_columns(mapping: Mapping, uses: Iterable[tuple[Use, Span]], folder: Path, problems: Problems) -> Wanted:
    """Find the columns that the uses and joins read, and note those that the files do not have.

    Raises:
        SourceError: a file is missing, empty or cannot be read at all.
    """
    wanting = _Wanting(mapping, {name: _header(table, folder) for name, table in mapping.tables.items()}, problems)
    for table in mapping.tables.values():
        wanting.joins(table)
    for use, span in uses:
        wanting.use(use, span)
    joined = {join.table: None for table in mapping.tables.values() for join in table.joins}
    columns = {name: tuple(wanted) for name, wanted in wanting.columns.items()}
    return Wanted(columns=columns, customers=wanting.customers, joined=tuple(joined))


def _header(table: Table, folder: Path) -> list[str]:
    """The columns that all files of a table have."""
    first, *others = [columns_of(table, path) for path in files_of(table, folder)]
    return [name for name in first if all(name in other for other in others)]


class _Wanting:
    """Collects wanted columns by table, in a stable order."""

    def __init__(self, mapping: Mapping, headers: Map[str, list[str]], problems: Problems) -> None:
        self._mapping = mapping
        self._headers = headers
        self._problems = problems
        self.columns: dict[str, dict[str, None]] = {name: {} for name in mapping.tables}
        self.customers: dict[str, str] = {}

    def joins(self, table: Table) -> None:
        """Both sides of each join; a join may build on those before it."""
        for at, join in enumerate(table.joins):
            other = self._mapping.tables.get(join.table)
            if other is None:
                self._problems.unknown(join.span, "table", join.table, self._mapping.tables)
                continue
            self._want(table, join.on, join.span, table.joins[:at])
            for column in (join.key, *join.where):
                self._want(other, column, join.span, ())

    def use(self, use: Use, span: Span) -> None:
        """The columns of a use, and the one that names the customer."""
        table = self._mapping.tables.get(use.table)
        if table is None:
            self._problems.unknown(span, "table", use.table, self._mapping.tables)
            return
        is_customers = table.name == self._mapping.customers.table
        customer = self._mapping.customers.id if is_customers else table.customer
        if customer is None:
            message = f"the table `{table.name}` needs `customer`, the column that names whose row it is"
            self._problems.error(table.span, message)
        else:
            self.customers[table.name] = customer
            self._want(table, customer, table.span, table.joins)
        for cell in use.cells():
            if cell.column is not None:
                self._want(table, cell.column, cell.span, table.joins)
        for column in use.where:
            self._want(table, column, span, table.joins)

    def _want(self, table: Table, column: str, span: Span, joins: tuple[Join, ...]) -> None:
        header = self._headers[table.name]
        times = header.count(column)
        if times == 1:
            self.columns[table.name][column] = None
            return
        if times > 1:
            self._problems.error(span, f"`{column}` stands {times} times in the header of {table.file}")
            return
        prefix, _, rest = column.partition(".")
        if any(join.table == prefix for join in joins) and prefix in self._mapping.tables:
            self._want(self._mapping.tables[prefix], rest, span, ())
            return
        known = [*header, *(f"{join.table}.{name}" for join in joins for name in self._headers.get(join.table, ()))]
        self._problems.unknown(span, f"column of {table.file}", column, known)
