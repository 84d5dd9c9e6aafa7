"""A process that works in portions: what it rests, and that nothing else about it changes."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="this system does not tell what processors do")

BEGINNING = """
import os, resource, signal, subprocess, sys, time
from api.reloading import paced
paced.run_when_idle = lambda pid: None  # tests keep all processors busy: what only runs on idle ones hardly would
{change}
paced.begin()
"""
WORKING = """
def rests():
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
def work(seconds):
    began, before = time.monotonic(), rests()
    while time.monotonic() < began + seconds:
        pass
    return rests() - before
work(0.5)
print(work(1.0))
"""
ALWAYS, NEVER = "paced.FREE = -1.0", "paced.FREE = 2.0"


def printed(code: str, change: str = ALWAYS, given: str = "") -> str:
    """What a process prints that works in portions, after a change of one of the module's names."""
    command = [sys.executable, "-c", BEGINNING.format(change=change) + code]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=True).stdout


def test_process_rests_while_others_work() -> None:
    assert int(printed(WORKING)) >= 20


def test_process_runs_through_once_it_is_seen_that_nobody_else_works() -> None:
    assert int(printed(WORKING, NEVER)) < 5


def test_reading_and_waiting_go_on_where_they_were() -> None:
    """A bell that rings in the middle of a system call cuts nothing short."""
    code = (
        "started = time.monotonic()\ntime.sleep(0.3)\nprint(time.monotonic() - started >= 0.3, len(sys.stdin.read()))"
    )
    assert printed(code, given="x" * 300_000) == "True 300000\n"


def test_processes_that_it_starts_hear_no_bell() -> None:
    code = f"print(subprocess.run(['{sys.executable}', '-c', 'import time; time.sleep(0.2)']).returncode)"
    assert printed(code) == "0\n"


def test_system_that_does_not_tell_is_not_relied_on() -> None:
    """Containers may hide it: then the process waits for idle processors, and does not rest."""
    hidden = "class Hidden:\n    def __init__(self):\n        raise PermissionError\npaced._Processors = Hidden"
    code = "print(signal.getsignal(signal.SIGALRM) == signal.SIG_DFL, signal.getitimer(signal.ITIMER_REAL))"
    assert printed(code, hidden) == "True (0.0, 0.0)\n"
