"""The load test as a process of its own, against a server that keeps the contract and one that does not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from loadtest.pages import CASH_MACHINE, COUNTER, HOME_PAGE
from tests.unit.loadtest.builders import a_proposition, an_answer, an_option

ROOT = Path(__file__).resolve().parents[3]


class Contract(BaseHTTPRequestHandler):
    """Answers as the contract says: an ISA on the first placement, the same decision for the same request id."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    action = "isa"

    def do_GET(self) -> None:
        """Ready, and any page whole."""
        self.answer(200, b"".join(page.sign for page in (CASH_MACHINE, COUNTER, HOME_PAGE)))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        match self.path:
            case "/v1/decisions":
                self.answer(200, self.decide(body))
            case "/v1/explanations":
                self.answer(200, b"{}")
            case _ if isinstance(body, list):
                self.answer(202, json.dumps({"results": [{"status": "recorded"}] * len(body)}).encode())
            case _:
                self.answer(202, b'{"status": "recorded"}')

    def decide(self, body: dict[str, Any]) -> bytes:
        first, *others = [placement["id"] for placement in body["placements"]]
        shown = a_proposition(an_option(action=f"{self.action}_{body['request_id']}"), placement=first)
        return an_answer(shown, *(a_proposition(placement=each) for each in others), decision_id=body["request_id"])

    def answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parameter's name in the standard library
        """Keep quiet."""


class Leaky(Contract):
    """Shows every screen what only staff may see."""

    def decide(self, body: dict[str, Any]) -> bytes:
        placements = [placement["id"] for placement in body["placements"]]
        return an_answer(
            *(a_proposition(an_option(action=each, propensity=0.2), placement=each) for each in placements)
        )


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server on a free port for as long as the context lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(*arguments: str, **environment: Path) -> "subprocess.CompletedProcess[str]":
    """Run `python -m loadtest`."""
    command = [sys.executable, "-m", "loadtest", *arguments]
    around = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    return subprocess.run(command, cwd=ROOT, env=around, capture_output=True, text=True, timeout=180, check=False)


def loadtest(host: str, result: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it on a server for two seconds."""
    return run("--host", host, "--seconds", "2", "--json", str(result), *arguments)


def test_server_that_keeps_the_contract_passes(tmp_path: Path) -> None:
    """Every journey runs, no request fails, and the result is there as JSON and as a table."""
    with serving(Contract) as host:
        run = loadtest(host, tmp_path / "result.json", "--profile", "saturate", "--mix", "1/1/2")
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    names = {request["name"] for request in result["totals"]["requests"]}
    assert {"decision atm", "decision web", "decision branch", "decision repeated", "explanation", "event"} <= names
    assert {"outcome impression", "outcome click", "outcome decline", "outcome later", "outcome accept"} <= names
    assert result["totals"]["errors"] == []
    assert result["passed"] is True
    assert "error share" in run.stdout


def test_server_that_shows_private_fields_fails(tmp_path: Path) -> None:
    """Exit code 1, and the promise that it broke in words."""
    with serving(Leaky) as host:
        run = loadtest(host, tmp_path / "result.json", "--mix", "1/1/0")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "broken promise: a private field on a public screen" in run.stdout


def test_absent_server_is_said_in_a_sentence(tmp_path: Path) -> None:
    """Exit code 2, no traceback, no result."""
    with serving(Contract) as host:
        pass
    run = loadtest(host, tmp_path / "result.json")
    assert run.returncode == 2
    assert run.stderr.startswith("Nothing at http://127.0.0.1:")
    assert not (tmp_path / "result.json").exists()
