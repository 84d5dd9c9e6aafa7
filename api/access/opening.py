"""Opens the gate of a process: reads the file of keys, and reads it again when it has changed."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.access.key_file import KeyFile, KeysUnusable
from api.access.keyring import Gate
from api.beside import repeating
from api.security import is_loopback
from api.settings import Settings

_log = logging.getLogger(__name__)


class AccessUnusable(Exception):
    """Who may call cannot be settled as the settings say; says why."""


def see_that_access_is_settled(settings: Settings) -> None:
    """Find out before anything starts whether the gate can be opened.

    Raises:
        KeysUnusable: the file of keys is not what it should be.
        AccessUnusable: it would be open to more than this machine.
    """
    if settings.access == "open" and not is_loopback(settings.host):
        raise AccessUnusable(
            f"`access: open` is for this machine alone, and {settings.host} is not: listen on 127.0.0.1, or use keys"
        )
    KeyFile(settings.keys_path).entries()


def first_key_sentence(settings: Settings) -> str:
    """What an operator should know who has made no key yet; empty where there is one, or none is asked for.

    Raises:
        KeysUnusable: see `KeyFile.entries`.
    """
    file = KeyFile(settings.keys_path)
    if settings.access == "open":
        return "Access is open: whoever works on this machine may do everything, without a key."
    if file.entries():
        return ""
    where = f" --keys {settings.keys}" if settings.keys else f" --data-dir {settings.data_dir}"
    command = f"nextbest keys add atm --channel atm{where}"
    return f"There are no keys yet, so every caller is refused; the first one is made with `{command}`."


@asynccontextmanager
async def open_access(settings: Settings) -> AsyncIterator[Gate]:
    """What tells who calls, for as long as the context lasts; a changed file of keys is in force within a second.

    A file that has become unreadable changes nothing, and is told in the log again and again until somebody mends it.

    Raises:
        KeysUnusable: see `KeyFile.entries`.
        AccessUnusable: see `see_that_access_is_settled`.
    """
    see_that_access_is_settled(settings)
    file = KeyFile(settings.keys_path)
    gate = Gate(file.keyring(), is_open=settings.access == "open")
    seen = _state_of(file)

    async def look() -> None:
        nonlocal seen
        state = _state_of(file)
        if state == seen:
            return
        try:
            gate.keyring = file.keyring()
            seen = state
        except KeysUnusable as error:
            _log.error("the keys stay as they were: %s", error)

    async with repeating(look):
        yield gate


def _state_of(file: KeyFile) -> tuple[int, int, int] | None:
    try:
        found = file.path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
