"""The process that infers needs, as the worker sees it: asked, watched, and started again where it ends."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from api.worker.inference.child import NO_ENGINE
from api.worker.inference.messages import LENGTH_BYTES, Chain, Facts, decode_rules, frame

COMMAND: Final = (sys.executable, "-m", "api.worker.inference.child")
SILENT_S: Final = 2.0
"""So long it may say nothing although it was asked; then it is killed."""
START_S: Final = 20.0
MOST_ANSWERS: Final = 500_000
"""After so many a fresh process takes over: whatever it may have kept of them goes with it."""


class Crashed(Exception):
    """The process ended, or had to be killed, over this question."""


class Interrupted(Exception):
    """The process ended over another question; this one may be asked again."""


class NoEngine(Exception):
    """durable-rules cannot be had here."""


class Inferring:
    """One process; it answers in the order in which it is asked, so its end is due to the first unanswered question."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: deque[asyncio.Future[Sequence[str]]] = deque()
        self._answered = 0
        self._heard_at = asyncio.get_running_loop().time()
        self._reading = asyncio.create_task(self._read())
        self._watching: asyncio.TimerHandle | None = None

    @classmethod
    async def start(cls, chain: Chain, command: Sequence[str] = COMMAND) -> "Inferring":
        """A process that knows the rules.

        Raises:
            NoEngine: durable-rules cannot be imported.
            Crashed: it ended, or did not come up.
        """
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_S):
                process.stdin.write(frame(chain))
                await _body(process.stdout)
        except asyncio.IncompleteReadError as error:
            # It closed the pipe, so it is ending by itself, and how it does says why.
            if await process.wait() == NO_ENGINE:
                raise NoEngine from error
            raise Crashed from error
        except (TimeoutError, OSError) as error:
            _kill(process)
            await process.wait()
            raise Crashed from error
        return cls(process)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether it can be asked; not where it ended, or answered so often that another is to take over."""
        return self._process.returncode is None and not self._reading.done() and self._answered < MOST_ANSWERS

    async def ask(self, facts: Facts) -> Sequence[str]:
        """The rules that hold of some facts.

        Raises:
            Crashed: it ended over this question, or was silent for too long.
            Interrupted: it ended over another.
        """
        if self._reading.done():
            raise Interrupted
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()
        if not self._waiting:
            self._heard_at = loop.time()
        self._waiting.append(answer)
        assert self._process.stdin is not None
        self._process.stdin.write(frame(facts))
        if self._watching is None:
            self._watching = loop.call_later(SILENT_S, self._watch)
        return await answer

    def _watch(self) -> None:
        """Kill a process that was asked and says nothing; what waits hears of it when the pipe ends."""
        self._watching = None
        if not self._waiting:
            return
        loop = asyncio.get_running_loop()
        silent_s = loop.time() - self._heard_at
        if silent_s >= SILENT_S:
            _kill(self._process)
            return
        self._watching = loop.call_later(SILENT_S - silent_s, self._watch)

    async def _read(self) -> None:
        """Pass answers on, in order, until the process ends."""
        assert self._process.stdout is not None
        try:
            while True:
                rules = decode_rules(await _body(self._process.stdout))
                self._heard_at = asyncio.get_running_loop().time()
                self._answered += 1
                answer = self._waiting.popleft()
                if not answer.done():
                    answer.set_result(rules)
        except (asyncio.IncompleteReadError, OSError):
            _kill(self._process)
        finally:
            self._tell_all()

    def _tell_all(self) -> None:
        failure: Callable[[], Exception] = Crashed
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(failure())
            failure = Interrupted

    async def end(self) -> None:
        """End it; back when it is gone."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        _kill(self._process)
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading
        await self._process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill a process that has not ended; without reaping it, which is for those who wait for it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


async def _body(pipe: asyncio.StreamReader) -> bytes:
    size = int.from_bytes(await pipe.readexactly(LENGTH_BYTES), "big")
    return await pipe.readexactly(size)
