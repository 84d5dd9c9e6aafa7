"""The embedded server: one supervisor a folder, an orphan is adopted or ended, and what was acknowledged stays."""

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from api.adapters import embedded, server_binary
from api.adapters.embedded import EmbeddedServer, RunningServer, ServerError, running_url


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder; whatever still serves it at the end is ended."""
    yield tmp_path
    noted = RunningServer.of(tmp_path)
    if noted is not None and noted.lives():
        os.kill(noted.pid, signal.SIGKILL)


def _client(server: EmbeddedServer) -> "redis.Redis":
    return redis.Redis.from_url(server.url)


def _abandon(server: EmbeddedServer) -> None:
    """What is left when a supervisor is killed: its lock is gone, its server serves on."""
    assert server._lock is not None
    server._lock.close()


def test_the_server_is_durable_and_never_forgets_to_make_room(folder: Path) -> None:
    """As the start of an external server requires it too."""
    server = EmbeddedServer(folder, max_memory_mb=64)
    server.start()
    with _client(server) as client:
        told = client.config_get("*")
        assert told["appendonly"] == "yes"
        assert told["appendfsync"] == "always"
        assert told["maxmemory-policy"] == "noeviction"
        assert told["hash-max-listpack-value"] == "4096"
        assert int(told["maxmemory"]) == 64 * 2**20
    server.stop()


def test_data_folder_may_be_given_relative_to_where_one_stands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server itself stands in another folder."""
    monkeypatch.chdir(folder.parent)
    server = EmbeddedServer(Path(folder.name))
    server.start()
    assert running_url(folder) == server.url
    server.stop()


def test_only_its_owner_reaches_the_server(folder: Path) -> None:
    """By a socket, on no port."""
    server = EmbeddedServer(folder)
    server.start()
    socket = Path(server.url.removeprefix("unix://"))
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    with _client(server) as client:
        assert client.config_get("port")["port"] == "0"
    server.stop()
    assert not socket.exists()


def test_what_was_written_is_there_after_a_restart(folder: Path) -> None:
    """After a clean stop and after a kill."""
    server = EmbeddedServer(folder)
    server.start()
    with _client(server) as client:
        client.set("clean", 1)
    server.stop()
    server.start()
    with _client(server) as client:
        client.set("killed", 1)
    os.kill(server.pid, signal.SIGKILL)
    assert server.child is not None
    server.child.wait()
    url = server.url
    assert server.restart_if_dead()
    assert server.url == url
    with _client(server) as client:
        assert client.mget("clean", "killed") == [b"1", b"1"]
    assert not server.restart_if_dead()
    server.stop()


def test_one_supervisor_holds_a_folder(folder: Path) -> None:
    """The second is told so, and the first goes on."""
    server = EmbeddedServer(folder)
    server.start()
    with pytest.raises(ServerError, match="another nextbest runs"):
        EmbeddedServer(folder).start()
    assert server.alive()
    server.stop()


def test_an_orphan_that_serves_is_adopted(folder: Path) -> None:
    """Same process, same data, and the new supervisor stops it."""
    first = EmbeddedServer(folder)
    first.start()
    _abandon(first)
    second = EmbeddedServer(folder, max_memory_mb=32)
    second.start()
    assert second.pid == first.pid
    with _client(second) as client:
        assert int(client.config_get("maxmemory")["maxmemory"]) == 32 * 2**20
    second.stop()
    assert not first.alive()


def test_an_orphan_that_hangs_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh server takes its place, with its data."""
    monkeypatch.setattr(embedded, "STOPPED_WITHIN_S", 0.2)
    monkeypatch.setattr(embedded, "ANSWERED_WITHIN_S", 0.1)
    first = EmbeddedServer(folder)
    first.start()
    with _client(first) as client:
        client.set("kept", 1)
    os.kill(first.pid, signal.SIGSTOP)
    _abandon(first)
    second = EmbeddedServer(folder)
    second.start()
    assert second.pid != first.pid
    assert not first.alive()
    with _client(second) as client:
        assert client.get("kept") == b"1"
    second.stop()


def test_a_stale_pid_file_ends_nobody(folder: Path) -> None:
    """Its number may belong to another process by now: here, to this test."""
    noted = {"pid": os.getpid(), "socket": str(folder / "valkey" / "server.sock")}
    (folder / "valkey").mkdir()
    (folder / "valkey" / "server.json").write_text(json.dumps(noted))
    server = EmbeddedServer(folder)
    server.start()
    assert server.pid != os.getpid()
    server.stop()


def test_the_server_does_not_hear_the_terminal(folder: Path) -> None:
    """It leads a process group of its own, which no terminal has in its foreground."""
    server = EmbeddedServer(folder)
    server.start()
    pid, group = server.pid, os.getpgid(server.pid)
    server.stop()
    assert group == pid != os.getpgid(0)


def test_a_long_folder_gets_a_short_socket(folder: Path) -> None:
    """The system allows about a hundred bytes; the short folder goes with the server."""
    deep = folder / ("d" * 90)
    server = EmbeddedServer(deep)
    server.start()
    socket = Path(server.url.removeprefix("unix://"))
    assert len(os.fsencode(socket)) <= embedded.MAX_SOCKET_PATH
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    with _client(server) as client:
        assert client.ping()
    server.stop()
    assert not socket.parent.exists()


def test_others_attach_to_the_running_server(folder: Path) -> None:
    """Without starting one, and only while it runs."""
    assert running_url(folder) is None
    server = EmbeddedServer(folder)
    server.start()
    assert running_url(folder) == server.url
    server.stop()
    assert running_url(folder) is None


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    """In its own last words, and the folder is free again."""
    broken = folder / "valkey" / "appendonlydir"
    broken.parent.mkdir()
    broken.write_text("in the way")
    with pytest.raises(ServerError, match="did not come up"):
        EmbeddedServer(folder).start()
    broken.unlink()
    server = EmbeddedServer(folder)
    server.start()
    server.stop()


def test_without_a_packaged_server_the_path_is_searched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server too old is passed over, and the sentence says so."""
    monkeypatch.setattr(server_binary, "_packaged_server", lambda: None)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(ServerError, match="needs a Valkey or Redis server"):
        server_binary.find_server()
    for version in ("Redis server v=6.2.7 sha=0", "Valkey server v=8.0.1 sha=0"):
        name = version.split()[0].lower() + "-server"
        (folder / name).write_text(f"#!/bin/sh\necho '{version}'\n")
        (folder / name).chmod(0o755)
        if version.startswith("Redis"):
            with pytest.raises(ServerError, match="the redis-server on the PATH is too old"):
                server_binary.find_server()
    assert server_binary.find_server() == str(folder / "valkey-server")
