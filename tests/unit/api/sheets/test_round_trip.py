"""Export and import: nothing is lost, an edited cell changes its value alone, rows come and go with their parts."""

import io
from datetime import date, datetime, time

import pytest
from openpyxl import Workbook, load_workbook

from api.sheets.importing import judge
from api.sheets.tables import BOM
from api.sheets.workbook_out import export_workbook
from tests.unit.api.sheets.workbooks import (
    FILES,
    TRIGGER,
    Hand,
    add,
    after,
    column,
    delete,
    edited,
    exported,
    lines_changed,
    page,
    row_of,
    write,
)


def trigger_after(*hands: Hand) -> list[tuple[str, str]]:
    """The lines of the trigger that an edit changed."""
    return lines_changed(TRIGGER.encode(), after(*hands)["customized/lost.yaml"])


def test_workbook_that_nobody_edited_changes_nothing() -> None:
    found = judge("rules.xlsx", exported(), FILES)
    assert (dict(found.merged.files), list(found.merged.changes)) == ({}, [])


def test_workbook_that_another_program_saved_again_changes_nothing() -> None:
    assert judge("rules.xlsx", edited(), FILES).merged.files == {}


def test_empty_folder_receives_the_exported_bytes() -> None:
    assert judge("rules.xlsx", exported(), {}).merged.files == FILES


@pytest.mark.parametrize(
    ("header", "text", "old", "new"),
    [
        ("title", "Lost: a card", "title: Lost a card", 'title: "Lost: a card"'),
        (
            "when: age",
            "21..65",
            "when: {age: at least 18, kind: [a, b]}   # grown-ups",
            "when: {age: 21..65, kind: [a, b]}   # grown-ups",
        ),
        (
            "when: age",
            None,
            "when: {age: at least 18, kind: [a, b]}   # grown-ups",
            "when: {kind: [a, b]}   # grown-ups",
        ),
        (
            "when: kind",
            "b",
            "when: {age: at least 18, kind: [a, b]}   # grown-ups",
            "when: {age: at least 18, kind: b}   # grown-ups",
        ),
        ("promote", "card: 1.6", "  card: 1.5   # not too strong", "  card: 1.6   # not too strong"),
        (
            "history",
            "seen: card_lost, in: 60d, at_least: 2\nseen: payment, in: 1y, where: {amount: at least 100}",
            "  - {seen: card_lost, in: 30d, at_least: 2}   # once is an accident",
            "  - {seen: card_lost, in: 60d, at_least: 2}   # once is an accident",
        ),
    ],
)
def test_edited_cell_changes_its_value_and_keeps_the_comment(header: str, text: str | None, old: str, new: str) -> None:
    assert trigger_after(write("Triggers", "lost", header, text)) == [(old, new)]


def test_fact_without_a_column_goes_to_other() -> None:
    assert trigger_after(write("Triggers", "lost", "when: other", "staff: false")) == [
        (
            "when: {age: at least 18, kind: [a, b]}   # grown-ups",
            "when: {age: at least 18, kind: [a, b], staff: false}   # grown-ups",
        )
    ]


def test_column_that_somebody_inserts_for_a_fact_is_understood() -> None:
    def insert(book: Workbook) -> None:
        found = page(book, "Triggers")
        found.insert_cols(3)
        found.cell(1, 3).value = "when: staff"
        found.cell(2, 3).value = "not true"

    assert trigger_after(insert)[0][1] == "when: {age: at least 18, kind: [a, b], staff: not true}   # grown-ups"


def test_part_that_was_missing_comes_into_being_in_its_place() -> None:
    now = after(write("Actions", "card", "suitable when: other", "income: at least 900"))["actions/card.yaml"]
    assert (
        "applicable: {when: {holds.card: false}}\nsuitable:\n  when: {income: at least 900}\ntreatments:"
        in now.decode()
    )


def test_number_keeps_the_way_in_which_it_is_written() -> None:
    files = {**FILES, "actions/card.yaml": FILES["actions/card.yaml"].replace(b"value: 10\n", b"value: 12_000.50\n")}
    content = edited(write("Actions", "card", "value", 13000.75), content=export_workbook(files))
    now = judge("rules.xlsx", content, files).merged.files["actions/card.yaml"]
    assert now is not None
    assert b"value: 13_000.75\n" in now


def test_noise_of_binary_arithmetic_does_not_reach_the_rules() -> None:
    assert b"value: 0.3\n" in after(write("Actions", "card", "value", 0.1 + 0.2))["actions/card.yaml"]


def test_date_cell_becomes_an_iso_date_and_a_truth_value_a_word() -> None:
    now = after(
        write("Triggers", "lost", "valid from", datetime(2026, 1, 31)),  # noqa: DTZ001 - spreadsheets know no zone
        write("Triggers", "lost", "valid to", date(2026, 12, 31)),
        write("Triggers", "lost", "when: other", None),
        write("Facts", "income", "private", False),
    )
    assert "valid: {from: 2026-01-31, to: 2026-12-31}" in now["customized/lost.yaml"].decode()
    assert "range: 0..1_000_000, private: false}" in now["catalogue.yaml"].decode()


def test_time_cell_becomes_a_time() -> None:
    quiet = b'quiet_hours: {channels: [branch], from: "20:00", to: "08:00"}\n'
    files = {**FILES, "policy/contact.yaml": FILES["policy/contact.yaml"] + quiet}
    content = edited(write("Settings", "quiet_hours > from", "value", time(21, 30)), content=export_workbook(files))
    now = judge("rules.xlsx", content, files).merged.files["policy/contact.yaml"]
    assert now is not None
    assert b'from: "21:30"' in now


@pytest.mark.parametrize("text", ["=1+1", "+44 20", "-5 degrees", "@home", "'quoted'", "_x0041_", "a\nb", " led ", '"'])
def test_text_that_a_spreadsheet_might_take_for_something_else_survives(text: str) -> None:
    now = after(write("Actions", "card", "title", text))
    again = export_workbook(now)
    assert judge("rules.xlsx", again, now).merged.files == {}
    assert judge("rules.xlsx", edited(content=again), now).merged.files == {}


def test_formula_signs_are_written_as_text() -> None:
    files = {**FILES, "customized/lost.yaml": TRIGGER.replace("Lost a card", '"=HYPERLINK(1)"').encode()}
    found = page(load_workbook(io.BytesIO(export_workbook(files))), "Triggers")
    cell = found.cell(row_of(found, "lost"), column(found, "title"))
    assert (cell.data_type, cell.value, cell.quotePrefix) == ("s", "=HYPERLINK(1)", True)


@pytest.mark.parametrize("change", ["\r\n", BOM], ids=["carriage returns", "byte order mark"])
def test_line_ends_and_byte_order_marks_stay(change: str) -> None:
    text = TRIGGER.replace("\n", change) if change == "\r\n" else change + TRIGGER
    files = {**FILES, "customized/lost.yaml": text.encode()}
    hands = [write("Triggers", "lost", "suppress for", "3d"), write("Triggers", "lost", "suppress actions", "card")]
    content = edited(*hands, content=export_workbook(files))
    now = judge("rules.xlsx", content, files).merged.files["customized/lost.yaml"]
    assert now is not None
    plain = now.decode().replace("\r\n", "\n").removeprefix(BOM)
    added = "promote:\n  card: 1.5   # not too strong\nsuppress: {actions: [card], for: 3d}\n"
    assert plain == TRIGGER.replace("promote:\n  card: 1.5   # not too strong\n", added).replace("for: 3d", "for: 3d")
    assert now.decode().count("\r\n") == (plain.count("\n") if change == "\r\n" else 0)
    assert now.decode().startswith(BOM) == (change == BOM)


# --- rows ------------------------------------------------------------------------------------------------------------


def test_new_row_becomes_a_new_file_with_its_tests_and_treatments() -> None:
    now = after(
        add("Actions", {"action": "loan", "title": "A loan", "version": 1, "group": "loans", "value": 12.5}),
        add("Treatments", {"action": "loan", "placement": "atm.screen", "headline": "A loan", "body": "Ask us: now."}),
        add("Treatments", {"action": "loan", "placement": "branch.card", "inquire": "Why?"}),
        add(
            "Tests",
            {
                "rule": "action/loan",
                "name": "anybody",
                "ask channel": "atm",
                "ask placement": "screen",
                "expect not_offer": "loan",
                "expect because": "outranked",
            },
        ),
    )
    assert now["actions/loan.yaml"].decode() == (
        "action: loan\n"
        "title: A loan\n"
        "version: 1\n"
        "group: loans\n"
        "value: 12.5\n"
        "treatments:\n"
        "  atm.screen:\n"
        '    headline: "A loan"\n'
        '    body: "Ask us: now."\n'
        "  branch.card:\n"
        '    inquire: "Why?"\n'
        "tests:\n"
        "  - name: anybody\n"
        "    ask: {channel: atm, placement: screen}\n"
        "    expect: {not_offer: loan, because: outranked}\n"
    )


def test_copied_row_with_a_name_of_its_own_is_a_new_rule() -> None:
    def copy(book: Workbook) -> None:
        found = page(book, "Triggers")
        for cell in list(found[2]):
            found.cell(3, cell.column or 1).value = cell.value
        found.cell(3, column(found, "trigger")).value = "lost_again"
        found.cell(3, column(found, "promote")).value = "card: 2"

    now = after(copy)
    assert now["customized/lost.yaml"] == TRIGGER.encode()
    assert b"trigger: lost_again\n" in now["customized/lost_again.yaml"]


def test_row_that_is_deleted_removes_its_file_and_the_rows_that_hang_on_it() -> None:
    found = judge("rules.xlsx", edited(delete("Triggers", "lost")), FILES)
    assert found.merged.files == {"customized/lost.yaml": None}
    assert [(change.kind, change.what) for change in found.merged.changes] == [("removed", "Triggers lost")]


def test_test_that_is_deleted_leaves_its_file() -> None:
    assert after(delete("Tests", "lost twice"))["customized/lost.yaml"].decode() == TRIGGER[: TRIGGER.index("tests:")]


def test_new_item_stands_behind_the_row_above_it() -> None:
    caps = "caps:\n  - {cap: monthly, limit: 4, in: 30d}  # enough\n  # and\n  - {cap: weekly, limit: 2, in: 7d}\n"
    files = {**FILES, "policy/contact.yaml": caps.encode()}

    def insert(book: Workbook) -> None:
        found = page(book, "Caps")
        found.insert_rows(3)
        for header, value in {"cap": "daily", "limit": "1", "each": "day"}.items():
            found.cell(3, column(found, header)).value = value

    now = judge("rules.xlsx", edited(insert, content=export_workbook(files)), files).merged.files
    assert (
        now["policy/contact.yaml"]
        == caps.replace("# enough\n", "# enough\n  - {cap: daily, limit: 1, each: day}\n").encode()
    )


def test_second_treatment_of_a_placement_makes_a_list_of_both() -> None:
    now = after(
        add("Treatments", {"action": "card", "placement": "atm.screen", "headline": "Another"}),
        write("Treatments", "card", "other", None),
    )
    assert (
        now["actions/card.yaml"]
        .decode()
        .endswith('treatments: {atm.screen: [{headline: A card}, {headline: "Another"}]}\n')
    )


def test_renamed_entry_keeps_what_it_holds() -> None:
    now = after(write("Facts", "nickname", "fact", "first_name"))["catalogue.yaml"]
    assert b"  first_name: {title: Nickname, type: text}\n" in now


def test_setting_may_be_added_and_removed() -> None:
    now = after(
        add("Personas", {"file": "personas.yaml", "setting": "personas > young > age", "value": "19"}),
        delete("Personas", "personas > typical > age"),
    )
    assert now["personas.yaml"] == b"personas: {typical: {consent.marketing: true}, young: {age: 19}}\n"


def test_sorted_sheet_changes_nothing() -> None:
    def reverse(book: Workbook) -> None:
        found = page(book, "Facts")
        rows = [[cell.value for cell in row] for row in found.iter_rows(min_row=2)]
        for number, values in enumerate(reversed(rows), start=2):
            for at, value in enumerate(values, start=1):
                found.cell(number, at).value = value

    assert after(reverse) == dict(FILES)


# --- others edited too -----------------------------------------------------------------------------------------------


def test_what_others_changed_in_the_meantime_stays() -> None:
    files = {**FILES, "customized/lost.yaml": TRIGGER.replace("Lost a card", "A lost card").encode()}
    found = judge("rules.xlsx", edited(write("Triggers", "lost", "promote", "card: 2")), files)
    now = found.merged.files["customized/lost.yaml"]
    assert now == TRIGGER.replace("Lost a card", "A lost card").replace("card: 1.5", "card: 2").encode()
    assert found.merged.notes[0] == (
        "customized/lost.yaml changed since the export; what the workbook did not edit stays as it is now"
    )


def test_edit_that_others_made_as_well_is_no_edit() -> None:
    files = {**FILES, "customized/lost.yaml": TRIGGER.replace("Lost a card", "A lost card").encode()}
    found = judge("rules.xlsx", edited(write("Triggers", "lost", "title", "A lost card")), files)
    assert (found.merged.files, found.merged.changes) == ({}, [])


def test_file_that_came_in_the_meantime_stays() -> None:
    files = {**FILES, "customized/new.yaml": TRIGGER.replace("trigger: lost", "trigger: new").encode()}
    found = judge("rules.xlsx", exported(), files)
    assert (found.merged.files, found.merged.notes) == (
        {},
        ("customized/new.yaml is newer than the export and stays as it is",),
    )
