"""Workers that die or lose leases at any point: the state is that of a clean run, and nobody folds over anybody."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from api.adapters.memory import MemoryState
from api.adapters.memory_events import MemoryEventStore
from api.entries import EventEntry
from api.ports import CustomerKey, FoldRecord, FoldState, FoldWrite, Ownership, key_of
from api.worker.consumer import Consumer
from api.worker.partitions import Partitions
from tests.unit.api.worker.test_consumer import House, an_event

CUSTOMERS = [f"C{number:07}" for number in range(1, 7)]


class Restless(MemoryEventStore):
    """Lets others run before and after everything that it does, and keeps a log of what was applied."""

    def __init__(self, state: MemoryState) -> None:
        super().__init__(state)
        self.applied: dict[str, list[tuple[int, str, str]]] = {}

    async def records(self, keys: Sequence[CustomerKey], *, deadline: float) -> Sequence[FoldRecord]:
        await asyncio.sleep(0)
        found = await super().records(keys, deadline=deadline)
        await asyncio.sleep(0)
        return found

    async def fold(self, writes: Sequence[tuple[CustomerKey, FoldWrite]], *, deadline: float) -> Sequence[FoldState]:
        """One by one, as a server may stop or serve others between any two of them."""
        ended: list[FoldState] = []
        for key, write in writes:
            await asyncio.sleep(0)
            ended += await super().fold([(key, write)], deadline=deadline)
            if ended[-1] is FoldState.APPLIED:
                self.applied.setdefault(key.record, []).append((write.epoch, write.applied_before, write.applied))
        await asyncio.sleep(0)
        return ended

    async def advance(self, positions: Sequence[tuple[Ownership, str]], *, deadline: float) -> Sequence[bool]:
        """One by one, as above."""
        noted: list[bool] = []
        for each in positions:
            await asyncio.sleep(0)
            noted += await super().advance([each], deadline=deadline)
        await asyncio.sleep(0)
        return noted


class Crowd:
    """Several workers on one store, and chance that ends leases and workers."""

    def __init__(self, seed: int) -> None:
        self.house = House(Restless)
        self.chance = random.Random(seed)
        self.workers = 0

    @property
    def store(self) -> Restless:
        assert isinstance(self.house.events, Restless)
        return self.house.events

    def worker(self) -> tuple[Partitions, Consumer]:
        """One more."""
        self.workers += 1
        partitions = Partitions(self.store, f"worker-{self.workers}")
        return partitions, self.house.another(partitions)

    async def work_and_die(self) -> None:
        """Take what can be had, fold, and die at any point."""
        partitions, consumer = self.worker()

        async def work() -> None:
            await partitions.renew()
            for _ in range(3):
                await consumer.step(0.0)

        working = asyncio.create_task(work())
        for _ in range(self.chance.randrange(60)):
            await asyncio.sleep(0)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    def end_leases(self) -> None:
        """As if their holders hung: they go on without knowing it."""
        for lease in self.house.state.leases.values():
            if self.chance.random() < 0.7:
                lease.until_ms = 0


def told(chance: random.Random) -> list[EventEntry]:
    """Events of a few customers, some twice, in any order."""
    events = [
        an_event(f"{customer}-{number}", customer, days_ago=chance.uniform(0.1, 6))
        for customer in CUSTOMERS
        for number in range(8)
    ]
    events += chance.sample(events, 10)
    chance.shuffle(events)
    return events


@pytest.mark.parametrize("seed", range(3))
async def test_state_is_that_of_a_clean_run_wherever_workers_die(seed: int) -> None:
    """Three at a time, dying and losing their leases while they fold."""
    crowd = Crowd(seed)
    events = told(crowd.chance)
    clean = House()
    await clean.send(*events)
    while await clean.fold():
        pass
    for start in range(0, len(events), 10):
        await crowd.house.send(*events[start : start + 10])
        crowd.end_leases()
        await asyncio.gather(*(crowd.work_and_die() for _ in range(3)))
    for lease in crowd.house.state.leases.values():
        lease.until_ms = 0
    partitions, consumer = crowd.worker()
    await partitions.renew()
    while await consumer.step(0.0):
        pass
    for customer in CUSTOMERS:
        assert crowd.house.instants(customer) == clean.instants(customer)
    assert crowd.house.aside() == []


@pytest.mark.parametrize("seed", range(3))
async def test_two_workers_never_fold_one_customer_at_once(seed: int) -> None:
    """Each write builds on the one before it, and no older owner writes behind a newer one."""
    crowd = Crowd(100 + seed)
    for start in range(8):
        await crowd.house.send(*told(crowd.chance)[6 * start : 6 * start + 6])
        crowd.end_leases()
        await asyncio.gather(*(crowd.work_and_die() for _ in range(3)))
    assert crowd.store.applied
    for writes in crowd.store.applied.values():
        epochs = [epoch for epoch, _, _ in writes]
        assert epochs == sorted(epochs)
        assert [before for _, before, _ in writes[1:]] == [after for _, _, after in writes[:-1]]
    assert max(epoch for writes in crowd.store.applied.values() for epoch, _, _ in writes) > 2


async def test_owner_that_hangs_while_it_folds_is_fenced_off() -> None:
    """It had read the record; by the time it writes, another has folded the very same events."""
    crowd = Crowd(0)
    await crowd.house.send(an_event())
    slow_partitions, slow = crowd.worker()
    await slow_partitions.renew()
    hanging = asyncio.create_task(slow.step(0.0))
    for _ in range(3):
        await asyncio.sleep(0)
    for lease in crowd.house.state.leases.values():
        lease.until_ms = 0
    partitions, consumer = crowd.worker()
    await partitions.renew()
    await consumer.step(0.0)
    await hanging
    (writes,) = crowd.store.applied.values()
    assert [epoch for epoch, _, _ in writes] == [2]
    assert slow_partitions.owned(key_of("C0000001").partition) is None
