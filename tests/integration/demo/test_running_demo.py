"""A demonstration that was started for the second time on its folder, while it runs."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import launched
from tests.integration.demo.processes import Running, ask, in_session, processes_on, start, words

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.fixture(scope="module")
def demo(data_dir: Path) -> Iterator[Running]:
    """Running until the last test of the module."""
    with in_session(*words(data_dir)) as demo:
        yield demo


def pasted(command: str) -> dict[str, Any]:
    """What a command from the screen answers."""
    answer: dict[str, Any] = json.loads(subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout)
    return answer


def whole(command: str) -> dict[str, Any]:
    """What it answers when nothing is missing; a machine that is busy may show a fallback first."""
    answer = pasted(command)
    for _ in range(5):
        if not answer["degraded"]:
            break
        answer = pasted(command)
    return answer


def workers(data_dir: Path) -> set[int]:
    """The event workers of a folder."""
    return {pid for pid, command in processes_on(data_dir).items() if "api.worker" in command}


def test_pasted_requests_give_the_answers_that_were_shown(demo: Running) -> None:
    customers = set()
    for each in demo.told["examples"]:
        best = whole(each["decision"])["propositions"][0]["options"][0]
        assert best["action"] == each["action"]
        assert pasted(each["explanation"])["propositions"][0]["options"][0]["reasons"]
        customers.add(each["decision"].split('"value": "')[1].split('"')[0])
    assert len(customers) == 3


def test_home_page_shows_a_customer_an_offer_and_takes_no_for_an_answer(demo: Running) -> None:
    """In a real Chromium, from the choice of a customer to what the engine has counted."""
    said: list[str] = []
    with launched() as browser:
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.goto(demo.url)
        people = page.locator("#customer option:not([value=''])")
        people.first.wait_for(state="attached")
        shown = page.locator('nextbest-banner[placement="hero"][data-state="offer"]')
        for customer in people.evaluate_all("all => all.map((each) => each.value)") * 2:
            page.goto(f"{demo.url}/shop?customer={customer}")
            page.wait_for_timeout(1_000)
            if shown.count():
                break
        page.get_by_text("hero: seen").wait_for()
        shown.get_by_role("button", name="No, thank you").click()
        page.get_by_text("hero: dismissed").wait_for()
        page.wait_for_timeout(500)
    assert said == []
    with urllib.request.urlopen(demo.url + "/metrics", timeout=10) as answer:
        counted = [line for line in answer.read().decode().splitlines() if line.startswith("nextbest_outcomes_total")]
    assert {outcome for line in counted for outcome in ("impression", "decline") if f'"{outcome}"' in line} == {
        "impression",
        "decline",
    }


def test_second_start_makes_and_trains_nothing_again(demo: Running, data_dir: Path) -> None:
    first = json.loads((data_dir / "first.json").read_text())
    assert demo.told["seconds"]["load and train"] < first["seconds"]["load and train"] / 10
    assert len(list((data_dir / "loads").glob("*.json"))) == 1


def test_process_that_dies_is_started_again(demo: Running, data_dir: Path) -> None:
    worker = workers(data_dir).pop()
    os.kill(worker, signal.SIGKILL)
    give_up_at = time.monotonic() + 20
    while not (alive := workers(data_dir) - {worker}) and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert alive
    question = {"identity": {"scheme": "customer_id", "value": "C0000001"}, "channel": "branch"}
    key = json.loads((data_dir / "demo-keys.json").read_text())["analyst"]
    body = {**question, "placements": [{"id": "card"}]}
    assert ask(demo.url, "/v1/explanations", body, key)["degraded"] == []


def test_port_that_is_taken_is_said_in_a_sentence(demo: Running, data_dir: Path) -> None:
    port = demo.url.rpartition(":")[2]
    process = start("serve", "--port", port, "--data-dir", str(data_dir / "other"))
    out, _ = process.communicate()
    assert process.returncode == 2
    assert "choose another with --port" in json.loads(out)["error"]


def test_second_supervisor_of_the_folder_is_refused(demo: Running, data_dir: Path) -> None:
    process = start("serve", "--port", "0", "--data-dir", str(data_dir))
    out, _ = process.communicate()
    assert process.returncode == 2
    assert "another nextbest runs on the data folder" in json.loads(out)["error"]
