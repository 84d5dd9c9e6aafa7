"""Keys on a running server: the first one, one after the other without a gap, taken away; and who looked at whom."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.integration.api.installations import PATIENCE_S, port_of, process, until_ready
from tests.unit.api.shells import ROOT

QUESTION = {
    "identity": {"scheme": "customer_id", "value": "nobody"},
    "channel": "atm",
    "placements": [{"id": "idle_screen"}],
}


def nextbest(folder: Path, *words: str) -> dict[str, Any]:
    """What a command says as JSON."""
    command = [sys.executable, "-m", "api.cli", *words, "--data-dir", str(folder), "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


def until(check: Callable[[], bool], said: str) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not check():
        assert time.monotonic() < give_up_at, said
        time.sleep(0.05)


def test_keys_follow_one_another_without_a_restart_and_looks_are_found(tmp_path: Path) -> None:
    """The store is away all the time: who may call does not hang on it."""
    with process(tmp_path, "api.server", port=0, access="keys") as server:
        url = f"http://127.0.0.1:{port_of(server)}"
        with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:

            def status(key: str) -> int:
                headers = {"authorization": f"Bearer {key}"}
                return client.post("/v1/decisions", json=QUESTION, headers=headers).status_code

            until_ready(client)
            assert "nextbest keys add" in client.post("/v1/decisions", json=QUESTION).json()["detail"]
            first = nextbest(tmp_path, "keys", "add", "atm", "--channel", "atm")["key"]
            until(lambda: status(first) == 200, "the first key is not taken up")
            second = nextbest(tmp_path, "keys", "rotate", "atm", "--overlap", "1h")["key"]
            until(lambda: status(second) == 200, "the second key is not taken up")
            assert status(first) == 200
            nextbest(tmp_path, "keys", "revoke", "atm")
            until(lambda: (status(first), status(second)) == (401, 401), "revoked keys are still taken")

            staff = nextbest(tmp_path, "keys", "add", "desk", "--role", "agent")["key"]
            until(lambda: status(staff) == 200, "the key of staff is not taken up")
            headers = {"authorization": f"Bearer {staff}", "x-purpose": "call 17"}
            assert client.get("/v1/customers/C0000001", headers=headers).status_code == 503
            assert client.post("/v1/explanations", json=QUESTION, headers=headers).status_code == 200
    found = nextbest(tmp_path, "audit", "looks", "--by", "key:desk")
    assert found["broken"] == []
    shown = [look for look in found["looks"] if look["what"] != "POST /v1/decisions"]
    assert [(look["customer"], look["what"], look["purpose"]) for look in shown] == [
        ("nobody", "POST /v1/explanations", "call 17")  # the customer who could not be read was not shown
    ]
