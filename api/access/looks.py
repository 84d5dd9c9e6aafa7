"""Who looked at which customer: noted before anything is shown, in files that are only added to.

A file for each process and day, a line for each look, on disk before whoever waits for it goes on. Every line
carries a keyed digest of itself and of the line before it, so that a line that was changed, left out or put in between
shows.
"""

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from typing import Final, NamedTuple

from models.durable import sync_folder

FOLDER: Final = "looks"
MOST_WAITING: Final = 10_000
"""Looks that are not written yet; with more than these, nothing is shown any more."""
_AGAIN_AFTER_S: Final = 1.0
_DIGEST_BYTES: Final = 16
_DAY: Final = "day="
_CHAIN: Final = b',"chain":"'


class LooksUnwritable(Exception):
    """A look cannot be noted down."""


class LookLog:
    """Writes the looks of one process, in the order in which they happened, beside the event loop."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder = folder
        self._key = key
        self._waiting: list[Mapping[str, str]] = []
        self._written: asyncio.Future[None] | None = None
        self._work = asyncio.Event()
        self._failed = False
        self._to_disk = False
        self._path: Path | None = None
        self._last = b""

    def note(
        self, by: str, customer: str, what: str, purpose: str = "", *, waits: bool = True
    ) -> "asyncio.Future[None]":
        """Note a look; the future is done when it is written. Whoever cannot wait says so, and leaves it: it is written
        as soon, but may still be in the machine's memory when the power goes.

        Raises:
            LooksUnwritable: the last ones could not be written, or too many wait.
        """
        if self._failed or len(self._waiting) >= MOST_WAITING:
            raise LooksUnwritable
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        look = {"at": at, "by": by, "customer": customer, "what": what}
        self._waiting.append({**look, "purpose": purpose} if purpose else look)
        self._to_disk = self._to_disk or waits
        if self._written is None:
            self._written = asyncio.get_running_loop().create_future()
            self._work.set()
        return self._written

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write for as long as the context lasts, and what is left at its end."""
        task = asyncio.create_task(self._keep_writing())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._write_waiting()

    async def _keep_writing(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            await self._write_waiting()
            while self._failed:
                await asyncio.sleep(_AGAIN_AFTER_S)
                await self._write_waiting()

    async def _write_waiting(self) -> None:
        looks, written = tuple(self._waiting), self._written
        to_disk, self._to_disk = self._to_disk, False
        self._written = None
        try:
            await asyncio.to_thread(self._write, looks, to_disk)
        except OSError:
            # A file that may end in the middle of a line is left as it is, and another one begun.
            self._failed, self._path = True, None
            self._to_disk = self._to_disk or to_disk
            if written is not None and not written.done():
                written.set_exception(LooksUnwritable())
                written.exception()
            return
        self._failed = False
        del self._waiting[: len(looks)]
        if written is not None and not written.done():
            written.set_result(None)

    def _write(self, looks: Sequence[Mapping[str, str]], to_disk: bool) -> None:
        at = 0
        while at < len(looks):
            day = looks[at]["at"][:10]
            path, last, lines = self._file_of(day), self._last, []
            while at < len(looks) and looks[at]["at"].startswith(day):
                line, last = chained(looks[at], last, self._key)
                lines.append(line)
                at += 1
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
                file.write(b"".join(lines))
                file.flush()
                if to_disk:
                    os.fsync(file.fileno())
            self._last = last

    def _file_of(self, day: str) -> Path:
        folder = self._folder / f"{_DAY}{day}"
        if self._path is None or self._path.parent != folder:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path = folder / f"{socket.gethostname()}-{os.getpid()}-{time.time_ns():x}.jsonl"
            self._last = self._path.name.encode()
            self._path.touch(0o600)
            for each in (folder, self._folder):
                sync_folder(each)
        return self._path


class Looks(NamedTuple):
    """What the files tell."""

    found: list[dict[str, str]]
    """Oldest first."""
    broken: list[str]
    """Where a line is not what was written, or was cut off."""


def read_looks(
    folder: Path, key: bytes, *, customer: str | None = None, by: str | None = None, since: date | None = None
) -> Looks:
    """All looks, or those at one customer, by one caller, or from a day on; every line that is read is checked."""
    looks = Looks([], [])
    for path in sorted(folder.glob(f"{_DAY}*/*.jsonl")):
        if since is None or path.parent.name >= f"{_DAY}{since.isoformat()}":
            looks.found.extend(
                look
                for look in _checked(path, key, looks.broken)
                if customer in {None, look["customer"]} and by in {None, look["by"]}
            )
    looks.found.sort(key=lambda look: look["at"])
    return looks


def _checked(path: Path, key: bytes, broken: list[str]) -> Iterator[dict[str, str]]:
    last = path.name.encode()
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        body, chain, digest = line.rpartition(_CHAIN)
        try:
            look = json.loads(body + b"}")
        except ValueError:
            look = None
        if not chain or not isinstance(look, dict) or not {"at", "by", "customer", "what"} <= look.keys():
            broken.append(f"{path}:{number}: not a whole line")
            return
        wanted = _digest(body + b"}", last, key)
        if not compare_digest(digest.removesuffix(b'"}'), wanted):
            broken.append(f"{path}:{number}: changed, or something before it is missing")
        last = digest.removesuffix(b'"}')
        yield look


def chained(look: Mapping[str, str], last: bytes, key: bytes) -> tuple[bytes, bytes]:
    """The line of a look, and the digest that the next one goes on from."""
    body = json.dumps(look, ensure_ascii=False, separators=(",", ":")).encode()
    digest = _digest(body, last, key)
    return body[:-1] + _CHAIN + digest + b'"}\n', digest


def _digest(body: bytes, last: bytes, key: bytes) -> bytes:
    return blake2b(last + body, key=key, digest_size=_DIGEST_BYTES).hexdigest().encode()


def looks_key(token_key: bytes) -> bytes:
    """The key of the digests, derived from the installation's own."""
    return blake2b(b"nextbest looks", key=token_key).digest()
