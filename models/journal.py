"""Who made which model the current one, when and why: one line of JSON for each change, never rewritten."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

JOURNAL: Final = "journal.jsonl"
_LOCK: Final = ".lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of what serves."""

    at: datetime
    what: str
    """promote, rollback, challenge or end_challenge."""
    version: str | None
    before: str | None
    """What served until then."""
    who: str
    why: str
    objections: tuple[str, ...] = ()
    """What spoke against it and was overruled."""


def append(models_dir: Path, change: Change) -> None:
    """Write a line and wait until it is on the disk."""
    line = msgspec.json.encode(change) + b"\n"
    handle = os.open(models_dir / JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, line)
        os.fsync(handle)
    finally:
        os.close(handle)


def changes(models_dir: Path) -> tuple[Change, ...]:
    """Every change, oldest first; a line that a crash cut short is passed over."""
    try:
        lines = (models_dir / JOURNAL).read_bytes().splitlines()
    except FileNotFoundError:
        return ()
    return tuple(found for line in lines if (found := _change(line)) is not None)


def _change(line: bytes) -> Change | None:
    try:
        return msgspec.json.decode(line, type=Change)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


@contextmanager
def alone(models_dir: Path) -> Iterator[None]:
    """Only one process at a time changes what serves."""
    models_dir.mkdir(parents=True, exist_ok=True)
    with (models_dir / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
