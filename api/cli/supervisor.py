"""Keeps an installation's processes together: the embedded store first and last, the API and the event worker between.

Every child leads a process group of its own, so that a signal to the terminal reaches the supervisor alone and it
decides the order of the end: the API stops accepting and drains, the worker gives its leases back, the store goes last.
A second signal kills what is left. All stay in one session: Linux shares processors out among sessions first
(`sched(7)`, autogroup), and where processors are few, who wakes up waits milliseconds for a process of another session.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import IO, Final, Self

from api.adapters.embedded import EmbeddedServer, ServerError
from api.background import give_way
from api.cli.console import Usage, say
from api.settings import Settings

KILLED: Final = 130
READY_WITHIN_S: Final = 60.0
_LOOK_EACH_S: Final = 0.25
_PROBE_EACH_S: Final = 0.05
_STOP_WITHIN_S: Final = 5.0
"""Beyond what draining takes."""
_STEADY_S: Final = 30.0
"""A process that ran so long starts again at once; one that ended sooner waits twice as long as the last time."""
_LONGEST_PAUSE_S: Final = 30.0
_PR_SET_PDEATHSIG: Final = 1


class Stopped(Exception):
    """A signal asked for the end while the installation was still starting."""


@dataclass(slots=True)
class Child:
    """A process that is kept running."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes]
    gives_way: bool = False
    started_at: float = field(default_factory=time.monotonic)
    pause_s: float = 1.0
    again_at: float | None = None

    def end(self, within_s: float) -> None:
        """Ask it to end, and kill it with all its own children where it does not."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(within_s)
        self.kill()
        self.process.wait()

    def kill(self) -> None:
        """End its whole process group at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    """Starts, watches and ends the processes of one installation; use it as a context."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        own = EmbeddedServer(settings.data_dir, max_memory_mb=settings.max_memory_mb)
        self._store = None if settings.redis_url is not None else own
        self._children: list[Child] = []
        self._jobs: list[subprocess.Popen[bytes]] = []
        self._stop = threading.Event()
        self._handlers: dict[int, object] = {}
        self._terminal = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._on_signal)
        self._handlers[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._on_hangup)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal gave back

    # Starting

    def start_store(self) -> None:
        """Start the embedded store, if the installation uses it.

        Raises:
            ServerError: it cannot be started.
        """
        if self._store is not None:
            self._store.start()

    def start(self, name: str, module: str, *, gives_way: bool = False) -> None:
        """Start a module as a process with the installation's settings, and keep it running."""
        command = (sys.executable, "-m", module)
        process = self._spawn(command, gives_way=gives_way)
        self._children.append(Child(name, command, process, gives_way))

    def run(self, command: Sequence[str], *, log: IO[bytes] | None = None) -> "Job":
        """Start something that ends by itself."""
        printed = tempfile.TemporaryFile()  # noqa: SIM115 - the job closes it
        process = self._spawn(command, stdout=printed, stderr=log)
        self._jobs.append(process)
        return Job(process, printed, self.go_on)

    def go_on(self) -> None:
        """To be called between steps of starting; a signal alone interrupts nothing.

        Raises:
            Stopped: a signal has asked for the end.
        """
        if self._stop.is_set():
            raise Stopped

    def wait_until_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Wait until the API says that it serves.

        Raises:
            Usage: a process ended, or it takes too long.
            Stopped: a signal has asked for the end.
        """
        give_up_at = time.monotonic() + within_s
        while time.monotonic() < give_up_at:
            self.go_on()
            for child in self._children:
                if child.process.poll() is not None:
                    raise Usage(f"the {child.name} ended while it was starting, see above")
            if self._answers("/readyz"):
                return
            time.sleep(_PROBE_EACH_S)
        raise Usage(f"the API did not come up within {within_s:.0f} s")

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(address(self._settings) + path, timeout=1.0) as answer:  # noqa: S310 - our own
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _spawn(
        self,
        command: Sequence[str],
        *,
        gives_way: bool = False,
        stdout: IO[bytes] | None = None,
        stderr: IO[bytes] | None = None,
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            env=environment(self._settings),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            process_group=0,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no threads are running
        )
        if gives_way:
            give_way(process.pid)
        return process

    # Watching

    def watch(self) -> None:
        """Keep everything running until a signal says stop."""
        while not self._stop.wait(_LOOK_EACH_S):
            self._revive_store()
            for child in self._children:
                self._revive(child)

    def _revive_store(self) -> None:
        if self._store is None:
            return
        try:
            if self._store.restart_if_dead():
                say("nextbest: the store had ended and was started again")
        except ServerError as error:
            say(f"nextbest: {error}")

    def _revive(self, child: Child) -> None:
        now = time.monotonic()
        if child.again_at is not None:
            if now >= child.again_at:
                child.process = self._spawn(child.command, gives_way=child.gives_way)
                child.started_at, child.again_at = now, None
        elif child.process.poll() is not None:
            steady = now - child.started_at > _STEADY_S
            child.pause_s = 1.0 if steady else min(2 * child.pause_s, _LONGEST_PAUSE_S)
            child.again_at = now + (0.0 if steady else child.pause_s)
            say(f"nextbest: the {child.name} ended with code {child.process.returncode} and is started again")

    # The end

    def stop(self) -> None:
        """End everything in order; safe to call twice."""
        for job in self._jobs:
            _kill_group(job)
        while self._children:
            child = self._children[0]
            drain_s = self._settings.drain_s if child is self._children[0] else 0
            child.end(drain_s + _STOP_WITHIN_S)
            self._children.pop(0)
        if self._store is not None:
            self._store.stop()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._stop.is_set():
            self._kill()
        self._stop.set()

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        """Asked to look at the rules again; or the terminal is gone, and with it whoever could end us."""
        if self._terminal is not None and not _is_ours(self._terminal):
            self._on_signal(number, frame)
            return
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.process.pid, signal.SIGHUP)

    def _kill(self) -> None:
        """End everything at once: nobody waits any longer."""
        for job in self._jobs:
            _kill_group(job)
        for child in self._children:
            child.kill()
        if self._store is not None and self._store.alive():
            os.kill(self._store.pid, signal.SIGKILL)
        os._exit(KILLED)


@dataclass(frozen=True, slots=True)
class Job:
    """Something that was started and ends by itself."""

    process: subprocess.Popen[bytes]
    printed: IO[bytes]
    go_on: Callable[[], None]

    def result(self) -> bytes:
        """What it printed.

        Raises:
            JobFailed: it ended with a code of its own.
            Stopped: a signal asked for the end before it had ended.
        """
        with self.printed as printed:
            while self.process.poll() is None:
                self.go_on()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(_LOOK_EACH_S)
            printed.seek(0)
            told = printed.read()
        if self.process.returncode:
            raise JobFailed(self.process.returncode, told)
        return told


class JobFailed(Exception):
    """A job ended with a code other than 0."""

    def __init__(self, code: int, printed: bytes) -> None:
        self.code = code
        self.printed = printed
        super().__init__(f"ended with code {code}")


def environment(settings: Settings) -> Mapping[str, str]:
    """The environment that gives a child these settings, and keeps numeric libraries to one thread.

    A child that is started again goes on with the bundle that served last.
    """
    resuming = settings.model_copy(update={"resume": True})
    return {**os.environ, "OMP_NUM_THREADS": "1", **resuming.as_environment()}


def address(settings: Settings) -> str:
    """Where the API answers, for somebody on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{settings.port}"


def free_port(host: str, port: int) -> int:
    """The port to listen on: the one asked for, or a free one for 0.

    Raises:
        Usage: somebody else listens there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Usage(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from error
        return int(probe.getsockname()[1])


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_ours(terminal: int) -> bool:
    """Whether somebody still sits at the terminal."""
    try:
        os.tcgetpgrp(terminal)
    except OSError:
        return False
    return True


def _end_with_parent() -> None:
    """Ask the kernel to end this process when the supervisor is killed without a chance to end it itself.

    Until it listens to it, SIGHUP must not end it; nor may a terminal stop it that lets only its foreground print.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
