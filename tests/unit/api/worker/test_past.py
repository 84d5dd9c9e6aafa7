"""Event states made anew from the stream: what is lost comes back, what rules came to ask for is filled in."""

from collections.abc import Sequence
from time import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.adapters.memory import Kept, MemoryState
from api.adapters.memory_events import MemoryEventStore, MemoryJournal, MemoryRecordStore
from api.adapters.record_reader import RecordReader
from api.adapters.records import decode_events, encode_events, encode_layout
from api.entries import ArchivedPast, EventEntry, encode_entry
from api.known import learn_schemas
from api.ports import Arrival, StoredRecord, Stream, key_of
from api.rebuilding import Rebuilding, ask, fulfilled
from api.telemetry import Metrics
from api.worker.consumer import Consumer
from api.worker.partitions import Partitions
from engine.events import KEPT_SINCE
from engine.plan import Plan
from tests.builders import CATALOGUE, a_plan, a_trigger

ADA = key_of("C0000001")
NOW_S = int(time())
DAY_S = 86_400
COUNT = "  salaries: {title: Salaries, type: integer, count: salary, in: 90d}\n"
WITH_COUNT = {"catalogue.yaml": CATALOGUE.replace("calculated:\n", f"calculated:\n{COUNT}")}
BEFORE = a_plan(a_trigger("paid", "history: [{seen: salary, in: 90d}]\npromote: {isa: 2}"))
AFTER = a_plan(
    WITH_COUNT,
    a_trigger("paid", "history: [{seen: salary, in: 90d, at_least: 3}, {not_seen: quote, in: 90d}]\npromote: {isa: 2}"),
)


class House:
    """A worker and its store, in memory."""

    def __init__(self, plan: Plan) -> None:
        self.state = MemoryState()
        self.journal = MemoryJournal(self.state)
        self.events = MemoryEventStore(self.state)
        self.metrics = Metrics()
        self.partitions = Partitions(self.events, "worker")
        self.under(plan)

    def under(self, plan: Plan) -> None:
        """Fold under a plan from now on."""
        self.plan, self.reader = plan, RecordReader(plan.profile_schema, plan.event_layout)
        self.state.layouts[plan.event_layout.hash] = encode_layout(plan.event_layout)
        records = MemoryRecordStore(self.state)
        self.consumer = Consumer(
            plan=plan,
            reader=self.reader,
            learn=lambda: learn_schemas(self.reader, records),
            journal=self.journal,
            events=self.events,
            partitions=self.partitions,
            metrics=self.metrics,
        )

    async def send(self, *entries: EventEntry) -> None:
        """Take events in, each once."""
        for each in entries:
            arrival = Arrival(each.source, each.id, encode_entry(each))
            await self.journal.append_once(Stream.EVENTS, ADA.partition, [arrival], deadline_ms=2**52, deadline=1e9)

    async def work(self) -> None:
        """Fold until there is nothing to fold."""
        await self.partitions.renew()
        while await self.consumer.step(0.0):
            pass

    async def rebuild(self) -> Rebuilding:
        """What `nextbest rebuild` does."""
        rebuilding = Rebuilding()
        await ask(self.events, [ADA], rebuilding)
        await self.work()
        await fulfilled(self.events, rebuilding, 0.0)
        return rebuilding

    async def trim_before(self, number: int) -> None:
        """Remove so many entries of Ada's stream."""
        place = self.state.streams[Stream.EVENTS, ADA.partition][number].id
        await self.journal.trim(Stream.EVENTS, ADA.partition, place)

    def held(self) -> list[int]:
        """The event state that is stored."""
        stored = self.state.kept(ADA).record.events
        assert stored is not None
        state = decode_events(stored, self.plan.event_layout)
        assert state is not None
        return state

    def lose(self, stored: bytes | None) -> None:
        """Something else comes to stand where the event state stood."""
        kept = self.state.kept(ADA)
        kept.record = kept.record._replace(events=stored)
        self.state.keep(ADA, kept)


def paid(name: str, days_ago: float, **changes: object) -> EventEntry:
    at_ms = int(1_000 * (NOW_S - DAY_S * days_ago))
    entry = EventEntry(ADA.record, "core", name, "salary", at_ms, at_ms, {"amount": 100, "kind": "base"})
    return msgspec.structs.replace(entry, **changes)


@pytest.mark.parametrize("stored", [None, b"\x01", encode_events((AFTER.event_layout, [0]))])
async def test_a_state_that_is_lost_or_damaged_comes_back(stored: bytes | None) -> None:
    """Exactly as it was, with the position at the wish."""
    house = House(AFTER)
    await house.send(*(paid(f"e{days}", days) for days in (40, 3, 9)), paid("q", 5, type="quote", data={}))
    await house.work()
    before = house.held()
    house.lose(stored)
    rebuilding = await house.rebuild()
    assert (house.held(), rebuilding.asked, rebuilding.places) == (before, 1, {})
    assert house.metrics.folded.values["rebuilt",] == 1


async def test_what_rules_came_to_ask_for_is_filled_in() -> None:
    """Unknown after the reload; known after the rebuild, as if it had always been asked for."""
    house = House(BEFORE)
    events = [paid(f"e{days}", days) for days in (40, 3, 9)]
    await house.send(*events)
    await house.work()
    house.under(AFTER)
    await house.send(paid("later", 1))
    await house.work()
    layout = AFTER.event_layout
    assert max(house.held()[layout.own_offset : layout.width]) > 0
    await house.rebuild()
    other = House(AFTER)
    await other.send(*events, paid("later", 1))
    await other.work()
    assert house.held() == other.held()


async def test_what_came_from_files_stays_and_counts_once() -> None:
    """The stream does not know it; what both know stands there once."""
    house = House(AFTER)
    layout, since = AFTER.event_layout, int(time()) - 300 * DAY_S
    loaded = layout.empty(since)
    place = layout.offsets[next(at for at, kept in enumerate(layout.filters) if kept.event == "salary")]
    loaded[place] = since + DAY_S
    house.state.keep(ADA, Kept(StoredRecord(owner=b"C0000001", events=encode_events((layout, loaded)))))
    await house.send(paid("e1", 3))
    await house.work()
    before = house.held()
    await house.rebuild()
    assert house.held() == before
    assert (before[KEPT_SINCE], before[place + 1]) == (since, since + DAY_S)


async def test_an_event_that_is_sent_again_later_counts_once_and_unfit_ones_not_at_all() -> None:
    """By its source and id; whoever took it in had judged it by the clock of that day."""
    house = House(AFTER)
    future = paid("future", -1, received_ms=int(1_000 * (time() - 2 * DAY_S)))
    for body in (*map(encode_entry, (paid("e1", 3), paid("e1", 3), future)), b"\xff"):
        house.state.append(Stream.EVENTS, ADA.partition, "r", body)
    await house.rebuild()
    layout = AFTER.event_layout
    assert [each for each in house.held()[1 : layout.own_offset] if each] == [paid("e1", 3).at_ms // 1_000]


async def test_a_stream_that_was_cut_off_knows_since_when() -> None:
    """A customer of whom nothing else is kept is known since its first entry."""
    house = House(AFTER)
    await house.send(paid("e1", 3), paid("e2", 2))
    await house.work()
    first, second = house.state.streams[Stream.EVENTS, ADA.partition][:2]
    await house.journal.trim(Stream.EVENTS, ADA.partition, second.id)
    house.lose(None)
    await house.rebuild()
    assert house.held()[KEPT_SINCE] == int(second.id.partition("-")[0]) // 1_000
    assert first.id != second.id


EVENTS = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["salary", "quote"])), max_size=8, unique=True)


@settings(max_examples=20)
@given(EVENTS.flatmap(lambda events: st.tuples(st.just(events), st.permutations(events + events))))
async def test_any_order_with_duplicates_leads_to_the_same_state_and_so_does_rebuilding(
    drawn: tuple[Sequence[tuple[int, str]], Sequence[tuple[int, str]]],
) -> None:
    """INVARIANT: the fold of any permutation of a history with duplicates is the fold of the history."""
    once, again = House(AFTER), House(AFTER)
    for house, events in zip((once, again), drawn, strict=True):
        data = {"salary": {"amount": 100}, "quote": {}}
        await house.send(*(paid(f"{name}{days}", days, type=name, data=data[name]) for days, name in events))
        await house.work()
    if not drawn[0]:
        return
    assert again.held() == once.held()
    await again.rebuild()
    assert again.held() == once.held()


class Archive:
    """What a rebuild reads of the archive: everything of Ada's partition up to some entry."""

    def __init__(self, house: House, upto: int, since_s: int = NOW_S - 300 * DAY_S, *, whole: bool = True) -> None:
        entries = house.state.streams[Stream.EVENTS, ADA.partition][:upto]
        self.laid = ArchivedPast(upto, since_s, whole, [entry.body for entry in entries if entry.kind == "r"])


@pytest.mark.parametrize(("whole", "since_s"), [(True, 0), (False, 77)])
async def test_what_the_archive_knows_joins_what_the_stream_still_has(whole: bool, since_s: int) -> None:
    """Though the stream was trimmed behind the archive, the state is that of before; what both know counts once."""
    house = House(AFTER)
    await house.send(*(paid(f"e{days}", days) for days in (40, 9, 3)), paid("q", 5, type="quote", data={}))
    await house.work()
    before = house.held()
    archive = Archive(house, 3, since_s, whole=whole)
    await house.trim_before(2)
    await house.events.lay_past(ADA, encode_entry(archive.laid), deadline=1e9)
    house.lose(None)
    await house.rebuild()
    assert house.held()[1:] == before[1:]
    assert house.held()[KEPT_SINCE] == since_s
    assert house.state.pasts == {}


async def test_a_gap_between_archive_and_stream_is_no_part_of_what_is_known() -> None:
    """What happened counts; that nothing else happened is said of the time since the stream's first entry alone."""
    house = House(AFTER)
    await house.send(*(paid(f"e{days}", days) for days in (40, 9, 3)))
    await house.work()
    archive = Archive(house, 1)
    await house.trim_before(2)
    (first, *_) = house.state.streams[Stream.EVENTS, ADA.partition]
    await house.events.lay_past(ADA, encode_entry(archive.laid), deadline=1e9)
    house.lose(None)
    await house.rebuild()
    assert house.held()[KEPT_SINCE] == int(first.id.partition("-")[0]) // 1_000
    layout = AFTER.event_layout
    counted = {each for each in house.held()[1 : layout.own_offset] if each}
    assert counted == {paid("e40", 40).at_ms // 1_000, paid("e3", 3).at_ms // 1_000}


async def test_a_past_that_nobody_can_read_is_as_good_as_none() -> None:
    house = House(AFTER)
    await house.send(paid("e1", 3))
    await house.work()
    before = house.held()
    await house.events.lay_past(ADA, b"\xff", deadline=1e9)
    await house.rebuild()
    assert house.held() == before
