"""A command that runs in portions: what it sees of that, how it ends, and with whom."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from api.reloading.paced import can_pace

pytestmark = pytest.mark.skipif(not can_pace(), reason="this system cannot wait for a process with a time limit")

COUNTING = """
import signal, time
continued = []
signal.signal(signal.SIGCONT, lambda *_: continued.append(time.monotonic()))
began = time.monotonic()
while time.monotonic() < began + 1.0:
    pass
print(sum(each > began + 0.5 for each in continued))
"""
AS_OTHERS = "paced.run_when_idle = lambda pid: None"
"""Tests keep all processors busy, and what only runs on idle ones would hardly begin."""


def paced(code: str, change: str = "") -> "subprocess.Popen[str]":
    """A process that runs code in portions, after a change of one of the module's names."""
    command = [sys.executable, "-c", code]
    runner = f"from api.reloading import paced\n{change}\npaced.main({command!r})"
    return subprocess.Popen([sys.executable, "-c", runner], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def counted(change: str) -> int:
    """How often a command of a second was let go on in its second half."""
    printed, _ = paced(COUNTING, f"{AS_OTHERS}\n{change}").communicate(timeout=60)
    return int(printed)


def test_command_runs_in_portions_while_others_work() -> None:
    assert counted("paced.FREE = -1.0") >= 3


def test_command_runs_through_once_it_is_seen_that_nobody_else_does() -> None:
    assert counted("paced.FREE = 2.0") == 0


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        ("raise SystemExit(7)", 7),
        ("import os; os.abort()", -signal.SIGABRT),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("", 0),
    ],
)
def test_it_ends_as_its_command_does(code: str, ended: int) -> None:
    process = paced(code)
    process.communicate(timeout=60)
    assert process.returncode == ended


def test_command_that_is_not_there_is_an_error() -> None:
    runner = "from api.reloading import paced; paced.main(['/nowhere/at/all'])"
    assert subprocess.run([sys.executable, "-c", runner], check=False, capture_output=True).returncode == 127


def test_command_dies_with_whoever_paces_it() -> None:
    """Even while it is stopped."""
    code = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
    process = paced(code, f"{AS_OTHERS}\npaced.FREE = -1.0")
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.kill()
    process.communicate(timeout=60)
    give_up_at = time.monotonic() + 10
    while alive(pid):
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_system_that_forbids_it_is_not_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers may: then rules are judged without portions."""

    def forbidden(_pid: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "pidfd_open", forbidden)
    assert not can_pace()


def alive(pid: int) -> bool:
    """Whether a process runs, or could."""
    try:
        os.kill(pid, 0)
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
