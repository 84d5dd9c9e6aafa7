"""Kills processes that serve, by id, while others ask and tell; somebody is always left to answer."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.processes import Server
from tests.guarantees.house import House

WORKERS: Final = 2


@dataclass(slots=True)
class EventWorker:
    """The event worker as a process, which may be killed and replaced."""

    home: House
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api.worker"],
            env={**os.environ, **self.home.environment({})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextmanager
def event_worker(home: House) -> Iterator[EventWorker]:
    """An event worker, for as long as the context lasts."""
    worker = EventWorker(home)
    worker.start()
    try:
        yield worker
    finally:
        worker.kill()


@dataclass(slots=True)
class Kills:
    """How many processes were killed."""

    api_workers: int = 0
    event_workers: int = 0


async def kill_again_and_again(
    server: Server, worker: EventWorker, over: asyncio.Event, kills: Kills, chance: random.Random
) -> None:
    """Now an API worker, now the event worker, until it is over; a killed one is replaced."""
    while not over.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), chance.uniform(0.4, 1.2))
        if chance.random() < 0.5:
            serving = api_workers(server.pid)
            # One of several, so that somebody is left to answer while the supervisor starts another.
            if len(serving) == WORKERS:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(serving), signal.SIGKILL)
                    kills.api_workers += 1
        else:
            worker.kill()
            worker.start()
            kills.event_workers += 1


def api_workers(pid: int) -> list[int]:
    """The processes that serve under a supervisor."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
