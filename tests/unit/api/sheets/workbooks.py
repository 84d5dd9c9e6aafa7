"""A small bank's rules as a workbook, and hands that edit it as a person would in a spreadsheet."""

import io
from collections.abc import Callable, Mapping
from functools import cache

from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from api.sheets.importing import judge
from api.sheets.problems import WorkbookRefused
from api.sheets.workbook_out import export_workbook
from tests.unit.api.loading.small_bank import RULES

TRIGGER = """\
# Cards get lost in summer.
trigger: lost
title: Lost a card
owner: cards@bank.example
version: 1
history:   # twice within a month
  - {seen: card_lost, in: 30d, at_least: 2}   # once is an accident
  - {seen: payment, in: 1y, where: {amount: at least 100}}

when: {age: at least 18, kind: [a, b]}   # grown-ups
promote:
  card: 1.5   # not too strong
tests:
  # The usual case.
  - name: lost twice
    events:
      - {t: -4d, event: card_lost}
      - {t: -2d, event: card_lost}
    ask: {channel: branch, placement: card, moment: at_counter}
    expect: {not_offer: card}
"""
FILES: Mapping[str, bytes] = {
    **{name: text.encode() for name, text in RULES.items()},
    "customized/lost.yaml": TRIGGER.encode(),
    "personas.yaml": b"personas: {typical: {age: 41, consent.marketing: true}}\n",
}

Hand = Callable[[Workbook], None]


@cache
def exported() -> bytes:
    """The small bank's workbook."""
    return export_workbook(FILES)


def edited(*hands: Hand, content: bytes | None = None) -> bytes:
    """The workbook after some hands were on it."""
    book = load_workbook(io.BytesIO(exported() if content is None else content))
    for hand in hands:
        hand(book)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def page(book: Workbook, sheet: str) -> Worksheet:
    """A sheet of cells."""
    found = book[sheet]
    assert isinstance(found, Worksheet)
    return found


def column(found: Worksheet, header: str) -> int:
    """The column under a header."""
    return next(cell.column or 0 for cell in found[1] if cell.value == header)


def row_of(found: Worksheet, key: str) -> int:
    """The first row that holds a text."""
    return next(row[0].row or 0 for row in found.iter_rows(min_row=2) if any(cell.value == key for cell in row))


def write(sheet: str, key: str, header: str, value: object) -> Hand:
    """Writes a cell."""

    def hand(book: Workbook) -> None:
        found = page(book, sheet)
        cell = found.cell(row_of(found, key), column(found, header))
        cell.value = value  # type: ignore[assignment]
        if isinstance(value, str):
            cell.data_type = "s"

    return hand


def add(sheet: str, texts: Mapping[str, object]) -> Hand:
    """Adds a row below."""

    def hand(book: Workbook) -> None:
        found = page(book, sheet)
        row = found.max_row + 1
        for header, value in texts.items():
            found.cell(row, column(found, header)).value = value  # type: ignore[assignment]

    return hand


def delete(sheet: str, key: str) -> Hand:
    """Deletes a row."""

    def hand(book: Workbook) -> None:
        found = page(book, sheet)
        found.delete_rows(row_of(found, key))

    return hand


def after(*hands: Hand, files: Mapping[str, bytes] = FILES) -> dict[str, bytes]:
    """The folder after an import of the edited workbook."""
    changed = judge("rules.xlsx", edited(*hands), files).merged.files
    return {name: content for name, content in {**files, **changed}.items() if content is not None}


def refusal(*hands: Hand, files: Mapping[str, bytes] = FILES) -> list[str]:
    """What is said of a workbook that is refused."""
    return said_of(edited(*hands), files=files)


def said_of(content: bytes, *, name: str = "rules.xlsx", files: Mapping[str, bytes] = FILES) -> list[str]:
    """What is said of the bytes of a workbook that is refused."""
    try:
        judge(name, content, files)
    except WorkbookRefused as refused:
        return [str(problem) for problem in refused.problems]
    raise AssertionError("it was not refused")


def lines_changed(before: bytes, now: bytes) -> list[tuple[str, str]]:
    """The lines that differ, where none came or went."""
    old, new = before.decode().split("\n"), now.decode().split("\n")
    assert len(old) == len(new)
    return [(one, other) for one, other in zip(old, new, strict=True) if one != other]
