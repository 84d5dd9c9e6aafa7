"""The consumer on stores in memory: every event counts once, and nothing stops the others."""

from collections.abc import Callable, Sequence
from time import time
from typing import Any

import msgspec
import pytest

from api.adapters.memory import Kept, MemoryState
from api.adapters.memory_events import MemoryEventStore, MemoryJournal, MemoryRecordStore
from api.adapters.record_reader import RecordReader
from api.adapters.records import decode_events, decode_needs, encode_profile, encode_schema
from api.entries import EventEntry, QuarantineEntry, decode_event, encode_entry
from api.known import learn_schemas
from api.ports import Arrival, CustomerKey, FoldState, FoldWrite, StoredRecord, StoreUnavailable, Stream, key_of
from api.telemetry import Metrics
from api.worker.consumer import Consumer
from api.worker.folding import Folded, fold
from api.worker.partitions import Partitions
from engine.decision import Snapshot
from engine.events import Event
from engine.facts import FactSpec, FactType, ProfileSchema
from engine.ids import FactName
from engine.plan import Plan
from tests.unit.api.shells import starter_plan

PLAN = starter_plan()
ADA = key_of("C0000001")
GRACE = key_of("C0000002")
HOME = FactName("needs.home_ownership")


class House:
    """A consumer and everything around it, in memory."""

    def __init__(self, events: Callable[[MemoryState], MemoryEventStore] = MemoryEventStore) -> None:
        self.state = MemoryState()
        self.journal = MemoryJournal(self.state)
        self.events = events(self.state)
        self.metrics = Metrics()
        self.reader = RecordReader(PLAN.profile_schema, PLAN.event_layout)
        self.partitions = Partitions(self.events, "worker-1")
        self.consumer = self.another(self.partitions)

    def another(self, partitions: Partitions) -> Consumer:
        records = MemoryRecordStore(self.state)
        return Consumer(
            plan=PLAN,
            reader=self.reader,
            learn=lambda: learn_schemas(self.reader, records),
            journal=self.journal,
            events=self.events,
            partitions=partitions,
            metrics=self.metrics,
        )

    async def send(self, *entries: EventEntry) -> None:
        for entry in entries:
            key = key_of(entry.record)
            await self.append(key.partition, encode_entry(entry), entry.id)

    async def append(self, partition: int, body: bytes, name: str) -> None:
        await self.journal.append_once(
            Stream.EVENTS, partition, [Arrival("test", name, body)], deadline_ms=2**52, deadline=1e9
        )

    async def fold(self) -> int:
        await self.partitions.renew()
        return await self.consumer.step(0.0)

    def instants(self, record: str = "C0000001", text: str = "mortgage_application") -> list[int]:
        stored = self.state.kept(key_of(record)).record.events
        state = decode_events(stored, PLAN.event_layout) if stored else None
        assert state is not None
        position = next(at for at, kept in enumerate(PLAN.event_layout.filters) if kept.event == text)
        offset, depth = PLAN.event_layout.offsets[position], PLAN.event_layout.filters[position].depth
        return [at for at in state[offset : offset + depth] if at]

    def aside(self) -> list[QuarantineEntry]:
        return [
            msgspec.msgpack.decode(entry.body, type=QuarantineEntry)
            for (stream, _), entries in self.state.streams.items()
            for entry in entries
            if stream is Stream.QUARANTINE
        ]


def an_event(name: str = "e1", record: str = "C0000001", *, days_ago: float = 1, **changes: Any) -> EventEntry:
    at_ms = int(1_000 * (time() - 86_400 * days_ago))
    entry = EventEntry(record, "test", name, "mortgage_application", at_ms, at_ms, {"amount": 240_000})
    return msgspec.structs.replace(entry, **changes)


async def test_events_reach_their_customers_records() -> None:
    """State, needs and when to look again; the position moves on."""
    house = House()
    first, second = an_event("e1", days_ago=1), an_event("e2", days_ago=3)
    await house.send(first, second, an_event("e3", "C0000002"))
    assert await house.fold() == 3
    assert house.instants()[0] == first.at_ms // 1_000
    assert HOME in decode_needs(house.state.kept(ADA).record.needs)
    assert house.state.due[ADA.partition].keys() == {"C0000001"}
    assert house.metrics.folded.values == {("folded",): 3}
    assert house.metrics.need_changes.values == {("home_ownership", "began"): 2}


async def test_need_that_begins_is_an_event_of_its_own() -> None:
    """It comes into the customer's stream with the very write that stores the need, and is folded like any other."""
    house = House()
    await house.send(an_event())
    assert await house.fold() == 1
    stream = house.state.streams[Stream.EVENTS, ADA.partition]
    report = decode_event(stream[-1].body)
    assert (report.record, report.type, report.data) == ("C0000001", "need_began", {"need": "home_ownership"})
    assert (await house.fold(), await house.fold()) == (1, 0)
    assert house.metrics.folded.values == {("folded",): 2}
    assert house.aside() == []


async def test_report_of_a_need_that_rules_no_longer_declare_is_passed_over() -> None:
    """It is nobody's fault, so no person has to look at it."""
    house = House()
    await house.send(an_event(type="need_began", data={"need": "a_boat"}))
    await house.fold()
    assert (house.metrics.folded.values, house.aside()) == ({("need_no_more",): 1}, [])


async def test_event_read_again_counts_once() -> None:
    """A worker that died between folding and noting its position leaves the events to be read again."""
    house = House()
    await house.send(an_event("e1", days_ago=1), an_event("e2", days_ago=2))
    await house.fold()
    await house.fold()
    before = house.state.kept(ADA).record.events
    successor = Partitions(house.events, "worker-2")
    for lease in house.state.leases.values():
        lease.until_ms, lease.position = 0, "0-0"
    await successor.renew()
    assert await house.another(successor).step(0.0) == 3
    assert house.state.kept(ADA).record.events == before
    assert house.metrics.folded.values == {("folded",): 3}


async def test_worker_that_lost_its_partition_writes_nothing() -> None:
    """It hung while somebody else took over; its late write is fenced off by the epoch."""
    house = House()
    await house.partitions.renew()
    for lease in house.state.leases.values():
        lease.until_ms = 0
    await Partitions(house.events, "worker-2").renew()
    await house.send(an_event())
    await house.consumer.step(0.0)
    assert house.state.kept(ADA).record.events is None
    assert house.partitions.owned(ADA.partition) is None
    assert len(house.partitions) == 1_023


async def test_record_that_changed_meanwhile_is_read_again() -> None:
    """Nothing that another writer folded is overwritten."""

    class Changing(MemoryEventStore):
        stale = 2

        async def fold(
            self, writes: Sequence[tuple[CustomerKey, FoldWrite]], *, deadline: float
        ) -> Sequence[FoldState]:
            if self.stale:
                self.stale -= 1
                return [FoldState.STALE for _ in writes]
            return await super().fold(writes, deadline=deadline)

    house = House(Changing)
    await house.send(an_event())
    await house.fold()
    assert len(house.instants()) == 1


async def test_record_that_never_settles_is_put_aside() -> None:
    """One customer cannot hold up a partition for ever."""

    class Restless(MemoryEventStore):
        async def fold(
            self, writes: Sequence[tuple[CustomerKey, FoldWrite]], *, deadline: float
        ) -> Sequence[FoldState]:
            return [FoldState.STALE for _ in writes]

    house = House(Restless)
    await house.send(an_event())
    await house.fold()
    assert [each.reason for each in house.aside()] == ["contended"]
    assert await house.fold() == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "gone"}, "unknown_event_type"),
        ({"data": {"amount": []}}, "invalid_event"),
        ({"at_ms": 2**45}, "in_the_future"),
    ],
)
async def test_poison_is_put_aside_once_and_the_rest_goes_on(changes: dict[str, Any], reason: str) -> None:
    """A person can look at it; the customer's other events count."""
    house = House()
    await house.send(an_event("good"), an_event("bad", **changes), an_event("also good", "C0000002"))
    await house.fold()
    assert len(house.instants()) == len(house.instants("C0000002")) == 1
    (aside,) = house.aside()
    assert (aside.reason, decode_event(aside.body).id) == (reason, "bad")
    for lease in house.state.leases.values():
        lease.position = "0-0"
    house.state.records.clear()
    await house.fold()
    assert len(house.aside()) == 1


async def test_bytes_that_are_no_event_are_put_aside() -> None:
    """Whatever way they came in."""
    house = House()
    await house.append(ADA.partition, b"\xc1", "x")
    await house.send(an_event())
    await house.fold()
    assert [(each.reason, each.body) for each in house.aside()] == [("unreadable", b"\xc1")]
    assert len(house.instants()) == 1


async def test_record_that_cannot_be_read_keeps_its_events_for_a_person() -> None:
    """The record stays as it is."""
    house = House()
    house.state.keep(ADA, Kept(StoredRecord(profile=b"\xff")))
    await house.send(an_event())
    await house.fold()
    assert [each.reason for each in house.aside()] == ["record_unreadable"]
    assert house.state.kept(ADA).record.profile == b"\xff"


async def test_profile_of_another_bundle_is_learned_on_sight() -> None:
    """The loader may be ahead of the worker by one catalogue."""
    house = House()
    other = ProfileSchema((FactSpec(name=FactName("age"), type=FactType.INTEGER),))
    await MemoryRecordStore(house.state).put_schema(other.hash, encode_schema(other))
    house.state.keep(ADA, Kept(StoredRecord(profile=encode_profile(other, [41]))))
    await house.send(an_event())
    await house.fold()
    assert house.aside() == []
    assert len(house.instants()) == 1


async def test_events_of_a_merged_customer_follow_them() -> None:
    """Each is appended to the stream of the one they are now, and folded there."""
    house = House()
    house.state.keep(ADA, Kept(StoredRecord(moved_to=b"C0000002")))
    await house.send(an_event())
    await house.fold()
    await house.fold()
    assert len(house.instants("C0000002")) == 1
    assert house.state.kept(ADA).record.events is None


async def test_customer_who_is_due_is_looked_at_again() -> None:
    """Needs end by mere lapse of time; the timer's entry moves no event state."""
    house = House()
    await house.send(an_event())
    await house.fold()
    await house.fold()
    before = house.state.kept(ADA).record
    owned = house.partitions.owned(ADA.partition)
    assert owned is not None
    await house.events.wake_due(owned, int(time()) + 90_000, count=10, deadline=1e9)
    assert await house.fold() == 1
    after = house.state.kept(ADA).record
    assert after.events == before.events
    assert house.state.kept(ADA).applied > "0-0"


async def test_bug_in_folding_one_record_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its events are put aside, and the fault is logged."""
    house = House()

    def broken_for_ada(plan: Plan, snapshot: Snapshot, events: Sequence[Event], now_s: int) -> Folded:
        if snapshot.known:
            raise ZeroDivisionError
        return fold(plan, snapshot, events, now_s)

    monkeypatch.setattr("api.worker.consumer.fold", broken_for_ada)
    house.state.keep(ADA, Kept(StoredRecord(owner=b"C0000001")))
    await house.send(an_event(), an_event("e2", "C0000002"))
    await house.fold()
    assert [each.reason for each in house.aside()] == ["fold_failed"]
    assert len(house.instants("C0000002")) == 1


async def test_store_that_goes_away_loses_nothing() -> None:
    """The events wait where they are."""
    house = House()
    await house.send(an_event())
    await house.partitions.renew()
    house.state.available = False
    with pytest.raises(StoreUnavailable):
        await house.consumer.step(0.0)
    house.state.available = True
    assert await house.fold() == 1


async def test_age_of_the_oldest_waiting_event_is_told() -> None:
    """An operator sees a worker fall behind."""
    house = House()
    right = house.state.now_ms
    house.state.now_ms = lambda: right() - 60_000
    await house.send(an_event())
    house.state.now_ms = right
    await house.fold()
    assert 59 < house.metrics.event_lag.values[()] < 90
    await house.fold()
    await house.fold()
    assert house.metrics.event_lag.values[()] == 0
