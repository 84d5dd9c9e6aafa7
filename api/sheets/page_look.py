"""How a sheet lies before people: rows as tall as their texts, and pages that print with their headers."""

from collections.abc import Iterable
from textwrap import wrap
from typing import Final

from openpyxl.styles import Alignment
from openpyxl.worksheet.dimensions import RowDimension
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

TYPEFACE: Final = "Calibri"
LEFT: Final = Alignment(vertical="top", wrap_text=True)
HEADER: Final = Alignment(vertical="center", wrap_text=True)
NUMBERS: Final = Alignment(vertical="top", horizontal="right", indent=1)
_LINE_POINTS: Final = 15.0
_MOST_LINES: Final = 16
_PAGE_WIDTH: Final = 230.0
"""Characters that are read with ease across a sheet of A3 paper."""


class _FittedRow(RowDimension):
    """A height that spreadsheets may fit anew when somebody types: not one that a person has set."""

    @property
    def customHeight(self) -> bool:  # noqa: N802 - the name in the file format
        """Whether somebody set the height."""
        return False


def fit_row(page: Worksheet, number: int, texts: Iterable[tuple[str, float]]) -> None:
    """Make a row as tall as its texts, each with the width of its column in characters, ask for.

    Excel fits heights by itself when it opens a workbook; LibreOffice shows one line where none is told.
    """
    lines = min(max((_lines(text, width) for text, width in texts), default=1), _MOST_LINES)
    if lines > 1:
        page.row_dimensions[number] = _FittedRow(page, index=number, ht=lines * _LINE_POINTS)


def _lines(text: str, width: float) -> int:
    if len(text) < width and "\n" not in text:
        return 1
    return sum(len(wrap(line, max(int(width) - 1, 1))) or 1 for line in text.split("\n"))


def prepare_print(page: Worksheet, key_column: str) -> None:
    """Landscape on A3, as few pages across as one can read, with the headers and the names of rows on each."""
    width = sum(each.width for each in page.column_dimensions.values())
    page.page_setup.orientation = "landscape"
    page.page_setup.paperSize = Worksheet.PAPERSIZE_A3
    page.page_setup.fitToWidth = max(1, round(width / _PAGE_WIDTH))
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    page.print_title_rows = "1:1"
    page.print_title_cols = f"A:{key_column}"
    footer = page.oddFooter
    assert footer is not None
    footer.center.text = "&A, page &P of &N"
