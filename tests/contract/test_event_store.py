"""Event state: one owner at a time, fenced by an epoch, and every event folded once."""

from collections.abc import Sequence

import msgspec

from api.ports import FIRST, Entry, FoldState, FoldWrite, LoadedRecord, Ownership, Stream, Trimmed, key_of
from engine.ids import CustomerId
from tests.contract.worlds import ADA, GRACE, World, soon, soon_ms


async def _own(world: World, worker: str = "w1", *, lease_ms: int = 60_000) -> Ownership:
    owned = await world.events.own(ADA.partition, worker, lease_ms=lease_ms, deadline=soon())
    assert owned is not None
    return owned


async def _fold(world: World, owned: Ownership, before: str, applied: str, due_at_s: int | None = None) -> FoldState:
    write = FoldWrite(soon_ms(), owned.epoch, before, applied, b"state " + applied.encode(), b"needs", due_at_s)
    (ended,) = await world.events.fold([(ADA, write)], deadline=soon())
    return ended


async def _events(world: World) -> Sequence[Entry]:
    return (await world.journal.read(Stream.EVENTS, {ADA.partition: FIRST}, count=10)).get(ADA.partition, ())


async def test_a_partition_has_one_owner(world: World) -> None:
    """Others get it when the lease has ended, or was given back."""
    first = await _own(world)
    assert await world.events.own(ADA.partition, "w2", lease_ms=1, deadline=soon()) is None
    await world.events.disown(first, deadline=soon())
    second = await _own(world, "w2", lease_ms=0)
    assert second.epoch == first.epoch + 1
    assert (await _own(world, "w3")).epoch == second.epoch + 1


async def test_extending_a_lease_keeps_its_epoch(world: World) -> None:
    """The same worker goes on where it is."""
    assert (await _own(world)).epoch == (await _own(world)).epoch


async def test_a_position_is_kept_for_the_next_owner(world: World) -> None:
    """Only the owner may move it."""
    first = await _own(world, lease_ms=0)
    assert first.position == FIRST
    assert await world.events.advance([(first, "5-1")], deadline=soon()) == [True]
    second = await _own(world, "w2")
    assert second.position == "5-1"
    assert await world.events.advance([(first, "9-9")], deadline=soon()) == [False]
    assert (await _own(world, "w2")).position == "5-1"


async def test_a_fold_stores_the_state_and_the_last_event(world: World) -> None:
    """The next one reads both."""
    owned = await _own(world)
    assert await _fold(world, owned, FIRST, "7-0") is FoldState.APPLIED
    (folded,) = await world.events.records([ADA], deadline=soon())
    assert (folded.record.events, folded.record.needs, folded.applied) == (b"state 7-0", b"needs", "7-0")


async def test_a_fold_reports_into_the_stream_or_not_at_all(world: World) -> None:
    """Whatever it reports is an event of the same step: a fold that is refused reports nothing."""
    owned = await _own(world)
    write = FoldWrite(soon_ms(), owned.epoch, FIRST, "7-0", b"state", b"needs", None, (b"began", b"ended"))
    assert await world.events.fold([(ADA, write)], deadline=soon()) == [FoldState.APPLIED]
    assert await world.events.fold([(ADA, write)], deadline=soon()) == [FoldState.STALE]
    assert [(entry.kind, entry.body) for entry in await _events(world)] == [("r", b"began"), ("r", b"ended")]


async def test_a_fold_on_an_outdated_state_is_stale(world: World) -> None:
    """The event that was folded meanwhile is not lost."""
    owned = await _own(world)
    await _fold(world, owned, FIRST, "7-0")
    assert await _fold(world, owned, FIRST, "8-0") is FoldState.STALE
    assert (await world.record()).events == b"state 7-0"


async def test_folds_that_travel_together_end_each_for_itself(world: World) -> None:
    """In the order given, whatever becomes of the others, and wherever their partitions lie."""
    owned = await _own(world)
    others = [key_of(f"C{number}") for number in range(150)]
    leases = {
        each.partition: await world.events.own(each.partition, "w1", lease_ms=60_000, deadline=soon())
        for each in others
    }

    def write(lease: Ownership | None, before: str = FIRST) -> FoldWrite:
        assert lease is not None
        return FoldWrite(soon_ms(), lease.epoch, before, "7-0", b"state", b"needs", None)

    mixed = [(each, write(leases[each.partition])) for each in others]
    mixed[1:1] = [(ADA, write(owned, "5-0")), (GRACE, write(owned._replace(epoch=9))), (ADA, write(owned))]
    ended = await world.events.fold(mixed, deadline=soon())
    assert ended[1:4] == [FoldState.STALE, FoldState.FENCED, FoldState.APPLIED]
    assert {*ended[:1], *ended[4:]} == {FoldState.APPLIED}
    stored = await world.events.records(others, deadline=soon())
    assert {each.applied for each in stored} == {"7-0"}
    assert await world.events.fold([], deadline=soon()) == []


async def test_a_former_owner_is_fenced(world: World) -> None:
    """However late its write arrives."""
    first = await _own(world, lease_ms=0)
    await _own(world, "w2")
    assert await _fold(world, first, FIRST, "7-0") is FoldState.FENCED
    assert (await world.record()).events is None


async def test_a_fold_into_a_merged_record_is_sent_on(world: World) -> None:
    """Nothing is written to what nobody reads."""
    owned = await _own(world)
    await world.move(ADA, GRACE)
    assert await _fold(world, owned, FIRST, "7-0") is FoldState.MOVED


async def test_records_come_in_the_order_of_the_keys(world: World) -> None:
    """Those that do not exist as empty ones."""
    await world.records.load([LoadedRecord(CustomerId(GRACE.record), b"profile")])
    empty, loaded = await world.events.records([ADA, GRACE], deadline=soon())
    assert (empty.record.profile, empty.applied) == (None, FIRST)
    assert loaded.record.profile == b"profile"


async def test_what_is_due_becomes_a_timer_event_once(world: World) -> None:
    """The instant of the last fold counts."""
    owned = await _own(world)
    await _fold(world, owned, FIRST, "7-0", due_at_s=50)
    await _fold(world, owned, "7-0", "8-0", due_at_s=100)
    assert await world.events.wake_due(owned, 99, count=10, deadline=soon()) == 0
    assert await world.events.wake_due(owned, 100, count=10, deadline=soon()) == 1
    assert await world.events.wake_due(owned, 100, count=10, deadline=soon()) == 0
    assert [(entry.kind, entry.body) for entry in await _events(world)] == [("t", ADA.record.encode())]


async def test_a_fold_without_a_due_instant_takes_it_back(world: World) -> None:
    """What ended needs no timer."""
    owned = await _own(world)
    await _fold(world, owned, FIRST, "7-0", due_at_s=50)
    await _fold(world, owned, "7-0", "8-0")
    assert await world.events.wake_due(owned, 100, count=10, deadline=soon()) == 0


async def test_a_former_owner_wakes_nobody(world: World) -> None:
    """The due index is the owner's."""
    first = await _own(world)
    await _fold(world, first, FIRST, "7-0", due_at_s=50)
    await world.events.disown(first, deadline=soon())
    await _own(world, "w2")
    assert await world.events.wake_due(first, 100, count=10, deadline=soon()) == 0
    assert await _events(world) == ()


async def test_a_wish_to_rebuild_stands_in_the_stream(world: World) -> None:
    """Behind everything that it is to hold; the place is told."""
    place = await world.events.ask_rebuild(ADA.partition, [ADA.record, "C9"], deadline=soon())
    entries = await world.journal.read(Stream.EVENTS, {ADA.partition: FIRST}, count=10)
    (wish,) = entries[ADA.partition]
    assert (wish.id, wish.kind, msgspec.msgpack.decode(wish.body)) == (place, "b", [ADA.record, "C9"])


async def test_a_stream_knows_how_much_was_removed(world: World) -> None:
    """So that a history knows whether it is complete; one that never was lost nothing."""
    assert await world.journal.removed(Stream.EVENTS, ADA.partition) == 0
    await world.events.ask_rebuild(ADA.partition, [ADA.record], deadline=soon())
    place = await world.events.ask_rebuild(ADA.partition, [ADA.record], deadline=soon())
    await world.journal.trim(Stream.EVENTS, ADA.partition, FIRST)
    assert await world.journal.removed(Stream.EVENTS, ADA.partition) == 0
    await world.journal.trim(Stream.EVENTS, ADA.partition, place)
    assert await world.journal.removed(Stream.EVENTS, ADA.partition) == 1


async def test_events_go_when_they_are_folded_and_archived_and_old_enough(world: World) -> None:
    """Whoever is least far decides, and the entry at that place stays."""
    places = [await world.events.ask_rebuild(ADA.partition, [name], deadline=soon()) for name in "abcd"]
    later_ms = soon_ms()

    async def trim(archived: str, kept_since_ms: int = later_ms) -> Trimmed:
        return await world.events.trim(ADA.partition, archived=archived, kept_since_ms=kept_since_ms, deadline=soon())

    assert await trim(places[3]) == Trimmed(0, 4, None)  # nobody folded anything
    owned = await _own(world)
    assert await trim(places[3]) == Trimmed(0, 4, None)
    await world.events.advance([(owned, places[2])], deadline=soon())
    assert await trim(FIRST) == Trimmed(0, 4, None)
    assert await trim(places[3], 1) == Trimmed(0, 4, None)
    assert await trim(places[1]) == Trimmed(1, 3, None)
    assert await trim(places[3]) == Trimmed(1, 2, None)
    assert [entry.id for entry in await _events(world)] == places[2:]
    assert await world.journal.removed(Stream.EVENTS, ADA.partition) == 2


async def test_a_past_lies_beside_a_record_until_it_is_taken_away(world: World) -> None:
    assert await world.events.past(ADA, deadline=soon()) is None
    await world.events.lay_past(ADA, b"past", deadline=soon())
    assert await world.events.past(ADA, deadline=soon()) == b"past"
    assert await world.events.past(GRACE, deadline=soon()) is None
    await world.events.drop_past(ADA, deadline=soon())
    assert await world.events.past(ADA, deadline=soon()) is None
