"""What waits for people is counted by the worker that owns its partition, and by nobody else."""

import time

from api.adapters.memory import MemoryState
from api.adapters.memory_events import MemoryEventStore, MemoryJournal
from api.ports import FIRST, Arrival, Stream
from api.telemetry import Gauge, Metrics
from api.worker.partitions import Partitions
from api.worker.waiting import EACH_S, WaitingCount

PARTITIONS = 4


class House:
    """A worker that owns four partitions, by a clock that a test sets."""

    def __init__(self) -> None:
        state = MemoryState()
        self.events = MemoryEventStore(state)
        self.journal = MemoryJournal(state)
        self.metrics = Metrics()
        self.partitions = Partitions(self.events, "w1", count=PARTITIONS)
        self.ahead_s = 0.0
        self.count = WaitingCount(self.journal, self.partitions, self.metrics, lambda: time.time() + self.ahead_s)

    async def place(self, stream: Stream, partition: int, *ids: str) -> None:
        arrivals = [Arrival("proof", each, b"something") for each in ids]
        await self.journal.append_once(stream, partition, arrivals, deadline_ms=2**52, deadline=1e9)

    async def counted(self, *, after_s: float = 0.0) -> tuple[float, float]:
        """Orders waiting, and how old the oldest is in whole minutes, as counted after a while."""
        self.ahead_s += after_s
        await self.count.step()
        return value(self.metrics.orders_waiting), value(self.metrics.order_age) // 60


def value(gauge: Gauge) -> float:
    """The only series of a gauge."""
    return gauge.values[()]


async def test_orders_that_nobody_took_are_counted_with_the_age_of_the_oldest() -> None:
    """Over all partitions; one that is taken on counts no more."""
    house = House()
    await house.partitions.renew()
    await house.place(Stream.FULFILMENT, 1, "a", "b")
    await house.place(Stream.FULFILMENT, 3, "c")
    await house.place(Stream.QUARANTINE, 2, "x")
    assert await house.counted() == (3, 0)
    assert await house.counted(after_s=600) == (3, 10)
    assert value(house.metrics.quarantined) == 1
    for partition in (1, 3):
        entries = (await house.journal.read(Stream.FULFILMENT, {partition: FIRST}, count=10))[partition]
        await house.journal.remove(Stream.FULFILMENT, partition, [entry.id for entry in entries])
    assert await house.counted(after_s=EACH_S) == (0, 0)


async def test_what_the_event_streams_hold_is_counted() -> None:
    house = House()
    await house.partitions.renew()
    await house.place(Stream.EVENTS, 1, "a", "b")
    await house.place(Stream.EVENTS, 3, "c")
    await house.count.step()
    assert value(house.metrics.events_kept) == 3


async def test_nothing_is_asked_twice_a_minute() -> None:
    house = House()
    await house.partitions.renew()
    assert await house.counted() == (0, 0)
    await house.place(Stream.FULFILMENT, 1, "a")
    assert await house.counted(after_s=EACH_S / 2) == (0, 0)
    assert await house.counted(after_s=EACH_S) == (1, 1)


async def test_partitions_that_another_worker_has_taken_over_are_counted_there() -> None:
    """At once: both counts are added up."""
    house = House()
    await house.partitions.renew()
    await house.place(Stream.FULFILMENT, 1, "a")
    assert (await house.counted())[0] == 1
    house.partitions.lose(1)
    assert (await house.counted())[0] == 0
