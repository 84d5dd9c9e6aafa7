"""Gathers the counts of every process of an installation for Prometheus.

Each process writes its own file under `DATA_DIR/metrics` once a second; whichever process answers `/metrics` adds them
up. A process that has ended leaves its counts in `ended.json`, so totals never fall; its gauges go with it.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import time
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.telemetry import Counter, Gauge, Histogram, Metrics, Values

PREFIX: Final = "nextbest_"
STALE_AFTER_S: Final = 15
"""A file this old belongs to a process that hangs or has ended: its gauges no longer speak for anything."""


class _Kept(msgspec.Struct, frozen=True):
    """One process's file."""

    values: Values


class MetricsFolder:
    """The files of all processes of an installation."""

    def __init__(self, folder: Path, role: str, metrics: Metrics) -> None:
        self._folder = folder
        self._metrics = metrics
        self._own = folder / f"{role}-{own_pid()}.json"
        self._writing = Lock()
        self._closed = False
        folder.mkdir(parents=True, exist_ok=True)
        metrics.processes.set((role,), 1)
        self._retire(self._own)

    async def keep(self) -> None:
        """Write this process's values, whole or not at all, while requests go on: a disk can take its time."""
        await asyncio.to_thread(self._write, self._metrics.snapshot())

    def flush(self) -> None:
        """Write this process's values now."""
        self._write(self._metrics.snapshot())

    def close(self) -> None:
        """Flush for the last time, and leave the counts to those that stay."""
        self.flush()
        with self._writing:
            self._closed = True
            self._retire(self._own)

    def _write(self, values: Values) -> None:
        with self._writing:
            if self._closed:
                return  # a thread that was late: its counts are in what was flushed last
            draft = self._own.with_suffix(".new")
            draft.write_bytes(msgspec.json.encode(_Kept(values=values)))
            draft.replace(self._own)

    def exposition(self) -> bytes:
        """The whole installation in Prometheus's text format."""
        for path in self._folder.glob("*-[0-9]*.json"):
            if path != self._own and not is_running(_pid(path)):
                self._retire(path)
        total = Metrics()
        total.processes.values.clear()
        _add(total, self._metrics.snapshot(), gauges=True)
        for path in self._folder.glob("*.json"):
            if path != self._own:
                fresh = path.name != "ended.json" and time() - path.stat().st_mtime < STALE_AFTER_S
                _add(total, _read(path), gauges=fresh)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collected(total))
        return generate_latest(registry)

    def _retire(self, path: Path) -> None:
        """Move a file's counts into `ended.json`."""
        with self._locked():
            if not path.exists():
                return
            ended = self._folder / "ended.json"
            total = Metrics()
            for source in (ended, path):
                _add(total, _read(source), gauges=False)
            draft = ended.with_suffix(".new")
            draft.write_bytes(msgspec.json.encode(_Kept(values=total.snapshot())))
            draft.replace(ended)
            path.unlink()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def own_pid() -> int:
    """This process's number."""
    return os.getpid()


def is_running(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _pid(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _read(path: Path) -> Values:
    """A file's values; nothing where it is gone or damaged, since a metric is worth no crash."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Kept).values
    except (OSError, msgspec.DecodeError):
        return {}


def _add(total: Metrics, values: Values, *, gauges: bool) -> None:
    for family in total.families:
        for labels, row in values.get(family.name, ()):
            if len(labels) != len(family.labels):
                continue
            match family:
                case Counter():
                    family.add(labels, int(row[0]))
                case Histogram() if len(row) == len(family.bounds) + 2:
                    held = family.values.setdefault(labels, [0.0] * len(row))
                    held[:] = [one + other for one, other in zip(held, row, strict=True)]
                case Gauge() if gauges:
                    before = family.values.get(labels, 0)
                    family.set(labels, max(before, row[0]) if family.largest else before + row[0])
                case _:
                    pass


class _Collected(Collector):
    """Summed values as prometheus-client renders them."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        for family in self._metrics.families:
            match family:
                case Counter():
                    counter = CounterMetricFamily(PREFIX + family.name, family.help, labels=family.labels)
                    for labels, value in family.values.items():
                        counter.add_metric(labels, value)
                    yield counter
                case Gauge():
                    gauge = GaugeMetricFamily(PREFIX + family.name, family.help, labels=family.labels)
                    for labels, present in family.values.items():
                        gauge.add_metric(labels, present)
                    yield gauge
                case Histogram():
                    histogram = HistogramMetricFamily(PREFIX + family.name, family.help, labels=family.labels)
                    for labels, row in family.values.items():
                        histogram.add_metric(labels, _cumulative(family.bounds, row), sum_value=row[-1])
                    yield histogram


def _cumulative(bounds: Sequence[float], row: Sequence[float]) -> list[tuple[str, float]]:
    below, buckets = 0.0, []
    for bound, count in zip((*map(str, bounds), "+Inf"), row, strict=False):
        below += count
        buckets.append((bound, below))
    return buckets
