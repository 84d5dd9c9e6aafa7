"""What a workbook is as a file, judged before anybody opens it: its size unpacked, and what it must not carry."""

import io
import zipfile
import zlib
from typing import Final

from api.sheets.problems import Problem, Spot, WorkbookRefused

MOST_BYTES: Final = 8_000_000
MOST_UNPACKED: Final = 24_000_000
MOST_PARTS: Final = 300
MOST_CELLS: Final = 400_000
_CHUNK: Final = 1 << 18
_OLD_OR_LOCKED: Final = b"\xd0\xcf\x11\xe0"
_REFUSED_PARTS: Final = (
    ("vbaproject", "carries macros", "save it as `Excel Workbook (.xlsx)`"),
    ("xl/externallinks/", "has links to other workbooks", "break them (Data > Edit Links)"),
    ("xl/embeddings/", "has embedded objects", "delete them"),
    ("xl/activex/", "has form controls", "delete them"),
    ("xl/connections", "has data connections", "delete them"),
    ("xl/querytables/", "has data connections", "delete them"),
    ("xl/macrosheets/", "carries macros", "save it as `Excel Workbook (.xlsx)`"),
)


def refused(message: str, hint: str = "") -> WorkbookRefused:
    """A refusal of a workbook as a whole."""
    return WorkbookRefused(Problem(Spot(), message, hint))


def check_archive(name: str, content: bytes) -> None:
    """Judge a workbook by its bytes; takes no more memory than one part's piece at a time.

    Raises:
        WorkbookRefused: it is too large, no workbook at all, or carries what rules never need.
    """
    if name.lower().endswith((".xlsm", ".xltm", ".xlsb", ".xlam")):
        raise refused("the workbook may carry macros", "save it as `Excel Workbook (.xlsx)`")
    if len(content) > MOST_BYTES:
        raise refused(f"the workbook has more than {MOST_BYTES:,} bytes")
    if content.startswith(_OLD_OR_LOCKED):
        raise refused(
            "this is an old .xls workbook, or one with a password", "save it as `Excel Workbook (.xlsx)`, without one"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_parts(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise refused("this is not an .xlsx workbook, or a damaged one") from error


def _check_parts(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    names = [part.filename for part in parts]
    if "xl/workbook.xml" not in names or "[Content_Types].xml" not in names:
        raise refused("this is not an .xlsx workbook")
    if len(parts) > MOST_PARTS or len(set(names)) != len(names):
        raise refused(f"the workbook has more than {MOST_PARTS} parts, or one part twice")
    if sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise refused(f"unpacked, the workbook has more than {MOST_UNPACKED:,} bytes")
    if any(part.flag_bits & 1 for part in parts):
        raise refused("the workbook has a password", "save it without one")
    for fragment, what, hint in _REFUSED_PARTS:
        if any(fragment in name.lower() for name in names):
            raise refused(f"the workbook {what}", hint)
    left = MOST_CELLS
    for part in parts:
        if part.filename.lower().endswith((".xml", ".rels", ".vml")):
            left -= _cells_in(archive, part, left)


def _cells_in(archive: zipfile.ZipFile, part: zipfile.ZipInfo, most: int) -> int:
    """How many rows and cells a part declares; refused with a document type, out of UTF-8, or beyond the most."""
    cells, last, first = 0, b"", True
    with archive.open(part) as stream:
        while piece := stream.read(_CHUNK):
            if first and b"\0" in piece[:4]:
                raise refused(f"`{part.filename}` in the workbook is not UTF-8")
            piece_with_edge = last + piece
            if b"<!DOCTYPE" in piece_with_edge or b"<!ENTITY" in piece_with_edge:
                raise refused(f"`{part.filename}` in the workbook declares a document type")
            if b"macroEnabled" in piece_with_edge:
                raise refused("the workbook carries macros", "save it as `Excel Workbook (.xlsx)`")
            cells += sum(piece.count(sign) for sign in (b"<c ", b"<c>", b"<row", b"<si>", b"<c/", b"<mergeCell "))
            if cells > most:
                raise refused(f"the workbook has more than {MOST_CELLS:,} cells")
            last, first = piece[-16:], False
    return cells
