"""Lets a process work in small portions while the machine has other work to do.

A process that runs while processors are idle still makes requests wait: the scheduler does not put it aside at every
wake-up. In portions it costs their tail less, though not nothing (figures in docs/decisions/0015). Where nobody else
needs the processors it runs through.
"""

import atexit
import os
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Final

from api.background import run_when_idle

PORTION_S: Final = 0.001
"""Of a processor."""
PAUSE_S: Final = 0.003
LOOK_S: Final = 0.2
"""Between two looks at who else needs the processors."""
FREE: Final = 0.1
"""Others may use so much of all processors, and the process still runs through."""
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


def begin() -> None:
    """Work in portions from now on; on a system that does not tell what its processors do, only while they are idle.

    To be called from the main thread, which rests wherever it is in Python code. Other processes that this one starts
    rest of their own accord or not at all.
    """
    run_when_idle(os.getpid())
    try:
        pace = _Pace()
    except (OSError, ValueError, IndexError):
        return
    signal.signal(signal.SIGALRM, pace.rest)
    atexit.register(signal.signal, signal.SIGALRM, signal.SIG_IGN)  # an interpreter that ends would die of it
    signal.setitimer(signal.ITIMER_REAL, PORTION_S)


class _Pace:
    """When to rest."""

    def __init__(self) -> None:
        self._processors = _Processors()
        self._look_at = time.monotonic() + LOOK_S
        self._rested_at = time.thread_time()

    def rest(self, _signal: int, _frame: FrameType | None) -> None:
        """Sleep if a portion is done and others work, and be called again after the next one."""
        if time.monotonic() >= self._look_at:
            self._processors.look()
            self._look_at = time.monotonic() + LOOK_S
        if self._processors.free:
            signal.setitimer(signal.ITIMER_REAL, LOOK_S)
            return
        left_s = PORTION_S - (time.thread_time() - self._rested_at)
        if left_s <= PORTION_S / 10:
            time.sleep(PAUSE_S)
            self._rested_at, left_s = time.thread_time(), PORTION_S
        signal.setitimer(signal.ITIMER_REAL, left_s)


class _Processors:
    """How much others use of all processors, between two looks; until the first one they count as busy."""

    def __init__(self) -> None:
        self.free = False
        self._before = self._now()

    def look(self) -> None:
        """See what happened since the last look."""
        (all_before, idle_before, own_before), self._before = self._before, self._now()
        everything, idle, own = self._before
        passed = everything - all_before
        if passed > 0:
            self.free = (passed - (idle - idle_before) - (own - own_before)) / passed < FREE

    def _now(self) -> tuple[float, float, float]:
        """Ticks of all processors, those of them that nobody used, those that this process and its children used."""
        line = Path("/proc/stat").read_bytes().partition(b"\n")[0]
        user, nice, system, idle, waiting, *others = (int(each) for each in line.split()[1:9])
        return user + nice + system + idle + waiting + sum(others), idle + waiting, sum(os.times()[:4]) / _TICK_S
