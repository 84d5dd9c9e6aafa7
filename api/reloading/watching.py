"""Notices that rules on disk may have changed: an event a burst, whatever an editor or a mount does to files."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from watchfiles import Change, awatch

QUIET_MS: Final = 300
"""A burst of changes is over when nothing has changed for so long; or when it has lasted `LONGEST_MS`."""
LONGEST_MS: Final = 3_000
LOOK_EACH_MS: Final = 1_000
"""How often links and the pointer to the current model are looked at, which no watch on a folder tells of."""
_LATER_S: Final = 60.0
_log = logging.getLogger(__name__)


async def changes(rules: Path, pointer: Path) -> AsyncIterator[bool]:
    """True when something about the rules, or about which model is current, is different now; False when a watch begins
    to stand, since nobody told what changed before that. Goes on until cancelled."""
    known = _identity(rules), _identity(pointer)
    told = False
    while True:
        stands = False
        try:
            async for changed in _watched(rules, _name_of_file(rules)):
                now = _identity(rules), _identity(pointer)
                if changed or now != known:
                    yield True
                elif not stands:
                    yield False
                stands = True
                moved, known = now[0] != known[0], now
                if moved:
                    break
            told = False
        except FileNotFoundError:
            await asyncio.sleep(LOOK_EACH_MS / 1_000)
            now = _identity(rules), _identity(pointer)
            if now != known:
                known = now
                yield True
        except OSError as error:
            if not told:
                _log.warning("rules on disk cannot be watched (%s): send SIGHUP to take them up", error.strerror)
            told = True
            await asyncio.sleep(_LATER_S)


async def _watched(rules: Path, file: str | None) -> AsyncIterator[bool]:
    """Whether something changed, at least once in `LOOK_EACH_MS`; `file` is the name of rules that are a file."""
    async for found in awatch(
        rules if file is None else rules.parent,
        watch_filter=_of_interest(file),
        debounce=LONGEST_MS,
        step=QUIET_MS,
        rust_timeout=LOOK_EACH_MS,
        yield_on_timeout=True,
        recursive=file is None,
    ):
        yield bool(found)


def _name_of_file(rules: Path) -> str | None:
    return rules.name if rules.is_file() else None


def _of_interest(name: str | None) -> Callable[[Change, str], bool]:
    """Everything but what editors leave beside files; mounts of Kubernetes begin their links with two dots."""

    def filtered(_change: Change, path: str) -> bool:
        changed = Path(path).name
        if name is not None:
            return changed == name
        return not changed.endswith(("~", ".swp", ".swx", ".tmp")) and (changed[:1] != "." or changed[:2] == "..")

    return filtered


def _identity(path: Path) -> tuple[str, int, int, int] | None:
    """What a path means now: links followed, and for a file its last change; None where there is nothing."""
    try:
        real = path.resolve()
        found = real.stat()
    except (OSError, RuntimeError):
        return None
    return str(real), found.st_dev, found.st_ino, 0 if real.is_dir() else found.st_mtime_ns
