"""`nextbest demo` from nothing: it serves, shows what to ask, ends at once, and starts again quickly."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.demo.processes import (
    Running,
    ask,
    close,
    in_session,
    nothing_left_on,
    processes_on,
    start,
    when_ready,
)

CUSTOMERS = "300"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demonstration has run once, so that the others start quickly."""
    folder = tmp_path_factory.mktemp("demo")
    with in_session(*words(folder)) as demo:
        (folder / "first.json").write_text(json.dumps(demo.told))
    assert nothing_left_on(folder)
    return folder


def words(folder: Path) -> tuple[str, ...]:
    return ("demo", "--port", "0", "--customers", CUSTOMERS, "--data-dir", str(folder), "--no-browser")


def test_three_doors_offer_three_customers_different_things(data_dir: Path) -> None:
    examples = json.loads((data_dir / "first.json").read_text())["examples"]
    assert [each["channel"] for each in examples] == ["atm", "web", "branch"]
    assert len({each["action"] for each in examples}) == 3


def test_pasted_requests_give_the_answers_that_were_shown(data_dir: Path) -> None:
    with in_session(*words(data_dir)) as demo:
        customers = set()
        for each in demo.told["examples"]:
            pasted = subprocess.run(shlex.split(each["decision"]), capture_output=True, check=True)
            best = json.loads(pasted.stdout)["propositions"][0]["options"][0]
            assert best["action"] == each["action"]
            explained = json.loads(
                subprocess.run(shlex.split(each["explanation"]), capture_output=True, check=True).stdout
            )
            assert explained["propositions"][0]["options"][0]["reasons"]
            customers.add(each["decision"].split('"value": "')[1].split('"')[0])
        assert len(customers) == 3


def test_second_start_makes_and_trains_nothing_again(data_dir: Path) -> None:
    first = json.loads((data_dir / "first.json").read_text())
    reports = sorted(path.name for path in (data_dir / "loads").glob("*.json"))
    with in_session(*words(data_dir)) as demo:
        assert demo.told["seconds"]["load and train"] < first["seconds"]["load and train"] / 10
        assert sorted(path.name for path in (data_dir / "loads").glob("*.json")) == reports


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


def test_process_that_dies_is_started_again(data_dir: Path) -> None:
    with in_session(*words(data_dir)) as demo:
        worker = next(pid for pid, command in processes_on(data_dir).items() if "api.worker" in command)
        os.kill(worker, signal.SIGKILL)
        give_up_at = time.monotonic() + 20
        while not (alive := _workers(data_dir) - {worker}) and time.monotonic() < give_up_at:
            time.sleep(0.05)
        assert alive
        question = {"identity": {"scheme": "customer_id", "value": "C0000001"}, "channel": "branch"}
        assert ask(demo.url, "/v1/explanations", {**question, "placements": [{"id": "card"}]})["degraded"] == []


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


def test_port_that_is_taken_is_said_in_a_sentence(data_dir: Path) -> None:
    with in_session(*words(data_dir)) as demo:
        port = demo.url.rpartition(":")[2]
        process = start("serve", "--port", port, "--data-dir", str(data_dir / "other"))
        out, _ = process.communicate()
        assert process.returncode == 2
        assert "choose another with --port" in json.loads(out)["error"]


def _workers(data_dir: Path) -> set[int]:
    return {pid for pid, command in processes_on(data_dir).items() if "api.worker" in command}


def _certainly_end(demo: Running, data_dir: Path) -> None:
    if demo.process.poll() is None:
        demo.process.kill()
    for pid in processes_on(data_dir):
        os.kill(pid, signal.SIGKILL)
    close(demo.process)
