"""Servers under test as processes of their own, started and stopped by their ids, and what processor time they use."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_READY_WITHIN_S: Final = 60.0
_STOPS_WITHIN_S: Final = 10.0
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A process that listens on a port of this machine."""

    pid: int
    port: int


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    command: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server that answers on a port, for as long as the context lasts.

    Raises:
        RuntimeError: it ended, or did not answer in time; with the end of its log.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        )
    try:
        _wait_for(process, port, log)
        yield Server(pid=process.pid, port=port)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    give_up_at = time.monotonic() + _READY_WITHIN_S
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise RuntimeError(f"the server did not answer: {log.read_text(errors='replace')[-1500:]}")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status in (http.client.OK, http.client.NOT_FOUND)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
