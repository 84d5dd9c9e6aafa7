"""The embedded server: starts a Valkey of our own on a private socket, adopts or ends an orphan, and stops it last.

One supervisor per data folder, by a lock on it. The server lives in a process group of its own, so that a signal to
the supervisor's terminal does not reach it, and survives a supervisor that is killed: the next one adopts it.
"""

import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from api.adapters.server_binary import ServerError, find_server

__all__ = ["EmbeddedServer", "RunningServer", "ServerError", "running_url"]

log = logging.getLogger(__name__)

MAX_SOCKET_PATH: Final = 100
READY_WITHIN_S: Final = 120.0
"""A large append-only file takes its time to load."""
STOPPED_WITHIN_S: Final = 10.0
ANSWERED_WITHIN_S: Final = 1.0
POLL_S: Final = 0.02

SETTINGS: Final[Mapping[str, str]] = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "save": '""',
    "appendonly": "yes",
    "appendfsync": "always",
    # Writing a small file anew takes a processor for a second; so much of one is read back in some seconds at a start.
    "auto-aof-rewrite-min-size": "512mb",
    "maxmemory-policy": "noeviction",
    "hash-max-listpack-value": "4096",
    "set-max-intset-entries": "4096",
    "latency-tracking": "no",
    "logfile": "server.log",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server as its pid file tells of it."""

    pid: int
    socket: str

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{self.socket}"

    @classmethod
    def of(cls, data_dir: Path) -> Self | None:
        """The server that the pid file of a data folder names, whether or not it lives."""
        try:
            noted = json.loads(_pid_file(data_dir).read_text())
            return cls(pid=int(noted["pid"]), socket=str(noted["socket"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def lives(self) -> bool:
        """Whether the process is there and has not ended."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        process = Path(f"/proc/{self.pid}")
        with contextlib.suppress(OSError):
            # Ended, but nobody has asked how yet; its threads may take a moment longer.
            is_zombie = (process / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
            return not is_zombie or len(list((process / "task").iterdir())) > 1
        return True


def running_url(data_dir: Path) -> str | None:
    """The address of the server that runs on a data folder, for a process that attaches to it; None if none does."""
    noted = RunningServer.of(data_dir)
    return noted.url if noted is not None and noted.lives() and _answers(noted.socket) == "yes" else None


class EmbeddedServer:
    """The server of one data folder, held by this process until `stop`."""

    def __init__(self, data_dir: Path, *, max_memory_mb: int = 0) -> None:
        """`max_memory_mb`: beyond it writes are refused; 0 is no limit."""
        self._data_dir = data_dir.absolute()
        self._folder = self._data_dir / "valkey"
        self._max_memory_mb = max_memory_mb
        self._lock: IO[str] | None = None
        self.child: subprocess.Popen[bytes] | None = None
        """The server's process, unless it was adopted."""
        self._running: RunningServer | None = None

    @property
    def url(self) -> str:
        """The address of the started server."""
        assert self._running is not None, "not started"
        return self._running.url

    @property
    def pid(self) -> int:
        """The process id of the started server."""
        assert self._running is not None, "not started"
        return self._running.pid

    def alive(self) -> bool:
        """Whether the server's process lives."""
        if self.child is not None:
            return self.child.poll() is None
        return self._running is not None and self._running.lives()

    def start(self) -> None:
        """Start a server, or adopt the one that an earlier supervisor left behind, and wait until it answers.

        Raises:
            ServerError: another supervisor holds the folder, there is no server to start, or it does not come up.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._take_lock()
        try:
            self._running = self._adopted() or self._launched()
        except BaseException:
            self._end_child()
            self._release_lock()
            raise

    def restart_if_dead(self) -> bool:
        """Start the server again if its process has ended; says whether it had."""
        if self.alive():
            return False
        log.warning("the embedded server has ended; starting it again")
        self._running = self._launched()
        return True

    def stop(self) -> None:
        """Shut the server down cleanly; does nothing when it is not running."""
        if self._running is not None:
            socket = Path(self._running.socket)
            _end(self._running, self.child)
            self._running = None
            self.child = None
            _pid_file(self._data_dir).unlink(missing_ok=True)
            if socket.parent != self._folder:
                shutil.rmtree(socket.parent, ignore_errors=True)
        self._release_lock()

    def _take_lock(self) -> None:
        lock = (self._folder / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise ServerError(f"another nextbest runs on the data folder {self._data_dir}") from error
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _adopted(self) -> RunningServer | None:
        """The orphan of an earlier supervisor, if it still serves; an orphan that hangs is ended."""
        orphan = RunningServer.of(self._data_dir)
        if orphan is None or not orphan.lives() or not self._is_ours(orphan):
            return None
        if self._becomes_ready(orphan, None):
            try:
                with _client(orphan.socket, STOPPED_WITHIN_S) as client:
                    client.config_set("maxmemory", self._max_memory_mb * 2**20)
                log.info("adopted the running server, process %d", orphan.pid)
                return orphan
            except redis.RedisError:
                log.debug("the running server did not take its settings")
        log.warning("ending the server that no longer answers, process %d", orphan.pid)
        _end(orphan, None)
        return None

    def _is_ours(self, orphan: RunningServer) -> bool:
        """Whether the process is that server, and not another that got its number since."""
        if _answers(orphan.socket) != "no":
            return True
        try:
            command = Path(f"/proc/{orphan.pid}/cmdline").read_text()
        except OSError:
            command = subprocess.run(
                ["ps", "-o", "command=", "-p", str(orphan.pid)], capture_output=True, text=True, check=False
            ).stdout
        # The server retitles itself with its socket, so look for either.
        return "-server" in command and (str(self._folder) in command or orphan.socket in command)

    def _launched(self) -> RunningServer:
        binary = find_server()
        socket = self._socket_path()
        Path(socket).unlink(missing_ok=True)
        settings = self._folder / "server.conf"
        settings.write_text(self._settings(socket))
        self.child = subprocess.Popen(
            [binary, str(settings)],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        launched = RunningServer(pid=self.child.pid, socket=socket)
        _pid_file(self._data_dir).write_text(json.dumps({"pid": launched.pid, "socket": launched.socket}))
        if not self._becomes_ready(launched, self.child):
            raise ServerError(f"the embedded server did not come up: {self._last_words()}")
        return launched

    def _socket_path(self) -> str:
        beside = str(self._folder / "server.sock")
        if len(os.fsencode(beside)) <= MAX_SOCKET_PATH:
            return beside
        before = RunningServer.of(self._data_dir)
        if before is not None and Path(before.socket).parent.is_dir():
            return before.socket  # whoever is connected finds the server where it was
        return str(Path(tempfile.mkdtemp(prefix="nextbest-")) / "server.sock")

    def _settings(self, socket: str) -> str:
        settings = {
            **SETTINGS,
            "dir": f'"{self._folder}"',
            "unixsocket": f'"{socket}"',
            "maxmemory": f"{self._max_memory_mb}mb",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    @staticmethod
    def _becomes_ready(server: RunningServer, child: subprocess.Popen[bytes] | None) -> bool:
        """Wait for the first answer: as long as it takes while it loads, briefly when it is silent."""
        give_up_at = time.monotonic() + READY_WITHIN_S
        silent_until = time.monotonic() + STOPPED_WITHIN_S
        while time.monotonic() < give_up_at:
            if child.poll() is not None if child is not None else not server.lives():
                return False
            answer = _answers(server.socket)
            if answer == "yes":
                return True
            if answer == "loading":
                silent_until = time.monotonic() + STOPPED_WITHIN_S
            elif time.monotonic() > silent_until:
                return False
            time.sleep(POLL_S)
        return False

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = (self._folder / "server.log").read_text(errors="replace").splitlines()
            return " / ".join(line.split("# ", 1)[-1] for line in lines[-3:])
        return "it left no log"

    def _end_child(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.child = None


def _pid_file(data_dir: Path) -> Path:
    return data_dir / "valkey" / "server.json"


def _client(socket: str, within_s: float) -> "redis.Redis":
    return redis.Redis(unix_socket_path=socket, socket_timeout=within_s, retry=Retry(NoBackoff(), 0))


def _answers(socket: str) -> str:
    """`yes`, `loading` or `no`."""
    try:
        with _client(socket, ANSWERED_WITHIN_S) as client:
            client.ping()
    except redis.BusyLoadingError:
        return "loading"
    except redis.RedisError:
        return "no"
    return "yes"


def _end(server: RunningServer, child: subprocess.Popen[bytes] | None) -> None:
    """Shut a server down: by command, then by signal, then by force."""
    with contextlib.suppress(redis.RedisError), _client(server.socket, STOPPED_WITHIN_S) as client:
        client.shutdown(nosave=True)
    for stop in (None, signal.SIGTERM, signal.SIGKILL):
        if stop is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(server.pid, stop)
        if _has_ended(server, child):
            return
    log.error("the embedded server does not end, process %d", server.pid)


def _has_ended(server: RunningServer, child: subprocess.Popen[bytes] | None) -> bool:
    give_up_at = time.monotonic() + STOPPED_WITHIN_S
    while time.monotonic() < give_up_at:
        if child.poll() is not None if child is not None else not server.lives():
            return True
        time.sleep(POLL_S)
    return False
