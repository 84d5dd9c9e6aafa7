"""Absence is noticed although nothing happens: once, at its time, and after an outage too."""

from time import time

from api.adapters.memory import MemoryState
from api.adapters.memory_events import MemoryEventStore, MemoryJournal
from api.adapters.record_reader import RecordReader
from api.adapters.records import decode_needs
from api.entries import EventEntry, decode_event, encode_entry
from api.ports import PARTITIONS, Arrival, Stream, key_of
from api.telemetry import Metrics
from api.worker.consumer import Consumer
from api.worker.partitions import Partitions
from api.worker.timers import AT_MOST, ROUND_S, Timers
from engine.need_events import NEED_BEGAN
from tests.builders import a_plan, a_theme

DAY_S = 86_400

PLAN = a_plan(
    a_theme(
        "silence",
        "needs:\n  - {need: salary_stopped, when: {history: [{ever: salary}, {not_seen: salary, in: 40d}]}}\n"
        "active: {needs.salary_stopped: true}\njourney: [isa]\n",
    )
)


class House:
    """A worker on a clock of its own."""

    def __init__(self) -> None:
        self.now_s = float(int(time()))
        self.state = MemoryState()
        self.journal = MemoryJournal(self.state)
        events = MemoryEventStore(self.state)
        self.metrics = Metrics()
        self.partitions = Partitions(events, "worker")
        self.timers = Timers(events, self.partitions, lambda: self.now_s)

        async def learn() -> None:
            """There is one layout."""

        self.consumer = Consumer(
            plan=PLAN,
            reader=RecordReader(PLAN.profile_schema, PLAN.event_layout),
            learn=learn,
            journal=self.journal,
            events=events,
            partitions=self.partitions,
            metrics=self.metrics,
            clock=lambda: self.now_s,
        )

    async def paid(self, record: str, name: str) -> None:
        """A salary arrives now."""
        at_ms = int(1_000 * self.now_s)
        body = encode_entry(EventEntry(record, "core", name, "salary", at_ms, at_ms, {"amount": 100}))
        arrival, partition = Arrival("core", f"{record}{name}", body), key_of(record).partition
        await self.journal.append_once(Stream.EVENTS, partition, [arrival], deadline_ms=2**52, deadline=1e9)

    async def work(self) -> int:
        """What a worker does until nothing is left; says how many it woke."""
        await self.partitions.renew()
        woken = 0
        while (some := await self.timers.step()) + await self.consumer.step(0.0):
            woken += some
        return woken

    def begun(self) -> list[str]:
        """Whose need was reported to have begun, in order."""
        entries = [each for (stream, _), many in self.state.streams.items() if stream is Stream.EVENTS for each in many]
        events = [decode_event(each.body) for each in entries if each.kind == "r"]
        return sorted(event.record for event in events if event.type == NEED_BEGAN)


async def test_no_salary_for_forty_days_is_noticed_once_and_ends_with_the_next_one() -> None:
    """By a timer of its own; each new salary puts it off."""
    house = House()
    await house.paid("C1", "first")
    await house.work()
    house.now_s += 30 * DAY_S
    await house.paid("C1", "second")
    assert await house.work() == 0
    house.now_s += 39 * DAY_S
    assert (await house.work(), house.begun()) == (0, [])
    house.now_s += DAY_S + 1
    assert (await house.work(), house.begun()) == (1, ["C1"])
    house.now_s += 5 * DAY_S
    assert (await house.work(), house.begun()) == (0, ["C1"])
    await house.paid("C1", "third")
    await house.work()
    assert decode_needs(house.state.kept(key_of("C1")).record.needs) == {}


async def test_what_fell_due_while_no_worker_ran_is_caught_up_with_once_each() -> None:
    """A few of a partition at a time, without waiting for the next round."""
    house = House()
    partition = key_of("C1").partition
    everybody = [name for name in map("C{}".format, range(60 * PARTITIONS)) if key_of(name).partition == partition]
    everybody = everybody[: 2 * AT_MOST + 1]
    assert len(everybody) > 2 * AT_MOST
    for record in everybody:
        await house.paid(record, "only")
    await house.work()
    house.now_s += 100 * DAY_S
    assert await house.work() == len(everybody)
    assert house.begun() == sorted(everybody)
    house.now_s += 2 * ROUND_S
    assert await house.work() == 0
