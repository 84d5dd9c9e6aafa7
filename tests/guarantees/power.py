"""Cuts the power of a store: its process is killed, and its files lose everything that was not synced.

Killing a process alone proves little, since what it wrote is safe with the operating system. `syncs.c` is loaded into
the server and notes, after each sync that succeeded, how long the file was when that sync began; a cut truncates each
file to the last length noted. A note that a kill prevented only cuts more.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from api.adapters.embedded import EmbeddedServer
from tests.guarantees.house import kill

PAUSE_US: Final = 2_000
"""How much slower each sync is made, so that kills find something written and not yet synced."""
AIMED_WITHIN_S: Final = 0.3
_LINE: Final = 1_024
_SOURCE: Final = Path(__file__).with_name("syncs.c")


def reason_to_skip() -> str | None:
    """Why power cannot be cut here, if so."""
    if sys.platform != "linux":
        return "notes of syncs are taken by a library that Linux loads into the store"
    return None if shutil.which("cc") else "there is no C compiler (cc)"


class Power:
    """Notes the syncs of one store's process, and cuts it off."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "syncs.log"
        self._library = folder / "syncs.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self._library, _SOURCE, "-ldl"], check=True)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Whatever store is started within notes its syncs."""
        settings = {"LD_PRELOAD": str(self._library), "SYNCS_LOG": str(self._log), "SYNCS_PAUSE_US": str(PAUSE_US)}
        before = {name: os.environ.get(name) for name in settings}
        os.environ.update(settings)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    @property
    def syncs(self) -> int:
        """How many were noted."""
        return self._log.read_bytes().count(b"\n") if self._log.exists() else 0

    def cut(self, store: EmbeddedServer) -> int:
        """End the store as a loss of power would, start it again, and say how many bytes were lost.

        It is cut in the middle of a write, if there is one soon: written, not synced, and perhaps not answered.
        """
        give_up_at = time.monotonic() + AIMED_WITHIN_S
        while not self._is_unsynced() and time.monotonic() < give_up_at:
            pass
        kill(store)
        lost = 0
        for path, length in self._lengths().items():
            if path.exists():
                lost += max(0, path.stat().st_size - length)
                os.truncate(path, min(length, path.stat().st_size))
        with self.noted():
            store.restart_if_dead()
        return lost

    def _is_unsynced(self) -> bool:
        """Whether the file that was synced last is longer by now."""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _LINE))
            length, _, path = log.read().splitlines()[-1].partition(b" ")
        try:
            return Path(path.decode()).stat().st_size > int(length)
        except (OSError, ValueError):
            return False  # a note that is half written, or a file that has gone

    def _lengths(self) -> dict[Path, int]:
        """How much of each file is safe: the last length noted."""
        lines = (line.split(" ", 1) for line in self._log.read_text().splitlines())
        return {Path(path): int(length) for length, path in lines}
