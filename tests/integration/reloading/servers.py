"""A running server and what a person at its rules and its metrics would do."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.integration.api.installations import PATIENCE_S, port_of, process, until_ready

WELCOME = '"Welcome to Harbour & Vale"'
QUESTION = {
    "identity": {"scheme": "customer_id", "value": "nobody"},
    "channel": "atm",
    "placements": [{"id": "idle_screen"}],
}


@dataclass(slots=True, kw_only=True)
class Server:
    """A server process, what it said, and a client."""

    running: "subprocess.Popen[str]"
    client: httpx.Client
    said: list[str] = field(default_factory=list)

    def ask(self) -> dict[str, Any]:
        """What the idle screen of an ATM shows."""
        answer = self.client.post("/v1/decisions", json=QUESTION)
        assert answer.status_code == 200, answer.text
        decision: dict[str, Any] = answer.json()
        return decision

    def ready(self) -> dict[str, Any]:
        """What /readyz says."""
        told: dict[str, Any] = self.client.get("/readyz").json()
        return told

    def reloads(self, result: str) -> int:
        """How often the processes of the data folder, those of earlier tests among them, reloaded with a result."""
        return int(self.metric(f'nextbest_reloads_total{{result="{result}"}}'))

    def metric(self, name: str) -> float:
        """A metric without labels, or with those given; 0 where it is not there yet."""
        lines = self.client.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == name)

    def rulesets(self) -> set[str]:
        """The bundles that the processes of the installation say they serve."""
        lines = self.client.get("/metrics").text.splitlines()
        return {line.split('ruleset="')[1].split('"')[0] for line in lines if line.startswith("nextbest_bundle_info{")}

    def until(self, result: str, ruleset: str = "") -> dict[str, Any]:
        """Wait until the last reload ended so, with a bundle other than the one given."""
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            reload: dict[str, Any] = self.ready()["reload"]
            if reload["result"] == result and reload.get("ruleset") != ruleset:
                return reload
            assert time.monotonic() < give_up_at, (reload, self.said)
            time.sleep(0.05)

    def until_said(self, words: str) -> str:
        """Wait until it says something in its log."""
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            found = next((line for line in self.said if words in line), None)
            if found is not None:
                return found
            assert time.monotonic() < give_up_at, self.said
            time.sleep(0.05)

    def hang_up(self) -> None:
        """Ask it to look at its rules."""
        os.kill(self.running.pid, signal.SIGHUP)


@contextmanager
def serving(data_dir: Path, **settings: object) -> Iterator[Server]:
    """A server for as long as the context lasts; it has to end cleanly."""
    with process(data_dir, "api.server", **{"port": 0, **settings}) as running:
        url = f"http://127.0.0.1:{port_of(running)}"
        with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
            server = Server(running=running, client=client)
            listening = threading.Thread(target=_listen, args=(server,))
            listening.start()
            try:
                until_ready(client)
                yield server
            finally:
                running.send_signal(signal.SIGTERM)
                ended = running.wait(PATIENCE_S)
                listening.join(PATIENCE_S)
            assert ended == 0


def _listen(server: Server) -> None:
    assert server.running.stderr is not None
    for line in server.running.stderr:
        server.said.append(line)


@contextmanager
def asking_all_the_time(server: Server, connections: int = 4) -> Iterator[list[dict[str, Any]]]:
    """Answers to questions asked again and again, by several clients, for as long as the context lasts."""
    answers: list[dict[str, Any]] = []
    enough = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.client.base_url, timeout=PATIENCE_S) as client:
            while not enough.is_set():
                answer = client.post("/v1/decisions", json=QUESTION)
                answers.append({"status": answer.status_code, **answer.json()})
                time.sleep(0.002)

    with ThreadPoolExecutor(connections) as pool:
        asking = [pool.submit(ask) for _ in range(connections)]
        try:
            yield answers
        finally:
            enough.set()
            for each in asking:
                each.result()


def headline(decision: dict[str, Any]) -> str:
    """What the screen shows."""
    shown: str = decision["propositions"][0]["fallback"]["treatment"]["headline"]
    return shown


def welcome(rules: Path, words: str) -> None:
    """Change what the idle screen says, as an editor does that writes another file and renames it."""
    channels = rules / "channels.yaml"
    text = channels.read_text()
    before = next(line for line in text.splitlines() if "atm_idle_default" in line)
    after = before.replace(before.split('headline: "')[1].split('"')[0], words)
    draft = rules / ".channels.yaml.draft"
    draft.write_text(text.replace(before, after))
    draft.replace(channels)
