"""Asks a child process for its verdict on the rules on disk, from a thread: the event loop goes on meanwhile."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from time import monotonic
from typing import Final

import msgspec

from api.reloading.verdict import Question, Verdict, decode_verdict, encode
from api.settings import Settings

TIMEOUT_S: Final = 300.0
_TOLD: Final = 2_000
"""Of what a child says in its last moments."""


class JudgeFailed(Exception):
    """The child process gave no verdict; one sentence says why."""


class Judge:
    """Starts child processes, one at a time, and ends the one that is left."""

    def __init__(self, settings: Settings, timeout_s: float = TIMEOUT_S) -> None:
        self._environment = {**os.environ, "OMP_NUM_THREADS": "1", **settings.as_environment()}
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False

    def verdict(self, question: Question) -> Verdict:
        """What a child finds; blocks for as long as that takes.

        Raises:
            JudgeFailed: it died, hung, or could not be understood.
        """
        command = [sys.executable, "-m", "api.reloading.child"]
        pipe = subprocess.PIPE
        with self._lock:
            if self._closed:
                raise JudgeFailed("the server stops")
            child = subprocess.Popen(command, env=self._environment, stdin=pipe, stdout=pipe, stderr=pipe)
            self._child = child
        started = monotonic()
        watchdog = threading.Timer(self._timeout_s, child.kill)
        watchdog.start()
        try:
            printed, complaints = _asked(child, question)
        finally:
            watchdog.cancel()
        if child.returncode or not printed:
            if monotonic() - started >= self._timeout_s:
                raise JudgeFailed(f"the process that judges rules did not finish within {self._timeout_s:g} s")
            raise JudgeFailed(_why(child.returncode, complaints))
        try:
            return decode_verdict(printed)
        except msgspec.DecodeError as error:
            raise JudgeFailed("the process that judges rules said something else") from error

    def close(self) -> None:
        """End a child that is at work; nobody waits for its verdict any more."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.kill()


def _why(code: int, complaints: bytes) -> str:
    if code < 0:
        return f"the process that judges rules died of {signal.Signals(-code).name}"
    return f"the process that judges rules ended with code {code}: {complaints.decode(errors='replace')[-_TOLD:]}"


def _asked(child: "subprocess.Popen[bytes]", question: Question) -> tuple[bytes, bytes]:
    """What a child prints; its standard input stays open until then, so that it knows that somebody waits."""
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    with child.stdin, child.stdout, child.stderr:
        with suppress(BrokenPipeError):
            child.stdin.write(encode(question) + b"\n")
            child.stdin.flush()
        printed = child.stdout.read()
        complaints = child.stderr.read()
    child.wait()
    return printed, complaints
