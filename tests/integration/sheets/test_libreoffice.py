"""Workbooks that LibreOffice opened and saved: what it makes of cells by itself is taken back, or refused.

Each workbook takes both of its ways: saved as it came, and by way of its own format.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import date, time
from pathlib import Path
from typing import Final

import pytest
from openpyxl import Workbook

from api.adapters.bundle_files import read_rules
from api.sheets.importing import judge
from api.sheets.workbook_out import export_workbook
from tests.unit.api.sheets.workbooks import FILES, Hand, add, delete, edited, page, said_of, write

PROGRAM: Final = shutil.which("soffice") or shutil.which("libreoffice")
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="LibreOffice is not installed: apt-get install libreoffice-calc, and this runs"
)
STARTER: Final = read_rules(Path(__file__).parents[3] / "rules")
TIMEOUT_S: Final = 240
EXCEL: Final = "xlsx:Calc MS Excel 2007 XML"
WAYS: Final = pytest.mark.parametrize("way", [0, 1], ids=["as it came", "by its own format"])


def merge(book: Workbook) -> None:
    page(book, "Triggers").merge_cells("B2:C2")


def formula(book: Workbook) -> None:
    page(book, "Triggers")["B2"].value = "=1+1"


def hide_row(book: Workbook) -> None:
    page(book, "Triggers").row_dimensions[2].hidden = True


def sort(book: Workbook) -> None:
    """The rows of a sheet the other way round."""
    found = page(book, "Facts")
    rows = [[cell.value for cell in row] for row in found.iter_rows(min_row=2)]
    for number, values in enumerate(reversed(rows), start=2):
        for at, value in enumerate(values, start=1):
            found.cell(number, at).value = value


EDITS: Final[tuple[Hand, ...]] = (
    write("Triggers", "lost", "when: age", "18..65"),
    write("Triggers", "lost", "title", "Lost, again: “so”"),
    write("Triggers", "lost", "history", "seen: card_lost, in: 60d\nseen: payment, in: 1y"),
    write("Triggers", "lost", "valid from", date(2026, 3, 1)),
    write("Triggers", "lost", "version", 2),
    write("Actions", "card", "applicable when: holds.card", True),
    write("Actions", "card", "value", 0.1 + 0.2),
    write("Actions", "card", "title", "+49 @ once"),
    write("Treatments", "card", "headline", "=not a formula"),
    add("Products", {"product": "loan", "title": "Loan"}),
    delete("Tests", "lost twice"),
    sort,
)
REFUSALS: Final[Mapping[str, tuple[Hand, ...]]] = {
    "merged cells and formulas": (merge, formula),
    "hidden rows and dates": (
        hide_row,
        write("Triggers", "lost", "title", date(2026, 3, 1)),
        write("Actions", "card", "title", time(14, 30)),
    ),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[bytes, bytes]]:
    """Every workbook as LibreOffice saves it, as it came and by way of its own format."""
    books = {name: edited(*hands) for name, hands in REFUSALS.items()}
    books |= {"edited": edited(*EDITS), "starter": export_workbook(STARTER)}
    folder = tmp_path_factory.mktemp("libreoffice")
    for name, content in books.items():
        (folder / f"{name}.xlsx").write_bytes(content)
    sources = [folder / f"{name}.xlsx" for name in books]
    convert(sources, EXCEL, folder / "saved", folder)
    convert(sources, "ods", folder / "own", folder)
    convert([folder / "own" / f"{name}.ods" for name in books], EXCEL, folder / "back", folder)
    return {
        name: ((folder / "saved" / f"{name}.xlsx").read_bytes(), (folder / "back" / f"{name}.xlsx").read_bytes())
        for name in books
    }


def convert(sources: Sequence[Path], to: str, into: Path, folder: Path) -> None:
    """Have LibreOffice open and save files."""
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    command = [str(PROGRAM), "--headless", profile, "--convert-to", to, "--outdir", str(into), *map(str, sources)]
    subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S)


@WAYS
def test_starter_rules_that_were_opened_and_saved_change_nothing(
    saved: Mapping[str, tuple[bytes, bytes]], way: int
) -> None:
    assert judge("rules.xlsx", saved["starter"][way], STARTER).merged.files == {}
    assert judge("rules.xlsx", saved["starter"][way], {}).merged.files == STARTER


@WAYS
def test_saving_changes_nothing_but_what_hands_changed(saved: Mapping[str, tuple[bytes, bytes]], way: int) -> None:
    meant = judge("rules.xlsx", edited(*EDITS), FILES).merged.files
    assert set(meant) == {"actions/card.yaml", "catalogue.yaml", "customized/lost.yaml"}
    assert judge("rules.xlsx", saved["edited"][way], FILES).merged.files == meant


@WAYS
@pytest.mark.parametrize("refused", REFUSALS)
def test_what_is_refused_is_refused_with_the_same_words(
    saved: Mapping[str, tuple[bytes, bytes]], refused: str, way: int
) -> None:
    assert said_of(saved[refused][way]) == said_of(edited(*REFUSALS[refused]))
