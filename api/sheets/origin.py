"""The copy of the exported files that travels in the workbook, packed into cells that no spreadsheet rewrites."""

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

from api.sheets.archive import refused
from api.sheets.grid import Origin

FORMAT: Final = "nextbest table 1"
SHEET: Final = "_export"
_WIDTH: Final = 30_000
_MOST_BYTES: Final = 32_000_000
_DAMAGED: Final = f"the hidden sheet `{SHEET}` is damaged"


def pack(origin: Origin) -> list[str]:
    """The origin as texts, each of which fits a cell."""
    told = {
        "files": {name: base64.b85encode(zlib.compress(content)).decode() for name, content in origin.files.items()},
        "headers": {name: list(headers) for name, headers in origin.headers.items()},
    }
    packed = base64.b64encode(zlib.compress(json.dumps(told).encode(), 9)).decode()
    pieces = [packed[at : at + _WIDTH] for at in range(0, len(packed), _WIDTH)]
    return [FORMAT, hashlib.sha256(packed.encode()).hexdigest(), *pieces]


def unpack(texts: Sequence[str]) -> Origin:
    """The origin from the texts of its cells.

    Raises:
        WorkbookRefused: it was made by another release, or is not as it was written.
    """
    if not texts or texts[0] != FORMAT:
        raise refused(f"the hidden sheet `{SHEET}` was not written by this release", "export again")
    packed = "".join(texts[2:])
    if len(texts) < 3 or hashlib.sha256(packed.encode()).hexdigest() != texts[1]:
        raise refused(_DAMAGED, "export again")
    try:
        told = json.loads(_inflate(base64.b64decode(packed, validate=True)))
        files = _files(told["files"])
        headers = {str(name): [str(each) for each in found] for name, found in told["headers"].items()}
    except (binascii.Error, zlib.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise refused(_DAMAGED, "export again") from error
    return Origin(files=files, headers=headers)


def _files(told: Mapping[str, str]) -> dict[str, bytes]:
    files, left = {}, _MOST_BYTES
    for name, packed in told.items():
        files[str(name)] = _inflate(base64.b85decode(packed), left)
        left -= len(files[str(name)])
    return files


def _inflate(packed: bytes, most: int = _MOST_BYTES) -> bytes:
    machine = zlib.decompressobj()
    content = machine.decompress(packed, max(1, most))
    if not machine.eof:
        raise ValueError("more than it may be")
    return content
