"""Asks processes of their own, one at a time, for what the archive tells of a decision: requests go on meanwhile."""

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from api.archiving.files import ARCHIVE, day_of, folder_of
from api.archiving.told import NO_SUCH, Told
from api.background import AWAITED, give_way
from api.decision_record import place_of
from api.problems import Problem, ProblemType
from api.settings import Settings

TIMEOUT_S: Final = 60.0
MOST_WAITING: Final = 8
"""Staff who wait for an old decision at one API process; more are asked to come back."""
_COMMAND: Final = (sys.executable, "-m", "api.archiving.explaining")
_TOLD: Final = 2_000
"""Of what a process says in its last moments."""
_log = logging.getLogger(__name__)
_decode: Final = msgspec.json.Decoder(Told).decode


class ArchiveDesk:
    """Tells of decisions that the archive on this machine has."""

    def __init__(self, settings: Settings, *, timeout_s: float = TIMEOUT_S, command: Sequence[str] = _COMMAND) -> None:
        self._archive = settings.data_dir / ARCHIVE
        self._environment = {**os.environ, **settings.as_environment()}
        self._timeout_s = timeout_s
        self._command = command
        self._waiting = 0
        self._closed = False
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = ThreadPoolExecutor(1, "archive")

    async def explained(self, decision_id: str) -> bytes | None:
        """The JSON in which staff are told of a decision; None where there is no such decision here.

        Raises:
            Problem: it cannot be told, or too many ask.
        """
        place = place_of(decision_id)
        if place is None:
            return None
        if self._waiting >= MOST_WAITING:
            raise Problem(ProblemType.OVERLOADED, "too many ask for archived decisions; ask again in a moment")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            told = await loop.run_in_executor(self._thread, self._told, decision_id, day_of(place[1]))
        finally:
            self._waiting -= 1
        if told.refused is not None:
            raise Problem(
                ProblemType.OTHER_BUNDLE, f"the decision is archived, and cannot be explained: {told.refused}"
            )
        return bytes(told.explanation) or None

    def _told(self, decision_id: str, day: str) -> Told:
        """What a process tells; blocks for as long as that takes."""
        if not (self._archive / folder_of(day)).is_dir():
            return NO_SUCH
        with self._started() as child:
            try:
                printed, complaints = child.communicate(decision_id.encode() + b"\n", self._timeout_s)
            except subprocess.TimeoutExpired as error:
                child.kill()
                raise Problem(ProblemType.OVERLOADED, "the archive takes too long to read; ask again later") from error
        if child.returncode:
            said = complaints.decode(errors="replace")[-_TOLD:]
            _log.error("what reads the archive ended with code %d: %s", child.returncode, said)
            raise Problem(ProblemType.INTERNAL, "the archive cannot be read; the log says why")
        return _decode(printed)

    def _started(self) -> "subprocess.Popen[bytes]":
        pipe = subprocess.PIPE
        with self._lock:
            if self._closed:
                raise Problem(ProblemType.OVERLOADED, "the server stops")
            self._child = subprocess.Popen(self._command, env=self._environment, stdin=pipe, stdout=pipe, stderr=pipe)
            give_way(self._child.pid, AWAITED)
            return self._child

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Tell for as long as the context lasts; then a process that is at work ends: nobody waits for it any more."""
        try:
            yield
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)
            with self._lock:
                self._closed = True
                if self._child is not None:
                    self._child.kill()
