"""Starts a demonstration bank of its own for a load test, as a person would, and stops it by its process id."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEMO_KEYS = "demo-keys.json"
_READY_WITHIN_S = 300
_STOPS_WITHIN_S = 20


class ServerFailed(Exception):
    """There is no server to load; the message is a sentence, with the server's last words where it had any."""


@contextmanager
def demonstration(customers: int) -> Iterator[tuple[str, Path]]:
    """The address and the file of keys of a demonstration bank that lives as long as the context.

    Its data lie in a temporary folder.

    Raises:
        ServerFailed: it ended before it was ready, or was not ready in time.
    """
    port = _free_port()
    host = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="nextbest-loadtest-") as folder:
        log, said = Path(folder) / "server.log", Path(folder) / "ready.json"
        with log.open("wb") as complaints, said.open("wb") as output:
            process = subprocess.Popen(
                _command(port, customers, Path(folder) / "data"), stdout=output, stderr=complaints
            )
        try:
            _wait_until_ready(process, said, log)
            yield host, Path(folder) / "data" / DEMO_KEYS
        finally:
            _stop(process)


def read_keys(path: Path) -> dict[str, str]:
    """The keys by role that a demonstration wrote.

    Raises:
        ServerFailed: there is no such file, or it is something else.
    """
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ServerFailed(f"{path} holds no keys: name the file that `make demo` wrote with --keys.") from error
    if not isinstance(held, dict):
        raise ServerFailed(f"{path} holds no keys by role.")
    return {str(role): str(key) for role, key in held.items()}


def check_ready(host: str) -> None:
    """See that a server answers.

    Raises:
        ServerFailed: it does not.
    """
    name, _, port = host.removeprefix("http://").rpartition(":")
    if not _is_ready(name.strip("[]"), int(port)):
        raise ServerFailed(f"Nothing at {host} says that it is ready; start `make demo`, or leave --host out.")


def _command(port: int, customers: int, data_dir: Path) -> list[str]:
    nextbest = Path(sys.executable).with_name("nextbest")
    options = [
        "--port",
        str(port),
        "--customers",
        str(customers),
        "--data-dir",
        str(data_dir),
        "--no-browser",
        "--json",
    ]
    return [str(nextbest), "demo", *options]


def _wait_until_ready(process: "subprocess.Popen[bytes]", said: Path, log: Path) -> None:
    """It serves before it has found the examples that it prints; only then is it at rest."""
    give_up_at = time.monotonic() + _READY_WITHIN_S
    while not said.stat().st_size:
        if process.poll() is not None:
            raise ServerFailed(
                f"The server ended with code {process.returncode} before it was ready.{_last_words(log)}"
            )
        if time.monotonic() > give_up_at:
            raise ServerFailed(f"The server was not ready within {_READY_WITHIN_S} s.{_last_words(log)}")
        time.sleep(0.25)


def _is_ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
    return "".join(f"\n  {line}" for line in lines)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
