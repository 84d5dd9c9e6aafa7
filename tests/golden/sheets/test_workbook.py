"""What a marketer opens: the small bank's whole workbook as text, and the starter rules there and back."""

import io
from pathlib import Path

from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from api.adapters.bundle_files import read_rules
from api.sheets.importing import judge
from api.sheets.layout import SHEETS
from api.sheets.origin import SHEET
from api.sheets.workbook_out import README, export_workbook
from tests.unit.api.sheets.workbooks import exported, page

HERE = Path(__file__).parent
ROOT = Path(__file__).parents[3]


def rendered(found: Worksheet) -> str:
    """A sheet as text: what is frozen and filtered, its headers, its cells, and where one chooses from a list."""
    lines = [f"## {found.title}: frozen at {found.freeze_panes}, filter {found.auto_filter.ref}"]
    for row in found.iter_rows():
        lines.append(f"row {row[0].row}")
        lines += [f"    {cell.coordinate}  {cell.value!r}" for cell in row if cell.value is not None]
    offers = found.data_validations.dataValidation
    return "".join(f"{line}\n" for line in [*lines, *(f"choose in {each.sqref}: {each.formula1}" for each in offers)])


def test_workbook_is_the_golden_one(update_golden: bool) -> None:
    book = load_workbook(io.BytesIO(exported()))
    now = "".join(rendered(page(book, sheet.name)) for sheet in SHEETS)
    golden = HERE / "small_bank.txt"
    if update_golden:
        golden.write_text(now, encoding="utf-8")
    assert now == golden.read_text(encoding="utf-8")


def test_workbook_opens_on_the_actions_and_hides_nothing_else_than_its_origin() -> None:
    book = load_workbook(io.BytesIO(exported()))
    assert book.active is not None
    assert book.active.title == "Actions"
    assert book.sheetnames[0] == README
    hidden = [each.title for each in book.worksheets if each.sheet_state != "visible"]
    assert hidden == [SHEET]


def test_headers_say_what_a_column_means_and_what_a_fact_may_be() -> None:
    found = page(load_workbook(io.BytesIO(exported())), "Triggers")
    notes = {cell.value: cell.comment.text for cell in found[1] if cell.comment is not None}
    assert notes["when: age"] == "Age\ntype: integer\nrange: 0..120"
    assert all(notes.get(cell.value) for cell in found[1])


def test_starter_rules_come_back_byte_for_byte() -> None:
    files = read_rules(ROOT / "rules")
    content = export_workbook(files)
    assert judge("rules.xlsx", content, files).merged.files == {}
    assert judge("rules.xlsx", content, {}).merged.files == files
