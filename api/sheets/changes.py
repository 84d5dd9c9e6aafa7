"""What an import would do, as a plan that people read before it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from api.sheets.grid import Grid
from api.sheets.matching import Matched
from api.sheets.problems import Spot
from api.sheets.tables import Row

Kind = Literal["changed", "added", "removed"]
Placed = tuple[Row, Grid, int]
"""A row as it stands in the new files, and the sheet and number of the row of the workbook that it came from."""


@dataclass(frozen=True, slots=True)
class CellChange:
    """An edited cell."""

    spot: Spot
    header: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A row that changes, comes or goes."""

    kind: Kind
    what: str
    """Sheet and names, such as `Triggers address_changed`."""
    file: str
    spot: Spot
    cells: Sequence[CellChange] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a workbook makes of a folder."""

    files: Mapping[str, bytes | None]
    """The files that change, None for those that go."""
    changes: Sequence[Change]
    notes: Sequence[str]
    """What changed in the folder since the export."""
    placed: Sequence[Placed]

    def count(self, kind: Kind) -> int:
        """How many rows change, come or go."""
        return sum(change.kind == kind for change in self.changes)


def removal(row: Row) -> Change:
    """A row that goes."""
    return Change(kind="removed", what=_what(row), file=row.file, spot=Spot(row.sheet.name))


def addition(matched: Matched, sheet_name: str, label: str, key: str, file: str) -> Change:
    """A row that comes."""
    what = " ".join(part for part in (sheet_name, label, key) if part)
    return Change(kind="added", what=what, file=file, spot=matched.spot())


def edit(matched: Matched, row: Row, cells: Sequence[CellChange]) -> Change:
    """A row that changes."""
    return Change(kind="changed", what=_what(row), file=row.file, spot=matched.spot(), cells=cells)


def short(text: str) -> str:
    """A cell's text in one line of a plan."""
    line = " / ".join(text.split("\n"))
    return line if len(line) <= 60 else f"{line[:57]}..."


def _what(row: Row) -> str:
    return " ".join(part for part in (row.sheet.name, row.parent, row.key) if part)
