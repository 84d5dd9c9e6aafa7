"""Asks the workers to rebuild event states from streams and archive, and waits for them.

What the archive knows of a record is laid beside it before its worker is asked: workers need not run where the archive
lies, and no file is read while events wait.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol

from api.adapters import keys
from api.adapters.cluster import nodes_at
from api.adapters.commands import Reply, checked, pack
from api.adapters.event_store import RedisEventStore, RedisJournal
from api.adapters.flights import Node, Timing
from api.adapters.nodes import Nodes
from api.archiving.errors import ArchiveBusy
from api.entries import ArchivedPast, encode_entry
from api.ports import PARTITIONS, CustomerKey, EventStore, Journal, Stream, key_of

PATIENT: Final = Timing(flight=60.0, connect=5.0)
AT_ONCE: Final = 20
"""Records that one wish names: as many as a worker folds of a partition in a step."""
AT_MOST: Final = 1_000
"""Wishes that are looked after at one time."""
LOOK_EACH_S: Final = 0.2
LAID_AT_MOST: Final = 32 * 2**20
"""Bytes of the archive that lie in the store at one time."""
TOGETHER: Final = 200
"""Records whose past is laid before their workers are asked."""
MOST_TRIES: Final = 3
_WITHIN_S: Final = 60.0
_SCANNED: Final = 1_000


class Archived(Protocol):
    """What the archive knows of events."""

    @property
    def identity(self) -> str | None:
        """Which archive it is."""

    @property
    def since_s(self) -> int:
        """Since when nothing is missing."""

    @property
    def whole(self) -> bool:
        """Whether what came before was never there."""

    def through(self, partition: int) -> int:
        """How many entries of a partition were ever archived."""

    def blocks(self) -> Iterator[range]:
        """All partitions, so many at a time as fit into memory."""

    def bodies(self, partitions: range, only: str | None = None) -> Mapping[CustomerKey, Sequence[bytes]]:
        """The events of some partitions, of one record or of all."""


OpenArchive = Callable[[], Archived | None]


@dataclass(slots=True)
class Rebuilding:
    """What was asked for, and what is still to be done."""

    asked: int = 0
    places: dict[CustomerKey, str] = field(default_factory=dict)
    """For each wish that nobody has fulfilled yet its last record, and where it stands in the stream."""
    unasked: int = 0
    """Records that there was no time for."""
    incomplete: int = 0
    """Records of whose past some was trimmed before their worker saw it: ask again."""


async def rebuild(url: str, customer: str | None, wait_s: float, archive: OpenArchive = lambda: None) -> Rebuilding:
    """Have one customer rebuilt, or everybody, and wait so long for the workers; `archive` opens that of the events.

    Raises:
        LookupError: there is no such customer.
        ArchiveBusy: the archive is that of another store.
        StoreUnavailable: the store is not there, or failed.
    """
    nodes = nodes_at(url, PATIENT)
    await nodes.start()
    try:
        store, journal = RedisEventStore(nodes), RedisJournal(nodes, b"")
        await see_that_it_is_this_store_s(journal, archive())
        rebuilder = Rebuilder(store, journal, archive, wait_s)
        if customer is None:
            await rebuilder.everybody(_everybody(nodes))
        else:
            await rebuilder.one(await _one(store, customer))
        return rebuilder.rebuilding
    finally:
        await nodes.close()


async def see_that_it_is_this_store_s(journal: Journal, archive: Archived | None) -> None:
    """Customers of two stores may have the same ids, and yet be others.

    Raises:
        ArchiveBusy: the archive is that of another store.
        StoreUnavailable: nobody can tell.
    """
    noted = await journal.archived_in()
    if archive is not None and noted is not None and archive.identity != noted:
        raise ArchiveBusy("the archive in this data folder is that of another store: name the folder with its own")


class Rebuilder:
    """Asks for records, and lays beside them what the archive knows."""

    def __init__(self, store: EventStore, journal: Journal, archive: OpenArchive, wait_s: float) -> None:
        self.rebuilding = Rebuilding()
        self._store = store
        self._journal = journal
        self._open = archive
        self._give_up_at = asyncio.get_running_loop().time() + wait_s
        self._laid = 0

    async def one(self, key: CustomerKey) -> None:
        """One record."""
        archive = self._open()
        if archive is None:
            await ask(self._store, [key], self.rebuilding)
        else:
            await self._complete([key], archive, range(key.partition, key.partition + 1), only=key.record)
        await self._wait()

    async def everybody(self, found: AsyncIterator[Sequence[CustomerKey]]) -> None:
        """All records that are found, in any order."""
        archive = self._open()
        if archive is None:
            async for some in found:
                await ask(self._store, some, self.rebuilding)
        else:
            keys_by_partition: list[list[CustomerKey]] = [[] for _ in range(PARTITIONS)]
            async for some in found:
                for key in some:
                    keys_by_partition[key.partition].append(key)
            for block in archive.blocks():
                wanted = [key for at in block for key in dict.fromkeys(keys_by_partition[at])]
                archive = await self._complete(wanted, archive, block)
        await self._wait()

    async def _complete(
        self, keys: Sequence[CustomerKey], archive: Archived, block: range, only: str | None = None
    ) -> Archived:
        """Ask for the records of some partitions, again where their stream was trimmed beyond what was laid.

        Gives the archive as it was opened last.
        """
        for tries_left in reversed(range(MOST_TRIES)):
            if not keys:
                break
            await self._lay_and_ask(keys, archive, archive.bodies(block, only))
            await self._wait()
            if self._is_over():
                return archive
            removed = {each: await self._removed(each) for each in {key.partition for key in keys}}
            keys = [key for key in keys if removed[key.partition] > archive.through(key.partition)]
            if keys and tries_left:
                archive = self._open() or archive
                self.rebuilding.asked -= len(keys)
        self.rebuilding.incomplete += len(keys)
        return archive

    async def _removed(self, partition: int) -> int:
        return await self._journal.removed(Stream.EVENTS, partition)

    async def _lay_and_ask(
        self, keys: Sequence[CustomerKey], archive: Archived, bodies: Mapping[CustomerKey, Sequence[bytes]]
    ) -> None:
        for at in range(0, len(keys), TOGETHER):
            if self._laid > LAID_AT_MOST:
                await self._wait()
                if self._is_over():
                    self.rebuilding.unasked += len(keys) - at
                    return
            some = keys[at : at + TOGETHER]
            pasts = {key: _past_of(key, archive, bodies.get(key, ())) for key in some}
            await asyncio.gather(*(self._store.lay_past(key, pasts[key], deadline=_deadline()) for key in some))
            self._laid += sum(map(len, pasts.values()))
            await ask(self._store, some, self.rebuilding)

    async def _wait(self) -> None:
        left_s = max(0.0, self._give_up_at - asyncio.get_running_loop().time())
        await fulfilled(self._store, self.rebuilding, left_s)
        if not self.rebuilding.places:
            self._laid = 0

    def _is_over(self) -> bool:
        return bool(self.rebuilding.places)


def _past_of(key: CustomerKey, archive: Archived, bodies: Iterable[bytes]) -> bytes:
    return encode_entry(ArchivedPast(archive.through(key.partition), archive.since_s, archive.whole, list(bodies)))


async def ask(store: EventStore, some: Sequence[CustomerKey], rebuilding: Rebuilding) -> None:
    """Ask for some records, each of its partition's owner."""
    names_by_partition: dict[int, list[str]] = {}
    for key in dict.fromkeys(some):
        names_by_partition.setdefault(key.partition, []).append(key.record)
    for partition, names in names_by_partition.items():
        for at in range(0, len(names), AT_ONCE):
            wish = names[at : at + AT_ONCE]
            place = await store.ask_rebuild(partition, wish, deadline=_deadline())
            rebuilding.places[CustomerKey(partition, wish[-1])] = place
            rebuilding.asked += len(wish)


async def fulfilled(store: EventStore, rebuilding: Rebuilding, wait_s: float) -> None:
    """Wait until every wish is fulfilled, or the time is over; a record that leads to another keeps nothing."""
    give_up_at = asyncio.get_running_loop().time() + wait_s
    while rebuilding.places:
        waiting = list(islice(rebuilding.places, AT_MOST))
        records = await store.records(waiting, deadline=_deadline())
        for key, held in zip(waiting, records, strict=True):
            if held.record.moved_to is not None or _place(held.applied) >= _place(rebuilding.places[key]):
                del rebuilding.places[key]
        if not rebuilding.places or asyncio.get_running_loop().time() >= give_up_at:
            return
        await asyncio.sleep(LOOK_EACH_S)


async def _one(store: EventStore, customer: str) -> CustomerKey:
    """The record of a customer, or of whom they were merged into."""
    key = key_of(customer)
    (held,) = await store.records([key], deadline=_deadline())
    if held.record.moved_to is not None:
        return key_of(held.record.moved_to.decode())
    if held.record.owner is None and held.record.events is None:
        raise LookupError(customer)
    return key


async def _everybody(nodes: Nodes) -> AsyncIterator[Sequence[CustomerKey]]:
    for node in nodes.everyone():
        cursor = b"0"
        while True:
            cursor, names = checked(await _scan(node, cursor))
            yield [keys.key_of_record(name) for name in names]
            if cursor == b"0":
                break


async def _scan(node: Node, cursor: bytes) -> Reply:
    command = pack(b"SCAN", cursor, b"MATCH", keys.ANY_RECORD, b"COUNT", _SCANNED)
    return await node.call(command, 1, _deadline())


def _place(entry_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def _deadline() -> float:
    return asyncio.get_running_loop().time() + _WITHIN_S
