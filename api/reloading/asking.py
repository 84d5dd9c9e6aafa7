"""Asks a child process for its verdict on the rules on disk, from a thread: the event loop goes on meanwhile."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import IO, Final

import msgspec

from api.background import give_way
from api.reloading.verdict import MOST_MEMORY_GIB, OUT_OF_MEMORY, Question, Verdict, decode_verdict, encode
from api.settings import Settings

TIMEOUT_S: Final = 300.0
_TOLD: Final = 2_000
"""Of what a child says in its last moments."""
_COMMAND: Final = (sys.executable, "-m", "api.reloading")
_PACED: Final = "paced"
_SMALL: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""Keeps what it reserves of its memory limit from growing with the processors of the machine."""
_FEW_PAGES: Final = {
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_TOP_PAD_": str(64 * 2**20),
}
"""Takes memory in large pages where the system has some: a page that is first touched is set up by the kernel (on a
virtual machine by its host as well), which nothing interrupts and which others wait for."""
_MEANS: Final = {
    signal.SIGABRT: "something in it found no memory, or a state that must not be, and gave up",
    signal.SIGKILL: "somebody killed it, or the system did for want of memory",
    signal.SIGTERM: "somebody ended it",
    signal.SIGSEGV: "code outside Python broke it; was the hot path compiled anew meanwhile?",
    signal.SIGBUS: "a file that it had open was replaced or cut, or the disk failed",
}


class JudgeFailed(Exception):
    """The child process gave no verdict; one sentence says why."""


class _Unfinished(Exception):
    """The child was ended, because its time was up."""


class Judge:
    """Starts child processes, one at a time, and ends the one that is left."""

    def __init__(self, settings: Settings, timeout_s: float = TIMEOUT_S, *, command: Sequence[str] = _COMMAND) -> None:
        self._environment = {**os.environ, **_SMALL, **_FEW_PAGES, **settings.as_environment()}
        self._command = command
        self._timeout_s = timeout_s
        self._patience_s = min(settings.judge_patience_s, timeout_s)
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False

    def verdict(self, question: Question) -> Verdict:
        """What a child finds; blocks for as long as that takes.

        The first child works in small portions while processors are idle; where that takes too long, another one takes
        its share.

        Raises:
            JudgeFailed: it died, hung, or could not be understood.
        """
        try:
            return self._answer(question, self._patience_s, paced=True)
        except _Unfinished:
            pass
        try:
            return self._answer(question, self._timeout_s, paced=False)
        except _Unfinished as error:
            raise JudgeFailed(f"the process that judges rules did not finish within {self._timeout_s:g} s") from error

    def _answer(self, question: Question, timeout_s: float, *, paced: bool) -> Verdict:
        with tempfile.TemporaryFile() as complaints:
            child = self._start(complaints, paced=paced)
            started = monotonic()
            watchdog = threading.Timer(timeout_s, child.kill)
            watchdog.start()
            try:
                printed = _asked(child, question)
            finally:
                watchdog.cancel()
            complaints.seek(0)
            last_words = complaints.read().decode(errors="replace")
        if child.returncode or not printed:
            if monotonic() - started >= timeout_s:
                raise _Unfinished
            raise JudgeFailed(_why(child.returncode, last_words))
        try:
            return decode_verdict(printed)
        except msgspec.DecodeError as error:
            raise JudgeFailed("the process that judges rules said something else") from error

    def _start(self, complaints: IO[bytes], *, paced: bool) -> "subprocess.Popen[bytes]":
        pipe = subprocess.PIPE
        command = (*self._command, _PACED) if paced else self._command
        with self._lock:
            if self._closed:
                raise JudgeFailed("the server stops")
            self._child = subprocess.Popen(command, env=self._environment, stdin=pipe, stdout=pipe, stderr=complaints)
            give_way(self._child.pid)
            return self._child

    def close(self) -> None:
        """End a child that is at work; nobody waits for its verdict any more."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.kill()


def _why(code: int, last_words: str) -> str:
    """A sentence about a child that gave no verdict."""
    if code == OUT_OF_MEMORY:
        return f"judging these rules takes more than {MOST_MEMORY_GIB} GiB of memory"
    if code >= 0:
        return f"the process that judges rules ended with code {code}: {last_words[-_TOLD:]}"
    died = signal.Signals(-code)
    fatal = next((line for line in last_words.splitlines() if "Fatal Python error" in line), "")
    sentence = f"the process that judges rules died of {died.name}"
    reasons = [each for each in (_MEANS.get(died, ""), fatal) if each]
    return f"{sentence}: {'; '.join(reasons)}" if reasons else sentence


def _asked(child: "subprocess.Popen[bytes]", question: Question) -> bytes:
    """What a child prints; its standard input stays open until then, so that it knows that somebody waits."""
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin, child.stdout:
        with suppress(BrokenPipeError):
            child.stdin.write(encode(question) + b"\n")
            child.stdin.flush()
        printed = child.stdout.read()
    child.wait()
    return printed
