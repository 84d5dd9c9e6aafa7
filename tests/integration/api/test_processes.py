"""The product's own processes: serving on one port, stopping cleanly, doing without a store and getting it back."""

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from api.adapters.embedded import EmbeddedServer
from tests.integration.api.installations import PATIENCE_S, port_of, process, until_ready

QUESTION = {
    "identity": {"scheme": "customer_id", "value": "C1"},
    "channel": "atm",
    "placements": [{"id": "idle_screen"}],
    "budget_ms": 50,
}


def ask(client: httpx.Client) -> httpx.Response:
    return client.post("/v1/decisions", json=QUESTION)


def until_degraded(client: httpx.Client, wanted: bool) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while bool(ask(client).json()["degraded"]) is not wanted:
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def metric(client: httpx.Client, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def until_metric(client: httpx.Client, name: str, wanted: float) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while metric(client, name) != wanted:
        assert time.monotonic() < give_up_at, f"{name} is {metric(client, name)}"
        time.sleep(0.1)


def stopped(server: "subprocess.Popen[str]", by: signal.Signals = signal.SIGTERM) -> int:
    server.send_signal(by)
    return server.wait(timeout=PATIENCE_S)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_server_answers_and_ends_when_asked(store_dir: Path, by: signal.Signals) -> None:
    """With exit code 0: an end that was asked for is no failure."""
    with process(store_dir, "api.server", port=0) as server, client_of(server) as client:
        assert until_ready(client)["status"] == "ready"
        until_degraded(client, wanted=False)
        assert stopped(server, by) == 0


def test_several_processes_share_a_port_and_are_measured_as_one(store_dir: Path) -> None:
    """Whichever process answers a scrape adds up all of them."""
    with process(store_dir, "api.server", port=0, workers=2) as server, client_of(server) as client:
        until_ready(client)
        until_metric(client, 'nextbest_processes{role="api"}', 2)
        before = metric(client, "nextbest_decisions_total")
        with ThreadPoolExecutor(8) as pool:
            clients = [client_of_same(client) for _ in range(8)]
            answers = list(pool.map(lambda one: ask(one).status_code, clients * 5))
            for one in clients:
                one.close()
        assert answers == [200] * 40
        until_metric(client, "nextbest_decisions_total", before + 40)
        assert stopped(server) == 0


def test_server_without_a_store_serves_fallbacks_until_there_is_one(tmp_path: Path) -> None:
    """It says so at the start, and reconnects by itself."""
    with process(tmp_path, "api.server", port=0) as server, client_of(server) as client:
        ready = until_ready(client)
        assert (ready["status"], "does not answer" in ready["reasons"][0]) == ("degraded", True)
        assert ask(client).json()["propositions"][0]["fallback"] is not None
        assert ask(client).json()["degraded"] == ["record"]
        store = EmbeddedServer(tmp_path)
        store.start()
        try:
            until_degraded(client, wanted=False)
            os.kill(store.pid, signal.SIGSTOP)
            try:
                until_degraded(client, wanted=True)
                assert ask(client).status_code == 200
                assert client.get("/livez").status_code == 200
            finally:
                os.kill(store.pid, signal.SIGCONT)
            until_degraded(client, wanted=False)
        finally:
            store.stop()
        until_degraded(client, wanted=True)
        assert stopped(server) == 0


def test_server_that_cannot_start_says_why_in_plain_words(tmp_path: Path) -> None:
    """No traceback: the reader edits rules, not Python."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "bank.yaml").write_text("bank: [")
    with process(tmp_path, "api.server", rules=rules) as server:
        assert server.wait(timeout=PATIENCE_S) == 1
        assert server.stderr is not None
        said = server.stderr.read()
    assert "bank.yaml:1:" in said
    assert "Traceback" not in said


def test_worker_ends_when_asked_and_gives_its_partitions_back(store_dir: Path) -> None:
    """So that the next one need not wait for the leases to run out."""
    for _ in range(2):
        with process(store_dir, "api.worker") as worker, process(store_dir, "api.server", port=0) as server:
            with client_of(server) as client:
                until_ready(client)
                until_metric(client, "nextbest_partitions_owned", 1_024)
            assert stopped(worker) == 0


def client_of(server: "subprocess.Popen[str]") -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{port_of(server)}", timeout=PATIENCE_S)


def client_of_same(client: httpx.Client) -> httpx.Client:
    return httpx.Client(base_url=client.base_url, timeout=PATIENCE_S)
