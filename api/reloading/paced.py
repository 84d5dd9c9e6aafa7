"""`python -m api.reloading.paced COMMAND...`: runs a command in small portions while the machine has other work to do.

A process that runs while processors are idle still makes requests wait: the scheduler does not put it aside at every
wake-up. In portions it costs their tail less, though not nothing (figures in docs/decisions/0015). So it is stopped and
let go on from outside, whatever it is doing. Where nobody else needs the processors it runs through. It ends with
whoever started it, and this process ends as it did.
"""

import ctypes
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from api.background import run_when_idle

PORTION_S: Final = 0.001
PAUSE_S: Final = 0.003
LOOK_S: Final = 0.2
"""Between two looks at who else needs the processors."""
FREE: Final = 0.1
"""Others may use so much of all processors, and the command still runs through."""
_PR_SET_PDEATHSIG: Final = 1
_NO_COMMAND: Final = 127


def can_pace() -> bool:
    """Whether this system lets one wait for a process with a time limit, and tells what its processors do."""
    try:
        os.close(os.pidfd_open(os.getpid()))
        _Processors(os.getpid())
    except (AttributeError, OSError, ValueError, IndexError):
        return False  # not Linux, or a container that forbids or hides the one or the other
    return True


def run(command: Sequence[str]) -> int:
    """Run a command to its end; its exit code, negative for the signal that it died of."""
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        _become(command, parent)
    ended = os.pidfd_open(pid)
    try:
        _pace(pid, ended)
    finally:
        os.close(ended)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _become(command: Sequence[str], parent: int) -> NoReturn:
    """Turn this fork into the command, behind everybody else; it dies with its parent, which it could not see go."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() == parent:
            run_when_idle(os.getpid())
            os.execv(command[0], list(command))  # noqa: S606 - the product's own command, and no shell
    finally:
        os._exit(_NO_COMMAND)


def _pace(pid: int, ended: int) -> None:
    """Stop and continue a process until it has ended."""
    processors = _Processors(pid)
    while True:
        look_at = time.monotonic() + LOOK_S
        while time.monotonic() < look_at:
            if processors.free:
                if _ended(ended, LOOK_S):
                    return
                continue
            if _ended(ended, PORTION_S):
                return
            os.kill(pid, signal.SIGSTOP)
            time.sleep(PAUSE_S)
            os.kill(pid, signal.SIGCONT)
        processors.look()


def _ended(ended: int, within_s: float) -> bool:
    return bool(select.select((ended,), (), (), within_s)[0])


class _Processors:
    """How much others use of all processors, between two looks; until the first one they count as busy."""

    def __init__(self, pid: int) -> None:
        self.free = False
        self._of_command = Path(f"/proc/{pid}/stat")
        self._before = self._now()

    def look(self) -> None:
        """See what happened since the last look."""
        (all_before, idle_before, own_before), self._before = self._before, self._now()
        everything, idle, own = self._before
        passed = everything - all_before
        if passed > 0:
            self.free = (passed - (idle - idle_before) - (own - own_before)) / passed < FREE

    def _now(self) -> tuple[int, int, int]:
        """Ticks of all processors, those of them that nobody used, those that the command used."""
        line = Path("/proc/stat").read_bytes().partition(b"\n")[0]
        user, nice, system, idle, waiting, *others = (int(each) for each in line.split()[1:9])
        own = self._of_command.read_bytes().rpartition(b")")[2].split()
        return user + nice + system + idle + waiting + sum(others), idle + waiting, int(own[11]) + int(own[12])


def main(command: Sequence[str]) -> NoReturn:
    """Run a command and end as it does."""
    code = run(command)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
