"""What a workbook must not hold: each refused with a sentence and its place, and quickly where it is large."""

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import datetime

import pytest
from openpyxl import Workbook

from api.sheets.archive import MOST_BYTES
from tests.unit.api.sheets.workbooks import (
    FILES,
    TRIGGER,
    Hand,
    add,
    column,
    delete,
    edited,
    exported,
    page,
    refusal,
    said_of,
    write,
)

MOST_MEMORY = 50_000_000


def merge(book: Workbook) -> None:
    page(book, "Triggers").merge_cells("B2:C3")


def formula(book: Workbook) -> None:
    page(book, "Triggers")["B2"].value = "=1+1"


def error(book: Workbook) -> None:
    cell = page(book, "Triggers")["B2"]
    cell.value, cell.data_type = "#REF!", "e"


def hide_row(book: Workbook) -> None:
    page(book, "Triggers").row_dimensions[2].hidden = True


def hide_sheet(book: Workbook) -> None:
    page(book, "Triggers").sheet_state = "hidden"


def rename_sheet(book: Workbook) -> None:
    page(book, "Triggers").title = "Trigger"


def remove_sheet(book: Workbook) -> None:
    book.remove(page(book, "Caps"))


def rename_column(book: Workbook) -> None:
    found = page(book, "Triggers")
    found.cell(1, column(found, "promote")).value = "promotes"


def remove_column(book: Workbook) -> None:
    found = page(book, "Triggers")
    found.delete_cols(column(found, "owner"))


def double_column(book: Workbook) -> None:
    found = page(book, "Triggers")
    found.cell(1, column(found, "place") + 1).value = "title"


def no_header(book: Workbook) -> None:
    found = page(book, "Triggers")
    found.cell(2, column(found, "place") + 2).value = "note to self"


def foreign_place(book: Workbook) -> None:
    found = page(book, "Triggers")
    found.cell(2, column(found, "place")).value = "customized/other.yaml:1"


def copy_row(book: Workbook) -> None:
    found = page(book, "Triggers")
    for cell in list(found[2]):
        found.cell(3, cell.column or 1).value = cell.value


def no_origin(book: Workbook) -> None:
    del book["_export"]


def damaged_origin(book: Workbook) -> None:
    page(book, "_export")["A3"].value = "x"


def other_release(book: Workbook) -> None:
    page(book, "_export")["A1"].value = "nextbest table 0"


def far_row(book: Workbook) -> None:
    page(book, "Triggers").cell(1_000_000, 1).value = "x"


@pytest.mark.parametrize(
    ("hand", "said"),
    [
        (merge, "Triggers!B2: the cells B2:C3 are merged; unmerge them"),
        (formula, "Triggers!B2: formulas are not taken over; paste the value (Paste Special > Values)"),
        (error, "Triggers!B2: the cell holds the error #REF!; write a value"),
        (hide_row, "Triggers!2: the row is hidden; clear the filter (Data > Clear), or unhide the row"),
        (hide_sheet, "Triggers: the sheet is hidden; unhide it, so that what is imported can be seen"),
        (rename_sheet, "Triggers: the sheet is missing; was it renamed to `Trigger`?"),
        (remove_sheet, "Caps: the sheet is missing; export again"),
        (rename_column, "Triggers!1: the column `promote` is missing; put it back, or export again"),
        (remove_column, "Triggers!1: the column `owner` is missing; put it back, or export again"),
        (double_column, "Triggers!S1: the column `title` stands here twice"),
        (no_header, "Triggers!T2: this column has no header; give it one, or empty it"),
        (
            foreign_place,
            "Triggers!R2: nothing was exported from `customized/other.yaml:1`; "
            "leave `place` empty in a new row, and unchanged in the others",
        ),
        (copy_row, "Triggers!A3: `lost` stands in this sheet twice; a copied row needs a name of its own"),
        (
            no_origin,
            "the workbook: the hidden sheet `_export` is missing; "
            "import a workbook that `nextbest table export` wrote; export again if the sheet was deleted",
        ),
        (damaged_origin, "the workbook: the hidden sheet `_export` is damaged; export again"),
        (other_release, "the workbook: the hidden sheet `_export` was not written by this release; export again"),
        (far_row, "Triggers: the sheet reaches down to row 1,000,000; delete the empty rows below the table"),
        (
            write("Triggers", "lost", "title", datetime(2026, 1, 2)),  # noqa: DTZ001 - spreadsheets know no zone
            "Triggers!B2: the cell holds a date, which this column does not take; "
            "format the cell as text and type it again",
        ),
        (
            write("Actions", "card", "value", 1e300),
            "Actions!I2: this number is larger than rules may hold; write it out",
        ),
        (
            write("Triggers", "lost", "title", "left\u202eright"),
            "Triggers!B2: the hidden character U+202E is not allowed; type the text again",
        ),
        (
            write("Triggers", "lost", "title", "bell_x0007_"),
            "Triggers!B2: the hidden character U+0007 is not allowed; type the text again",
        ),
        (
            write("Triggers", "lost", "history", "seen: card_lost, in: {30d"),
            "Triggers!F2: this `{` is never closed, or a comma is missing in it; write `key: value, key: value`",
        ),
        (
            write("Triggers", "lost", "when: other", "age: at least 21"),
            "Triggers!I2: `age` has a column of its own; write it there",
        ),
        (
            write("Tests", "lost twice", "rule", "action/card"),
            "Tests!A2: a row cannot move from `trigger/lost` to `action/card`; delete the row, and add a new one",
        ),
        (
            add("Tests", {"rule": "trigger/lots", "name": "x"}),
            "Tests!A3: unknown rule `trigger/lots`; did you mean `trigger/lost`?",
        ),
        (add("Triggers", {"title": "No name"}), "Triggers!A3: a new row needs `trigger`"),
        (
            add("Triggers", {"trigger": "../../etc/x"}),
            "Triggers!A3: `trigger` must be a name of lower-case letters, digits and underscores, 64 at most",
        ),
        (
            add("Triggers", {"trigger": "lost"}),
            "Triggers!A3: there is a file customized/lost.yaml already; choose another name",
        ),
        (
            add("Facts", {"section": "attributes", "fact": "age"}),
            "Facts!B15: `age` stands in catalogue.yaml already; choose another name",
        ),
        (
            add("Facts", {"section": "attribute", "fact": "x"}),
            "Facts!B15: `section` must be one of attributes, calculated, context",
        ),
        (
            write("Personas", "personas > typical > age", "setting", "personas > typical > aged"),
            "Personas!B2: a setting cannot be renamed; delete the row, and add a new one",
        ),
        (
            write("Personas", "personas > typical > age", "value", None),
            "Personas!C2: a setting needs a value; delete the row to remove the setting",
        ),
    ],
)
def test_bad_workbook_is_refused_with_its_place(hand: Hand, said: str) -> None:
    assert said in refusal(hand)


@pytest.mark.parametrize(
    ("hand", "said"),
    [
        (
            write("Triggers", "lost", "when: age", "18.5"),
            "Triggers!G2: `age` must be a whole number (customized/lost.yaml:10:13)",
        ),
        (
            write("Triggers", "lost", "promote", "cart: 1.5"),
            "Triggers!K2: unknown action `cart`; did you mean `card`? (customized/lost.yaml:12:3)",
        ),
        (
            write("Triggers", "lost", "when: other", "kidn: a"),
            "Triggers!I2: unknown fact `kidn`; did you mean `kind`? (customized/lost.yaml:10:40)",
        ),
        (
            write("Tests", "lost twice", "ask channel", "atn"),
            "Tests!G2: unknown channel `atn`; did you mean `atm`? (customized/lost.yaml:19:20)",
        ),
        (
            add("Triggers", {"trigger": "more", "promote": "card: 9"}),
            "Triggers!K3: the weight of `card` must be a number in 0.2..5 (customized/more.yaml:2:17)",
        ),
        (
            write("Facts", "age", "range", "120..0"),
            "Facts!G2: `range` must be such as `0..120`, for a number (catalogue.yaml:3:43)",
        ),
    ],
)
def test_what_the_compiler_says_names_the_cell(hand: Hand, said: str) -> None:
    assert said in refusal(hand)


def test_column_that_was_inserted_is_named() -> None:
    def insert(book: Workbook) -> None:
        found = page(book, "Triggers")
        found.insert_cols(3)
        found.cell(1, 3).value = "when: share"
        found.cell(2, 3).value = "over 2"

    assert any(said.startswith("Triggers!C2: ") for said in refusal(insert))


# --- others edited too -----------------------------------------------------------------------------------------------

MOVED = {**FILES, "customized/lost.yaml": TRIGGER.replace("Lost a card", "A lost card").encode()}
NOT_EXPORTED = "customized/lost.yaml is not what was exported: export again, and edit that"


def test_cell_that_others_changed_otherwise_is_a_conflict() -> None:
    said = refusal(write("Triggers", "lost", "title", "Card lost"), files=MOVED)
    assert said == [f"Triggers!B2: `Lost a card` became `A lost card` there, and `Card lost` here; {NOT_EXPORTED}"]


def test_rule_that_others_changed_is_not_removed() -> None:
    said = refusal(delete("Triggers", "lost"), files=MOVED)
    assert said == [f"Triggers: `lost` cannot be removed: its file changed; {NOT_EXPORTED}"]


def test_rule_that_others_removed_is_not_edited() -> None:
    files = {name: content for name, content in FILES.items() if name != "customized/lost.yaml"}
    said = refusal(write("Triggers", "lost", "title", "Card lost"), files=files)
    assert said == [f"Triggers!2: `lost` was removed or renamed there; {NOT_EXPORTED}"]


def test_row_that_was_edited_under_a_rule_that_goes_is_asked_about() -> None:
    said = refusal(delete("Triggers", "lost"), write("Tests", "lost twice", "name", "lost often"))
    assert said == [
        "Tests!2: this row was edited, and its rule in customized/lost.yaml was removed; "
        "delete this row, or bring the rule's row back"
    ]


# --- the file --------------------------------------------------------------------------------------------------------


def packed(**parts: bytes) -> bytes:
    """The exported workbook with other parts in it; `__` in a name stands for a slash."""
    stream = io.BytesIO()
    names = {name.replace("__", "/"): content for name, content in parts.items()}
    with zipfile.ZipFile(io.BytesIO(exported())) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename not in names:
                new.writestr(part.filename, old.read(part))
        for name, content in names.items():
            new.writestr(name, content)
    return stream.getvalue()


def bomb() -> bytes:
    return packed(**{"xl__worksheets__sheet2.xml": b"<x>" + b" " * 200_000_000})


def many_cells() -> bytes:
    return packed(**{"xl__worksheets__sheet2.xml": b"<sheetData>" + b"<c/>" * 1_000_000})


SHEET = "xl__worksheets__sheet2.xml"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: b"PK" + b"\0" * (MOST_BYTES + 1), "the workbook has more than 8,000,000 bytes"),
        (bomb, "unpacked, the workbook has more than 24,000,000 bytes"),
        (many_cells, "the workbook has more than 400,000 cells"),
        (
            lambda: packed(**{SHEET: b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'}),
            "`xl/worksheets/sheet2.xml` in the workbook declares a document type",
        ),
        (
            lambda: packed(**{SHEET: "<?xml?><x/>".encode("utf-16")}),
            "`xl/worksheets/sheet2.xml` in the workbook is not UTF-8",
        ),
        (
            lambda: packed(xl__vbaProject=b"", **{"xl__vbaProject.bin": b"x"}),
            "the workbook carries macros; save it as `Excel Workbook (.xlsx)`",
        ),
        (
            lambda: packed(**{"xl__externalLinks__externalLink1.xml": b"<x/>"}),
            "the workbook has links to other workbooks; break them (Data > Edit Links)",
        ),
        (lambda: packed(**{"xl__embeddings__a.bin": b""}), "the workbook has embedded objects; delete them"),
        (lambda: b"not a workbook", "this is not an .xlsx workbook, or a damaged one"),
        (lambda: exported()[: len(exported()) // 2], "this is not an .xlsx workbook, or a damaged one"),
        (
            lambda: b"\xd0\xcf\x11\xe0" + b"\0" * 600,
            "this is an old .xls workbook, or one with a password; save it as `Excel Workbook (.xlsx)`, without one",
        ),
        (lambda: packed(**{SHEET: b"<worksheet"}), "the workbook is damaged: ParseError"),
    ],
    ids=[
        "large",
        "bomb",
        "many cells",
        "document type",
        "utf-16",
        "macros",
        "links",
        "embedded",
        "text",
        "half",
        "old",
        "broken part",
    ],
)
def test_bad_file_is_refused_as_a_whole(content: Callable[[], bytes], said: str) -> None:
    given = content()
    tracemalloc.start()
    try:
        assert said_of(given) == [f"the workbook: {said}"]
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


def test_workbook_that_may_carry_macros_is_refused_by_its_name() -> None:
    said = "the workbook: the workbook may carry macros; save it as `Excel Workbook (.xlsx)`"
    assert said_of(exported(), name="rules.xlsm") == [said]


def test_sheet_that_somebody_added_is_left_aside() -> None:
    def sheet(book: Workbook) -> None:
        book.create_sheet("Notes")["A1"] = "=1"

    with pytest.raises(AssertionError, match="not refused"):
        said_of(edited(sheet))


def test_every_problem_is_told_at_once() -> None:
    assert len(refusal(merge, formula)) == 2
    assert len(refusal(error, hide_row, hide_sheet, rename_column)) == 3


def test_formulas_and_merged_cells_that_a_glance_overlooks_are_refused_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.sheets.workbook_in.glance", lambda _content: [])
    assert len(refusal(merge, formula)) == 2


def test_formula_in_a_large_workbook_is_refused_before_it_is_opened() -> None:
    """Opening 20,000 rows would take seconds and hundreds of megabytes."""
    sheet = b"".join(b'<row r="%d"><c r="A%d"><v>1</v></c></row>' % (row, row) for row in range(2, 20_000))
    content = packed(**{SHEET: b'<worksheet><sheetData>%b<row><c r="B7"><f>1</f></c></row>' % sheet})
    tracemalloc.start()
    try:
        said = said_of(content)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert said == ["Actions!B7: formulas are not taken over; paste the value (Paste Special > Values)"]
