"""`nextbest demo` from nothing: it serves, shows what to ask, ends at once, and starts again quickly."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.integration.demo.processes import (
    Running,
    close,
    in_session,
    nothing_left_on,
    processes_on,
    start,
    when_ready,
    words,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


def test_three_doors_offer_three_customers_different_things(data_dir: Path) -> None:
    examples = json.loads((data_dir / "first.json").read_text())["examples"]
    assert [each["channel"] for each in examples] == ["atm", "web", "branch"]
    assert len({each["action"] for each in examples}) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_everything_with_code_0(data_dir: Path, number: int) -> None:
    demo = when_ready(start(*words(data_dir)))
    try:
        commands = " ".join(processes_on(data_dir).values())
        assert "api.server" in commands
        assert "api.worker" in commands
        assert "valkey" in commands
        demo.signal(number)
        assert demo.end() == 0
        assert nothing_left_on(data_dir)
    finally:
        _certainly_end(demo, data_dir)


def test_second_signal_kills_what_is_left(data_dir: Path) -> None:
    """The API is stopped, so that it cannot end by itself."""
    demo = when_ready(start(*words(data_dir)))
    try:
        api = next(pid for pid, command in processes_on(data_dir).items() if "api.server" in command)
        os.kill(api, signal.SIGSTOP)
        demo.signal(signal.SIGINT)
        time.sleep(0.5)
        assert demo.process.poll() is None
        demo.signal(signal.SIGINT)
        assert demo.end() == 130
        assert nothing_left_on(data_dir)
    finally:
        _certainly_end(demo, data_dir)


def test_signal_while_starting_leaves_nothing(tmp_path: Path) -> None:
    process = start(*words(tmp_path))
    try:
        while not (tmp_path / "demo.log").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert nothing_left_on(tmp_path)
    finally:
        close(process)


def test_killed_supervisor_takes_its_processes_along(data_dir: Path) -> None:
    """Only the store outlives it, to be adopted by the next."""
    demo = when_ready(start(*words(data_dir)))
    demo.process.kill()
    demo.end()
    close(demo.process)
    give_up_at = time.monotonic() + 15
    while any("api." in command for command in processes_on(data_dir).values()) and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert all("valkey" in command for command in processes_on(data_dir).values())
    with in_session(*words(data_dir)):
        pass
    assert nothing_left_on(data_dir)


def test_folder_of_another_installation_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "valkey").mkdir()
    process = start(*words(tmp_path))
    out, _ = process.communicate()
    assert process.returncode == 2
    assert "holds an installation that is no demonstration" in json.loads(out)["error"]


def _certainly_end(demo: Running, data_dir: Path) -> None:
    if demo.process.poll() is None:
        demo.process.kill()
    for pid in processes_on(data_dir):
        os.kill(pid, signal.SIGKILL)
    close(demo.process)
