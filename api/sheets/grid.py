"""The cells of an edited workbook, as text, before anybody asks what they mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.sheets.problems import Spot
from api.sheets.sheet_kinds import PLACE


@dataclass(frozen=True, slots=True)
class GridRow:
    """One row: its number in the sheet, its texts by header (empty ones left out)."""

    number: int
    texts: Mapping[str, str]

    @property
    def place(self) -> str:
        """Where the row came from, empty in a new one."""
        return self.texts.get(PLACE, "")


@dataclass(frozen=True, slots=True)
class Grid:
    """One sheet: the letters of its columns by header, and its rows."""

    name: str
    letters: Mapping[str, str]
    rows: Sequence[GridRow]

    def spot(self, row: int, header: str = "") -> Spot:
        """A cell, or a row as a whole."""
        return Spot(self.name, row, self.letters.get(header, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a workbook remembers of the folder that it was exported from."""

    files: Mapping[str, bytes]
    headers: Mapping[str, Sequence[str]]
    """The headers of each sheet as they were exported."""
