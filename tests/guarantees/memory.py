"""How much memory processes and a store take while events come in, and by how much that grows with each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Final

import redis

from api.adapters import keys
from api.ports import PARTITIONS, Stream

MIB: Final = 2**20


@dataclass(slots=True)
class Course:
    """Bytes at so many events."""

    points: list[tuple[int, int]] = field(default_factory=list)

    def after(self, events: int) -> "Course":
        """What came after so many events."""
        return Course([point for point in self.points if point[0] >= events])

    @property
    def slope(self) -> float:
        """By how many bytes an event it grows, by least squares."""
        count = len(self.points)
        mean_x = sum(x for x, _ in self.points) / count
        mean_y = sum(y for _, y in self.points) / count
        spread = sum((x - mean_x) ** 2 for x, _ in self.points)
        return sum((x - mean_x) * (y - mean_y) for x, y in self.points) / spread if spread else 0.0

    def thinned(self, count: int) -> Sequence[tuple[int, float]]:
        """Some of the points, in MB, for a reader."""
        step = max(1, len(self.points) // count)
        return [(events, round(taken / MIB, 2)) for events, taken in self.points[::step]]


class Footprint:
    """Samples of processes, by name and id, and of the store at a socket."""

    def __init__(self, pids: Mapping[str, int], socket: str) -> None:
        self._pids = pids
        self._store = redis.Redis(unix_socket_path=socket)
        self.courses = {name: Course() for name in (*pids, "store", "store without ids")}
        self.longest_streams = 0

    def sample(self, events: int) -> None:
        """Look at everything once."""
        for name, pid in self._pids.items():
            self.courses[name].points.append((events, anonymous_bytes(pid)))
        used, ids = self._used()
        self.courses["store"].points.append((events, used))
        self.courses["store without ids"].points.append((events, used - ids))
        self.longest_streams = max(self.longest_streams, self._lengths())

    def _used(self) -> tuple[int, int]:
        """What the store uses, and what of it is for the ids of events that are known again."""
        today = int(time()) // keys.DAY_S
        pipeline = self._store.pipeline(transaction=False)
        pipeline.info("memory")
        for partition in range(PARTITIONS):
            pipeline.memory_usage(keys.seen(partition, Stream.EVENTS.value, today), samples=0)
        info, *ids = pipeline.execute()
        return int(info["used_memory"]), sum(each or 0 for each in ids)

    def _lengths(self) -> int:
        pipeline = self._store.pipeline(transaction=False)
        for partition in range(PARTITIONS):
            pipeline.xlen(keys.stream(Stream.EVENTS, partition))
        return sum(pipeline.execute())

    def behind(self) -> int:
        """How many partitions are not folded up to their last event."""
        pipeline = self._store.pipeline(transaction=False)
        for partition in range(PARTITIONS):
            pipeline.hget(keys.owner(partition), "position")
            pipeline.xrevrange(keys.stream(Stream.EVENTS, partition), count=1)
        replies = pipeline.execute()
        return sum(
            bool(last) and last[0][0] != position for position, last in zip(replies[::2], replies[1::2], strict=True)
        )


def anonymous_bytes(pid: int) -> int:
    """What a process holds that no file backs."""
    return _field(pid, "RssAnon")


def peak_bytes(pid: int) -> int:
    """The most that a process ever held."""
    return _field(pid, "VmHWM")


def _field(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return 1_024 * int(line.split()[1])
    raise ProcessLookupError(pid)
