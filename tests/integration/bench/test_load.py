"""The load generator, against a server that answers what it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bench.load import WARM_UP_S, Load, send


class Echo(BaseHTTPRequestHandler):
    """Answers `{"status": ..., "degraded": [...]}` as the request's body says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(json.loads(body)["status"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parameter's name in the standard library
        """Keep quiet."""


@contextmanager
def a_load(*bodies: str, per_second: float | None = None) -> Iterator[Load]:
    """A short load on a server that lives as long as the context."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Load(
            port=server.server_address[1],
            connections=4,
            seconds=0.5,
            per_second=per_second,
            wanted='"degraded":[]',
            path="/",
            bodies=bodies,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def body(**content: Any) -> str:
    """A request's body."""
    return json.dumps({"status": 200, "degraded": [], **content}, separators=(",", ":"))


def test_closed_loop_counts_good_and_degraded_answers_apart(tmp_path: Path) -> None:
    """Half of the questions are answered with a fallback: they are answers, and no decisions."""
    with a_load(body(), body(degraded=["late"])) as load:
        result = send(load, tmp_path)
    assert result.sent >= result.answers > 10
    assert result.wrong == {'HTTP/1.1 200 "late"': pytest.approx(result.answers / 2, abs=4)}
    assert result.per_second == pytest.approx(result.answers * (1 - result.wrong_share) / load.seconds)
    assert 0 < result.latency.p50_us <= result.latency.p99_us
    assert result.good_latency.calls == result.answers - sum(result.wrong.values())


def test_open_loop_sends_at_its_rate(tmp_path: Path) -> None:
    """Whatever the server does, so many requests are due."""
    with a_load(body(), per_second=200.0) as load:
        result = send(load, tmp_path)
    assert result.sent == int((WARM_UP_S + load.seconds) * 200)
    assert result.answers == pytest.approx(100, abs=2)
    assert (result.unanswered, result.wrong) == (0, {})


def test_refused_request_ends_the_benchmark(tmp_path: Path) -> None:
    """A server that says no is measured by nobody."""
    with a_load(body(), body(status=500)) as load, pytest.raises(RuntimeError, match=r"HTTP/1\.1 500"):
        send(load, tmp_path)
