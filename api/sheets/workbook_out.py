"""Writes the rows of a folder as a workbook: frozen headers, filters, lists to choose from, notes about facts."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.comments import Comment
from openpyxl.styles import Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from api.sheets.forms import Form, show
from api.sheets.grid import Origin
from api.sheets.layout import SHEETS
from api.sheets.matching import places_of
from api.sheets.meaning import meaning_of, words_of
from api.sheets.names import names_of
from api.sheets.origin import SHEET, pack
from api.sheets.page_look import HEADER, LEFT, NUMBERS, TYPEFACE, fit_row, prepare_print
from api.sheets.problems import Problem, Spot, WorkbookRefused
from api.sheets.sheet_kinds import OTHER, PLACE, Sheet
from api.sheets.tables import Document, Field, Row, chosen_headers, documents, field_of, fields_of, rows
from api.sheets.yaml_nodes import Map, find
from engine.compiler.parse import read_number

NAMES: Final = "Names"
README: Final = "Read me"
_SPARE_ROWS: Final = 500
"""Lists to choose from reach this far below the last row, so that new rows have them too."""
_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_ESCAPE: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t")
_LINE: Final = Border(bottom=Side(style="hair", color="C9CED3"))
_SHADES: Final = ("FFFFFF", "F4F6F8")
_PARENT_NAMES: Final = {"action": "actions", "theme": "themes", "rule": "rules"}
_FACT_KEYS: Final = ("type", "unit", "range", "values", "default", "source")
_GUIDE: Final = (
    "How to edit this workbook",
    "",
    "Change a cell, and exactly that value changes in the rule file; comments in the files stay.",
    "Delete a row to remove a rule or a part of it; you are told before anything goes.",
    "Add a row anywhere and leave `place` empty. To copy a rule, copy its row and give it a name of its own.",
    "A new row in Actions, Triggers or Themes becomes a new file; treatments, needs and tests have their own sheets.",
    "Sorting and filtering change nothing. Clear a filter before you import: hidden rows are refused.",
    "",
    "Conditions read as in rule files: at least 18, under 0.6, 18..65, [GB, IE], not closed, within 30d, missing.",
    "Several conditions, weights or events stand a line each: Alt+Enter starts a new line in a cell.",
    "A fact without a column goes to the column that ends in `other`, as `region: [london, wales]`,",
    "or into a column that you insert and call such as `eligible when: region`.",
    "",
    "No formulas, no merged cells, no hidden rows. The sheet Names lists what may be named; editing it does nothing.",
    "",
    "nextbest table import THIS.xlsx RULES --dry-run   shows what would change, and what is wrong, by sheet and cell.",
)


def export_workbook(files: Mapping[str, bytes]) -> bytes:
    """The workbook of a folder of rule files.

    Raises:
        ParseError: a file cannot be read.
        WorkbookRefused: a text cannot stand in a cell.
    """
    docs = documents(files)
    book = Workbook()
    book.remove(book.worksheets[0])
    _write_guide(book, docs)
    names = names_of(docs)
    headers: dict[str, Sequence[str]] = {}
    for sheet in SHEETS:
        headers[sheet.name] = chosen_headers(sheet, docs)
        fields = fields_of(sheet, headers[sheet.name])
        _write_sheet(book, sheet, headers[sheet.name], fields, rows(sheet, docs, fields), names, docs)
    _write_names(book, names)
    hidden = book.create_sheet(SHEET)
    hidden.sheet_state = "veryHidden"
    for at, text in enumerate(pack(Origin(files=files, headers=headers)), start=1):
        hidden.cell(at, 1).value = text
    book.active = 1
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


# --- one sheet -------------------------------------------------------------------------------------------------------


def _write_sheet(
    book: Workbook,
    sheet: Sheet,
    headers: Sequence[str],
    fields: Sequence[Field],
    found: Sequence[Row],
    names: Mapping[str, Sequence[str]],
    docs: Mapping[str, Document],
) -> None:
    page = book.create_sheet(sheet.name)
    page.sheet_properties.tabColor = sheet.color
    by_header = {each.header: each for each in fields}
    all_headers = [*headers, PLACE]
    widths = [_width(sheet, header) for header in all_headers]
    for at, header in enumerate(all_headers, start=1):
        _write_header(page.cell(1, at), header, sheet, docs)
        page.column_dimensions[get_column_letter(at)].width = widths[at - 1]
    shade = 0
    for number, (row, place) in enumerate(zip(found, places_of(found), strict=True), start=2):
        if number > 2 and _group(row) != _group(found[number - 3]):
            shade = 1 - shade
        fill = PatternFill("solid", fgColor=_SHADES[shade])
        for at, header in enumerate(all_headers, start=1):
            text = place if header == PLACE else row.parent if header == sheet.parent else row.cells[header]
            cell = page.cell(number, at)
            _write(cell, text, by_header.get(header))
            cell.fill, cell.border, cell.alignment = fill, _LINE, NUMBERS if cell.data_type == "n" and text else LEFT
            if header in (PLACE, sheet.parent):
                cell.font = Font(name=TYPEFACE, color="7A828A", size=9 if header == PLACE else 11)
            elif header == sheet.key:
                cell.font = Font(name=TYPEFACE, bold=True)
        fit_row(
            page, number, ((str(page.cell(number, at).value or ""), widths[at - 1]) for at in range(1, len(widths)))
        )
    last = len(found) + 1
    page.freeze_panes = page.cell(2, all_headers.index(sheet.key) + 2)
    page.auto_filter.ref = f"A1:{get_column_letter(len(all_headers))}{max(last, 2)}"
    page.row_dimensions[1].height = 46
    prepare_print(page, get_column_letter(all_headers.index(sheet.key) + 1))
    for at, header in enumerate(all_headers, start=1):
        _offer_choices(page, by_header.get(header), header, sheet, get_column_letter(at), last + _SPARE_ROWS, names)


def _group(row: Row) -> str:
    return row.file if row.sheet.parent is not None else ""


def _write_header(cell: Cell, header: str, sheet: Sheet, docs: Mapping[str, Document]) -> None:
    cell.value = header
    cell.font = Font(name=TYPEFACE, bold=True, color="FFFFFF")
    cell.fill = PatternFill("solid", fgColor="7A828A" if header == PLACE else sheet.color)
    cell.alignment = HEADER
    note = _note(header, sheet, docs)
    if note:
        cell.comment = Comment(note, "nextbest", width=320, height=120)


def _note(header: str, sheet: Sheet, docs: Mapping[str, Document]) -> str:
    if header == PLACE:
        return "Where the row came from. Leave it as it is; leave it empty in a new row."
    each = field_of(sheet, header)
    if each is None:
        return "The rule that the row belongs to."
    if each.without is not None:
        return "Everything without a column of its own: `key: value`, a line each."
    if each.column is None:
        return _about_fact(each.path[-1], docs)
    how = {
        Form.LIST: "Words with commas between them.",
        Form.WORDS: "Words with commas between them.",
        Form.PAIRS: "`key: value`, a line each.",
        Form.LINES: "One a line: `key: value, key: value`.",
    }.get(each.form, "")
    return "\n".join(part for part in (meaning_of(sheet, each), how) if part)


def _about_fact(name: str, docs: Mapping[str, Document]) -> str:
    catalogue = docs.get("catalogue.yaml")
    root = catalogue.root if catalogue is not None else None
    fact = next((node for part in ("attributes", "calculated", "context") if (node := find(root, (part, name)))), None)
    if not isinstance(fact, Map):
        product = find(root, ("products", name.removeprefix("holds."), "title")) if root is not None else None
        return f"Holds: {show(Form.TEXT, product)}\ntrue or false" if product is not None else f"On `{name}`."
    parts = [f"{key}: {show(Form.LIST, node)}" for key in _FACT_KEYS if (node := fact.get(key)) is not None]
    return f"{show(Form.TEXT, fact.get('title')) or name}\n" + "\n".join(parts)


def _width(sheet: Sheet, header: str) -> float:
    if header == PLACE:
        return 36
    if header == sheet.parent:
        return 26
    each = field_of(sheet, header)
    if each is not None and each.column is not None:
        return each.column.width
    if each is not None and each.without is not None:
        return 28 if header != OTHER else 24
    return 34 if each is not None and each.form is Form.LINES else 16


# --- one cell --------------------------------------------------------------------------------------------------------


def _write(cell: Cell, text: str, each: Field | None) -> None:
    """A text that stays text: it is no formula, no date and no number, whatever it begins with."""
    cell.number_format = "@"
    if not text:
        return
    if bad := _NOT_IN_XML.search(text):
        spot = Spot(cell.parent.title, cell.row, cell.column_letter)
        raise WorkbookRefused(Problem(spot, f"the control character U+{ord(bad[0]):04X} cannot stand in a cell"))
    number = read_number(text)
    if each is not None and each.form is Form.NUMBER and number is not None and len(text) < 15:
        cell.value = float(number) if number % 1 else int(number)
        cell.number_format = _number_format(text)
        return
    cell.value = _ESCAPE.sub("_x005F_", text)
    cell.data_type = "s"
    if text.startswith(_FORMULA_SIGNS):
        cell.quotePrefix = True


def _number_format(text: str) -> str:
    decimals = len(text.partition(".")[2])
    return ("#,##0" if "_" in text else "0") + (f".{'0' * decimals}" if decimals else "")


def _offer_choices(
    page: Worksheet,
    each: Field | None,
    header: str,
    sheet: Sheet,
    letter: str,
    last: int,
    names: Mapping[str, Sequence[str]],
) -> None:
    wanted = each.column.names if each is not None and each.column is not None else ""
    wanted = _PARENT_NAMES.get(header, "") if header == sheet.parent else wanted
    words = words_of(sheet, each) if each is not None else ()
    if wanted and names.get(wanted):
        at = get_column_letter(list(names).index(wanted) + 1)
        formula = f"'{NAMES}'!${at}$2:${at}${len(names[wanted]) + 1}"
    elif words:
        formula = f'"{",".join(words)}"'
    else:
        return
    offered = DataValidation(type="list", formula1=formula, allow_blank=True, showErrorMessage=True)
    offered.errorStyle = "stop" if words else "warning"
    offered.errorTitle = header[:32]
    offered.error = "Choose one of the list." if words else "This name is not known yet. Keep it?"
    offered.add(f"{letter}2:{letter}{last}")
    page.add_data_validation(offered)


# --- sheets beside the rules -----------------------------------------------------------------------------------------


def _write_guide(book: Workbook, docs: Mapping[str, Document]) -> None:
    page = book.create_sheet(README)
    page.column_dimensions["A"].width = 16
    page.column_dimensions["B"].width = 120
    page.sheet_view.showGridLines = False
    page.page_setup.orientation = "landscape"
    bank = docs.get("bank.yaml")
    title = show(Form.TEXT, bank.root.get("name")) if bank is not None else ""
    lines: list[tuple[str, str]] = [("", f"Rules of {title}" if title else "Rules"), ("", "")]
    lines += [("", line) for line in _GUIDE]
    lines += [("", ""), *((sheet.name, sheet.about) for sheet in SHEETS)]
    for at, (left, right) in enumerate(lines, start=1):
        for column, text in ((1, left), (2, right)):
            cell = page.cell(at, column)
            _write(cell, text, None)
            cell.alignment = LEFT
        page.cell(at, 1).font = Font(name=TYPEFACE, bold=True)
        if at == 1 or right == _GUIDE[0]:
            page.cell(at, 2).font = Font(name=TYPEFACE, bold=True, size=16 if at == 1 else 12)


def _write_names(book: Workbook, names: Mapping[str, Iterable[str]]) -> None:
    page = book.create_sheet(NAMES)
    page.sheet_properties.tabColor = "B0B6BB"
    for at, (kind, found) in enumerate(names.items(), start=1):
        head = page.cell(1, at)
        head.value, head.font, head.fill = (
            kind,
            Font(name=TYPEFACE, bold=True, color="FFFFFF"),
            PatternFill("solid", fgColor="7A828A"),
        )
        page.column_dimensions[get_column_letter(at)].width = 28
        for number, name in enumerate(found, start=2):
            _write(page.cell(number, at), name, None)
    page.freeze_panes = "A2"
