"""A cluster of three primaries on this machine."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from api.adapters.cluster import SLOTS
from api.adapters.server_binary import find_server

BUS = 10_000
"""A node listens to the others on its port and this."""
FORMED_WITHIN_S = 30.0
SETTINGS = {"cluster-enabled": "yes", "appendonly": "no", "save": "", "cluster-node-timeout": "2000"}


@contextmanager
def a_cluster(folder: Path, size: int = 3) -> Iterator[Sequence[int]]:
    """The ports of a cluster that has formed."""
    ports = _free_ports(size)
    with ExitStack() as stack:
        for port in ports:
            stack.enter_context(_node(folder / str(port), port))
        nodes = [stack.enter_context(redis.Redis(port=port)) for port in ports]
        _wait(lambda: all(_answers(node) for node in nodes))
        bounds = [SLOTS * at // size for at in range(size + 1)]
        for at, node in enumerate(nodes):
            node.execute_command("CLUSTER ADDSLOTSRANGE", bounds[at], bounds[at + 1] - 1)
            node.execute_command("CLUSTER MEET", "127.0.0.1", ports[0])
        _wait(lambda: all(_has_formed(node, size) for node in nodes))
        yield ports


@contextmanager
def _node(folder: Path, port: int) -> Iterator[None]:
    folder.mkdir()
    settings = [word for name, value in SETTINGS.items() for word in (f"--{name}", value)]
    command = [find_server(), "--port", str(port), "--dir", str(folder), "--logfile", "server.log", *settings]
    process = subprocess.Popen(command, cwd=folder)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _free_ports(count: int) -> Sequence[int]:
    """Ports whose bus ports are free too; taken a moment later, which is soon enough for a test."""
    ports: list[int] = []
    with ExitStack() as stack:
        for port in range(21_000, 50_000):
            try:
                for each in (port, port + BUS):
                    taken = stack.enter_context(socket.socket())
                    taken.bind(("127.0.0.1", each))
            except OSError:
                continue
            ports.append(port)
            if len(ports) == count:
                return ports
    raise AssertionError("no free ports")


def _answers(node: "redis.Redis") -> bool:
    try:
        return bool(node.ping())
    except redis.ConnectionError:
        return False


def _has_formed(node: "redis.Redis", size: int) -> bool:
    told: dict[str, str] = node.execute_command("CLUSTER INFO")  # type: ignore[no-untyped-call]
    return bool(told["cluster_state"] == "ok" and int(told["cluster_known_nodes"]) == size)


def _wait(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + FORMED_WITHIN_S
    while not condition():
        assert time.monotonic() < give_up_at, "the cluster does not form"
        time.sleep(0.05)
