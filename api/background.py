"""Processes that work behind the requests: where processors are few, whoever answers a customer goes first."""

import contextlib
import os
from typing import Final

NICENESS: Final = 19
"""The most there is; under full load such a process still gets one or two percent of a processor, so that it ends."""
AWAITED: Final = 5
"""For what a person waits for: about a quarter of a processor under full load, so that it ends within some seconds."""


def give_way(pid: int, niceness: int = NICENESS) -> None:
    """Put a process behind the others of its session; where that is not possible, it stays where it is.

    To be called from outside as soon as it runs, so that what it imports waits too.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))


def run_when_idle(pid: int) -> None:
    """Let a process run while nobody else of its session wants to.

    It mostly stops when somebody wakes up; one that gives way still ends its turn of some milliseconds. Where
    processors are never idle, this one may never end: whoever starts it has to bound its time.
    """
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
