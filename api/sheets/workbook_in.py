"""Reads an edited workbook into texts, and refuses what a table of rules must not hold: each with its cell."""

import io
import re
import unicodedata
import warnings
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from api.sheets.archive import check_archive, refused
from api.sheets.forms import Form
from api.sheets.glance import glance
from api.sheets.grid import Grid, GridRow, Origin
from api.sheets.layout import SHEET_BY_NAME
from api.sheets.origin import SHEET, unpack
from api.sheets.problems import Problem, Spot, WorkbookRefused, formula_in, merged_in
from api.sheets.sheet_kinds import PLACE, Sheet
from api.sheets.tables import field_of
from api.sheets.workbook_out import NAMES, README
from engine.compiler.problem_list import suggestion

_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_TRUTHS: Final = {"=TRUE()": "true", "=FALSE()": "false"}
"""How LibreOffice saves truth values."""
_MOST_COLUMNS: Final = 300
_MOST_PLACES: Final = 1_000_000


def import_workbook(name: str, content: bytes) -> tuple[Origin, dict[str, Grid]]:
    """The cells of a workbook, and the folder that it was exported from.

    Raises:
        WorkbookRefused: with everything that keeps it from being read.
    """
    check_archive(name, content)
    if found := glance(content):
        raise WorkbookRefused(*found)
    book = _open(content)
    origin = _origin(book)
    problems: list[Problem] = []
    _check_sheets(book, origin, problems)
    grids = {}
    for page in book.worksheets:
        if page.title in origin.headers and page.title in SHEET_BY_NAME:
            grids[page.title] = _grid(page, SHEET_BY_NAME[page.title], problems)
    if problems:
        raise WorkbookRefused(*problems)
    return origin, grids


def _open(content: bytes) -> Workbook:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parts that it leaves aside, such as the printer's settings
        try:
            return load_workbook(io.BytesIO(content), keep_links=False)
        except Exception as error:  # a damaged part surfaces as nearly anything
            raise refused(f"the workbook is damaged: {type(error).__name__}") from error


def _origin(book: Workbook) -> Origin:
    if SHEET not in book.sheetnames:
        hint = "import a workbook that `nextbest table export` wrote; export again if the sheet was deleted"
        raise refused(f"the hidden sheet `{SHEET}` is missing", hint)
    page = book[SHEET]
    if not isinstance(page, Worksheet):
        raise refused(f"the hidden sheet `{SHEET}` is damaged", "export again")
    return unpack([str(row[0].value) for row in page.iter_rows(max_col=1) if row[0].value is not None])


def _check_sheets(book: Workbook, origin: Origin, problems: list[Problem]) -> None:
    expected = [*origin.headers]
    strangers = [name for name in book.sheetnames if name not in (*expected, NAMES, README, SHEET)]
    for name in expected:
        if name not in book.sheetnames:
            alike = suggestion(name, strangers).replace("did you mean", "was it renamed to")
            problems.append(Problem(Spot(name), "the sheet is missing", alike or "export again"))
        elif name not in SHEET_BY_NAME:
            problems.append(Problem(Spot(name), "this release does not know the sheet", "export again"))
        elif not isinstance(book[name], Worksheet):
            problems.append(Problem(Spot(name), "this is no sheet of cells", "export again"))
        elif book[name].sheet_state != "visible":
            problems.append(
                Problem(Spot(name), "the sheet is hidden", "unhide it, so that what is imported can be seen")
            )


def ignored_sheets(origin: Origin, names: Iterator[str]) -> list[str]:
    """Sheets that somebody added."""
    return [name for name in names if name not in (*origin.headers, NAMES, README, SHEET)]


# --- one sheet -------------------------------------------------------------------------------------------------------


def _grid(page: Worksheet, sheet: Sheet, problems: list[Problem]) -> Grid:
    if not _has_fair_shape(page, problems):
        return Grid(page.title, {}, ())
    header_by_column: dict[int, str] = {}
    letters: dict[str, str] = {}
    for cell in next(page.iter_rows(min_row=1, max_row=1, max_col=page.max_column), ()):
        header = _text(cell, None, problems)
        if not header:
            continue
        letter = get_column_letter(cell.column or 1)
        if header in letters:
            problems.append(Problem(Spot(page.title, 1, letter), f"the column `{header}` stands here twice"))
        header_by_column[cell.column or 1] = header
        letters[header] = letter
    forms = {header: each.form for header in letters if (each := field_of(sheet, header)) is not None}
    forms.update(dict.fromkeys((PLACE, sheet.parent or PLACE), Form.WORD))
    rows = []
    for found in page.iter_rows(min_row=2, max_col=page.max_column):
        texts = {}
        for cell in found:
            header = header_by_column.get(cell.column or 0, "")
            text = _text(cell, forms.get(header), problems)
            if text and header:
                texts[header] = text
            elif text:
                spot = Spot(page.title, cell.row or 0, get_column_letter(cell.column or 1))
                problems.append(Problem(spot, "this column has no header", "give it one, or empty it"))
        if texts:
            rows.append(GridRow(found[0].row or 0, texts))
            if page.row_dimensions[found[0].row or 0].hidden:
                hint = "clear the filter (Data > Clear), or unhide the row"
                problems.append(Problem(Spot(page.title, found[0].row or 0), "the row is hidden", hint))
    return Grid(page.title, letters, rows)


def _has_fair_shape(page: Worksheet, problems: list[Problem]) -> bool:
    """Whether a sheet is small enough to be read cell by cell."""
    for area in page.merged_cells.ranges:
        spot = Spot(page.title, area.min_row, get_column_letter(area.min_col))
        problems.append(merged_in(spot, area.coord))
    if page.max_column > _MOST_COLUMNS:
        problems.append(Problem(Spot(page.title), f"the sheet has more than {_MOST_COLUMNS} columns"))
        return False
    if page.max_row * page.max_column > _MOST_PLACES:
        message = f"the sheet reaches down to row {page.max_row:,}"
        problems.append(Problem(Spot(page.title), message, "delete the empty rows below the table"))
        return False
    return True


# --- one cell --------------------------------------------------------------------------------------------------------


def _text(cell: Cell | MergedCell, form: Form | None, problems: list[Problem]) -> str:
    """What a cell says as text; what spreadsheets made of it on their own is taken back, or refused."""
    value = cell.value
    if value is None or isinstance(cell, MergedCell):
        return ""
    if isinstance(value, str) and cell.data_type == "f" and value in _TRUTHS:
        return _TRUTHS[value]
    spot = Spot(cell.parent.title, cell.row, cell.column_letter)
    if cell.data_type == "f":
        problems.append(formula_in(spot))
        return ""
    try:
        return _plain(value, cell.data_type, form)
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        problems.append(Problem(spot, message, hint))
        return ""


def _plain(value: object, data_type: str, form: Form | None) -> str:
    match value:
        case _ if data_type == "e":
            raise ValueError(f"the cell holds the error {value}; write a value")
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _number(value)
        case datetime() | date() | time():
            return _moment(value, form)
        case str():
            return _clean(value)
        case _:
            raise ValueError("the cell holds neither text nor a number; format it as text and type it again")


def _number(value: float) -> str:
    """The shortest number that a spreadsheet means: its fifteen digits, not the sixteen of its arithmetic."""
    if value != value or abs(value) > 1e15:  # noqa: PLR0124 - true of a NaN alone
        raise ValueError("this number is larger than rules may hold; write it out")
    if isinstance(value, int):
        return str(value)
    short = Decimal(f"{value:.15g}").normalize()
    return f"{short:f}"


def _moment(value: datetime | date | time, form: Form | None) -> str:
    as_text = "format the cell as text and type it again"
    if form in (Form.TEXT, Form.NUMBER, None):
        raise ValueError(f"the cell holds a date, which this column does not take; {as_text}")
    if isinstance(value, datetime):
        if value.time() == time():
            return value.date().isoformat()
        return value.replace(microsecond=0).isoformat(timespec="seconds" if value.second else "minutes")
    if isinstance(value, time):
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    return value.isoformat()


def _clean(text: str) -> str:
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text).replace("\r\n", "\n").replace("\r", "\n")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") and character not in "\n\t":
            raise ValueError(f"the hidden character U+{ord(character):04X} is not allowed; type the text again")
    return text
