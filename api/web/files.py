"""The static files of our pages, read once: bytes plain and compressed, type, and a name for the content."""

import gzip
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
PEOPLE: Final = "people.json"
"""In a demonstration's data folder: customers whose offers differ, for its pages to choose from."""
TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
"""What is served, and as what; anything else in the folder is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """One file as browsers get it."""

    media_type: str
    body: bytes
    compressed: bytes
    etag: str


@cache
def read_files(folder: str) -> Mapping[str, StaticFile]:
    """The files of a folder beside this module, by their path in it."""
    root = HERE / folder
    return {path.relative_to(root).as_posix(): _read(path) for path in _served(root)}


def _served(root: Path) -> Iterable[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and path.suffix in TYPES)


def _read(path: Path) -> StaticFile:
    body = path.read_bytes()
    return StaticFile(
        media_type=TYPES[path.suffix],
        body=body,
        compressed=gzip.compress(body, mtime=0),
        etag=f'"{hashlib.sha256(body).hexdigest()[:24]}"',
    )
