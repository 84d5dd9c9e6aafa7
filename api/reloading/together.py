"""Has the processes of an installation swap bundles at one instant: each says what it is ready to serve, and waits.

`DATA_DIR/bundles/ready/` holds a file for each process that serves, locked for as long as it lives, so that nobody
waits for one that was killed. Who finds everybody ready publishes the instant; who waits in vain does so after a while,
and whoever comes later swaps by itself.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Final

PATIENCE_S: Final = 5.0
"""A process that cannot take a bundle up keeps the others from it no longer than this."""
LOOK_EACH_S: Final = 0.02
LEAD_S: Final = 0.1
"""How far ahead the instant lies: everybody has looked by then."""
_FOLDER: Final = "ready"
_INSTANT: Final = "instant"
_LOCK: Final = "lock"


class Together:
    """One process among those that serve an installation."""

    def __init__(self, bundles: Path, patience_s: float = PATIENCE_S) -> None:
        self._folder = bundles / _FOLDER
        self._patience_s = patience_s
        self._own = self._folder / os.urandom(8).hex()
        self._file = -1

    @contextmanager
    def serving(self, ruleset: str) -> Iterator[None]:
        """Take part for as long as the context lasts; `ruleset` serves now."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._own.with_name(f".{self._own.name}")
        self._file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # INVARIANT: whoever sees the file finds it locked, unless its process is gone.
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._say(ruleset)
            draft.rename(self._own)
            yield
        finally:
            self._own.unlink(missing_ok=True)
            file, self._file = self._file, -1
            os.close(file)

    async def moment(self, ruleset: str) -> None:
        """Wait until everybody swaps to a bundle that is ready here; no longer than patience lasts, come what may."""
        began = monotonic()
        with suppress(OSError):
            await asyncio.to_thread(self._say, ruleset)
            at = None
            while at is None:
                at = await asyncio.to_thread(self._look, ruleset, began)
                await asyncio.sleep(LOOK_EACH_S if at is None else 0)
            await asyncio.sleep(min(max(at - monotonic(), 0.0), LEAD_S))

    def _say(self, ruleset: str) -> None:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, ruleset.encode(), 0)

    def _look(self, ruleset: str, began: float) -> float | None:
        """The instant to swap at; None while somebody is to be waited for."""
        waited_s = monotonic() - began
        with (self._folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None if waited_s < self._patience_s + LEAD_S else began
            published = self._published(ruleset)
            if published is not None and published >= began:
                return published
            others = [self._says(path) for path in self._others()]
            if not others:
                return began
            if waited_s >= self._patience_s or all(said in (None, ruleset) for said in others):
                return self._publish(ruleset, monotonic() + LEAD_S)
        return None

    def _others(self) -> list[Path]:
        return [each for each in self._folder.iterdir() if len(each.name) == len(self._own.name) and each != self._own]

    def _says(self, path: Path) -> str | None:
        """What another process is ready to serve; None where it is gone."""
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.read(file, 200).decode("ascii", "replace")
        else:
            path.unlink(missing_ok=True)
            return None
        finally:
            os.close(file)

    def _published(self, ruleset: str) -> float | None:
        with suppress(OSError, ValueError):
            named, _, at = (self._folder / _INSTANT).read_text(encoding="ascii").partition(" ")
            return float(at) if named == ruleset else None
        return None

    def _publish(self, ruleset: str, at: float) -> float:
        (self._folder / _INSTANT).write_text(f"{ruleset} {at}", encoding="ascii")
        return at
