"""Rebuilds that are asked for with what the archive knows: bounded, complete, or said to be neither."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from api import rebuilding
from api.adapters.memory import MemoryState
from api.adapters.memory_events import MemoryEventStore, MemoryJournal
from api.archiving.errors import ArchiveBusy
from api.entries import decode_past
from api.ports import PARTITIONS, CustomerKey, Stream, key_of
from api.rebuilding import Rebuilder, Rebuilding, see_that_it_is_this_store_s

ADA, BOB = sorted((key_of("C0000001"), key_of("C0000002")))


class Obliging(MemoryEventStore):
    """A store whose workers fulfil every wish at once, and note what was laid beside the record."""

    def __init__(self, state: MemoryState) -> None:
        super().__init__(state)
        self.state = state
        self.seen: list[tuple[str, Sequence[bytes]]] = []

    async def ask_rebuild(self, partition: int, records: Sequence[str], *, deadline: float) -> str:
        place = await super().ask_rebuild(partition, records, deadline=deadline)
        for record in records:
            key = CustomerKey(partition, record)
            laid = self.state.pasts.get(key)
            self.seen.append((record, () if laid is None else decode_past(laid).bodies))
            kept = self.state.kept(key)
            kept.applied = place
            self.state.keep(key, kept)
        return place


@dataclass
class Shelf:
    """An archive that knows one event of everybody, up to so many entries of each partition."""

    count: int
    since_s: int = 5
    whole: bool = True
    identity: str | None = "ours"

    def through(self, partition: int) -> int:
        return self.count

    def blocks(self) -> Iterator[range]:
        yield from (range(at, at + 1) for at in range(PARTITIONS))

    def bodies(self, partitions: range, only: str | None = None) -> Mapping[CustomerKey, Sequence[bytes]]:
        return {key: [key.record.encode()] for key in (ADA, BOB) if key.partition in partitions}


async def found(*keys: CustomerKey) -> AsyncIterator[Sequence[CustomerKey]]:
    """As a scan of the store finds them: now and then one comes twice."""
    yield keys
    yield keys[:1]


class House:
    """A store, and archives that are opened one after the other."""

    def __init__(self, *counts: int, obliging: bool = True) -> None:
        self.state = MemoryState()
        self.store = Obliging(self.state) if obliging else MemoryEventStore(self.state)
        self.shelves = [Shelf(count) for count in counts]

    def opened(self) -> Shelf | None:
        if not self.shelves:
            return None
        return self.shelves.pop(0) if len(self.shelves) > 1 else self.shelves[0]

    async def everybody(self) -> Rebuilding:
        rebuilder = Rebuilder(self.store, MemoryJournal(self.state), self.opened, 0.0)
        await rebuilder.everybody(found(ADA, BOB))
        return rebuilder.rebuilding

    @property
    def seen(self) -> list[tuple[str, Sequence[bytes]]]:
        assert isinstance(self.store, Obliging)
        return self.store.seen


async def test_everybody_is_asked_for_once_with_what_the_archive_knows() -> None:
    house = House(0)
    assert await house.everybody() == Rebuilding(asked=2)
    assert house.seen == [(key.record, [key.record.encode()]) for key in (ADA, BOB)]


async def test_without_an_archive_streams_alone_are_asked() -> None:
    house = House()
    assert (await house.everybody()).places == {}
    assert {record for record, _ in house.seen} == {ADA.record, BOB.record}
    assert not any(bodies for _, bodies in house.seen)


async def test_who_was_trimmed_beyond_the_archive_that_was_read_is_asked_for_again() -> None:
    """With the archive as it stands by then; nobody counts twice."""
    house = House(0, 3)
    house.state.removed[Stream.EVENTS, ADA.partition] = 2
    assert await house.everybody() == Rebuilding(asked=2)
    assert [record for record, _ in house.seen] == [ADA.record, ADA.record, BOB.record]


async def test_who_is_trimmed_again_and_again_is_said_to_be_incomplete() -> None:
    house = House(0)
    house.state.removed[Stream.EVENTS, BOB.partition] = 2
    assert await house.everybody() == Rebuilding(asked=2, incomplete=1)


async def test_an_archive_of_another_store_is_refused() -> None:
    """One that a store without any never heard of may be all that is left of it."""
    journal = MemoryJournal(MemoryState())
    await see_that_it_is_this_store_s(journal, Shelf(0))
    await journal.archive("theirs")
    await see_that_it_is_this_store_s(journal, None)
    with pytest.raises(ArchiveBusy, match="another store"):
        await see_that_it_is_this_store_s(journal, Shelf(0))


async def test_no_more_is_laid_into_the_store_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where workers fulfil nothing, the rest is not asked for, and that is said."""
    monkeypatch.setattr(rebuilding, "LAID_AT_MOST", 1)
    house = House(0, obliging=False)
    done = await house.everybody()
    assert (done.asked, len(done.places), done.unasked) == (1, 1, 1)
    assert list(house.state.pasts) == [ADA]
