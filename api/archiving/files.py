"""Files that are on the disk when a call returns: written whole, or lines appended."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from models.durable import sync_folder, write_durably

ARCHIVE: Final = "archive"
"""The archive's folder in the data folder."""
EVENTS: Final = "events"
"""The folder of the events' archive in it, with a ledger of its own."""
QUARANTINE: Final = "quarantine"
"""The same of the events that were put aside."""

IDENTITY: Final = "identity"
"""The file that names the archive, for the store whose records go into it."""
KEPT_SINCE: Final = "kept_since"
"""A file with the first day that is left, where days were removed."""


def replace_durably(path: Path, content: bytes) -> None:
    """Write a file whole, or not at all."""
    draft = path.with_name(f".{path.name}")
    write_durably(draft, content)
    draft.replace(path)
    sync_folder(path.parent)


def append_durably(path: Path, line: bytes) -> None:
    """Append to a file, for its owner only; a kill in the middle leaves a part of the line."""
    is_new = not path.exists()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "wb") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def day_of(at_ms: int) -> str:
    """The day, in UTC, to whose files something belongs."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).date().isoformat()


def folder_of(day: str) -> str:
    """The folder of a day's files."""
    return f"day={day}"
