"""An event worker as a process of its own on a store, and how far it is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import redis

from api.adapters import keys
from api.ports import FIRST, PARTITIONS
from api.settings import Settings

_PATIENCE_S: Final = 120.0


@contextmanager
def event_worker(settings: Settings, log: Path, store_url: str) -> Iterator[int]:
    """An event worker that owns every partition; its process id.

    Raises:
        RuntimeError: it ended, or does not own them in time; with the end of its log.
    """
    environment = {
        **os.environ,
        "NEXTBEST_RULES": str(settings.rules),
        "NEXTBEST_DATA_DIR": str(settings.data_dir),
        "NEXTBEST_WATCH_RULES": "false",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.worker"], stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    try:
        give_up_at = time.monotonic() + _PATIENCE_S
        with redis.Redis.from_url(store_url) as store:
            while not all(positions(store)):
                if process.poll() is not None or time.monotonic() > give_up_at:
                    raise RuntimeError(f"the event worker does not work: {log.read_text(errors='replace')[-1500:]}")
                time.sleep(0.1)
        yield process.pid
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait()


def positions(store: "redis.Redis") -> list[str | None]:
    """How far each partition is done; None where nobody ever owned it."""
    pipeline = store.pipeline(transaction=False)
    for partition in range(PARTITIONS):
        pipeline.hmget(keys.owner(partition), "epoch", "position")
    return [None if epoch is None else (position or FIRST.encode()).decode() for epoch, position in pipeline.execute()]
