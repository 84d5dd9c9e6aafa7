"""The partitions' streams: once in, in order, and out behind the archive."""

import asyncio
from collections.abc import Sequence

import pytest

from api.ports import FIRST, Arrival, Entry, StoreUnavailable, Stream
from tests.contract.worlds import World, soon, soon_ms

EVENTS = Stream.EVENTS


def _arrivals(*ids: str, source: str = "core_banking") -> list[Arrival]:
    return [Arrival(source, each, f"{source}/{each}".encode()) for each in ids]


async def _append(world: World, arrivals: Sequence[Arrival], *, partition: int = 5) -> Sequence[bool]:
    return await world.journal.append_once(EVENTS, partition, arrivals, deadline_ms=soon_ms(), deadline=soon())


async def _read(world: World, after: str = FIRST, *, partition: int = 5, count: int = 100) -> Sequence[Entry]:
    return (await world.journal.read(EVENTS, {partition: after}, count=count)).get(partition, ())


async def test_arrivals_are_appended_in_order(world: World) -> None:
    """Each under a later id."""
    assert await _append(world, _arrivals("a", "b", "c")) == [True] * 3
    entries = await _read(world)
    assert [(entry.kind, entry.body) for entry in entries] == [
        ("r", b"core_banking/a"),
        ("r", b"core_banking/b"),
        ("r", b"core_banking/c"),
    ]
    assert len({entry.id for entry in entries}) == 3


async def test_an_arrival_seen_before_is_not_appended(world: World) -> None:
    """In the same call, in a later one, and from several at once; another source's id is another thing."""
    assert await _append(world, _arrivals("a", "a")) == [True, False]
    results = await asyncio.gather(*(_append(world, _arrivals("a", "b")) for _ in range(5)))
    assert sum(appended for result in results for appended in result) == 1
    assert await _append(world, _arrivals("a", source="cards")) == [True]
    assert len(await _read(world)) == 3


async def test_arrivals_are_known_again_for_seven_days(world: World) -> None:
    """And counted from their receipt."""
    await _append(world, _arrivals("a"))
    world.clock.put_forward(days=7)
    assert await _append(world, _arrivals("a", "b")) == [False, True]
    world.clock.put_forward(days=1)
    assert await _append(world, _arrivals("b")) == [False]


async def test_each_stream_knows_its_own_arrivals(world: World) -> None:
    """An order and an event may have the same id."""
    await _append(world, _arrivals("a"))
    placed = await world.journal.append_once(
        Stream.FULFILMENT, 5, _arrivals("a"), deadline_ms=soon_ms(), deadline=soon()
    )
    assert placed == [True]


async def test_an_append_past_its_deadline_is_refused(world: World) -> None:
    """Nothing is remembered of it."""
    with pytest.raises(StoreUnavailable):
        await world.journal.append_once(EVENTS, 5, _arrivals("a"), deadline_ms=1, deadline=soon())
    assert await _append(world, _arrivals("a")) == [True]


async def test_reading_goes_on_behind_a_position(world: World) -> None:
    """At most as many as asked for."""
    await _append(world, _arrivals("a", "b", "c"))
    first, second = await _read(world, count=2)
    assert [entry.body for entry in await _read(world, second.id)] == [b"core_banking/c"]
    assert (await _read(world, first.id))[0] == second


async def test_reading_many_partitions_gives_those_that_have_entries(world: World) -> None:
    """Each from its own position."""
    await _append(world, _arrivals("a"), partition=3)
    await _append(world, _arrivals("b"), partition=900)
    found = await world.journal.read(EVENTS, dict.fromkeys(range(1_024), FIRST), count=10)
    assert {partition: [entry.body for entry in entries] for partition, entries in found.items()} == {
        3: [b"core_banking/a"],
        900: [b"core_banking/b"],
    }


async def test_reading_waits_for_the_first_entry(world: World) -> None:
    """And gives it as soon as it is there."""
    reading = asyncio.ensure_future(world.journal.read(EVENTS, {5: FIRST}, count=10, wait_s=10.0))
    await asyncio.sleep(0)
    await _append(world, _arrivals("a"))
    assert [entry.body for entry in (await reading)[5]] == [b"core_banking/a"]


async def test_waiting_holds_up_nobody(world: World) -> None:
    """All partitions are waited for while others use the store; an entry in any of them ends it."""
    positions = dict.fromkeys(range(1_024), FIRST)
    reading = asyncio.ensure_future(world.journal.read(EVENTS, positions, count=10, wait_s=10.0))
    for _ in range(20):
        assert await world.journal.lengths(EVENTS, [900]) == [0]
    assert not reading.done()
    await _append(world, _arrivals("a"), partition=900)
    assert list(await reading) == [900]


async def test_waiting_ends_when_its_time_is_over(world: World) -> None:
    """Nothing came, and nothing is waited for where no partition is asked for."""
    assert await world.journal.read(EVENTS, {5: FIRST}, count=10, wait_s=0.03) == {}
    assert await world.journal.read(EVENTS, {}, count=10, wait_s=0.03) == {}


async def test_reading_nothing_is_no_error(world: World) -> None:
    """An empty stream, and no partition at all."""
    assert await _read(world) == ()
    assert await world.journal.read(EVENTS, {}, count=10) == {}


async def test_trimming_removes_what_lies_before_a_position(world: World) -> None:
    """The entry at the position stays."""
    await _append(world, _arrivals("a", "b", "c"))
    entries = await _read(world)
    assert await world.journal.trim(EVENTS, 5, entries[2].id) == 2
    assert await _read(world) == entries[2:]


async def test_single_entries_are_removed_once(world: World) -> None:
    """The others stay, and their number is told."""
    await _append(world, _arrivals("a", "b", "c"))
    first, second, third = await _read(world)
    assert await world.journal.remove(EVENTS, 5, [second.id, "1-1"]) == 1
    assert await world.journal.remove(EVENTS, 5, [second.id]) == 0
    assert await world.journal.remove(EVENTS, 5, []) == 0
    assert await _read(world) == [first, third]
    assert await world.journal.lengths(EVENTS, [5, 6]) == [2, 0]


async def test_records_go_into_the_first_archive_that_asked(world: World) -> None:
    """Whoever asks later is told whose they are, and looking alone changes nothing."""
    assert await world.journal.archived_in() is None
    assert await world.journal.archive("first") == "first"
    assert await world.journal.archive("second") == "first"
    assert await world.journal.archived_in() == "first"
