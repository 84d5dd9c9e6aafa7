"""Writes loaded records to the store, hundreds in one trip, each customer atomically and joined with what is there."""

import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import groupby, islice
from pathlib import Path
from time import time
from typing import Final, NamedTuple, TypeVar
from zlib import crc32

from api.adapters import keys
from api.adapters.commands import Reply, Word, checked, pack
from api.adapters.event_store import RedisEventStore
from api.adapters.flights import Node, Timing
from api.adapters.nodes import Nodes
from api.adapters.record_store import RedisRecordStore
from api.adapters.records import encode_customers
from api.loading.kept_states import KeptStates
from api.loading.merging import merge_consent, merge_contacts
from api.ports import CustomerKey, Identity, LoadedRecord, Ownership, StoredLayout, StoreUnavailable, key_of
from engine.events import EventLayout
from engine.facts import ProfileSchema
from engine.ids import CustomerId

BULK_TIMING: Final = Timing(flight=60.0, connect=5.0)
"""A load has no customer waiting: a slow disk is no reason to give up."""
_COMMANDS: Final = 2_000
_MERGED_AWAY: Final = 2
_JOINED: Final = 3
_WITHIN_S: Final = 120.0
_LEASE_MS: Final = 180_000
_ATTEMPTS: Final = 10
_LOOK_WITHIN_S: Final = 3_600
_SOURCE: Final = (Path(__file__).parent / "load.lua").read_bytes()
_SHA: Final = hashlib.sha1(_SOURCE, usedforsecurity=False).hexdigest()

Item = TypeVar("Item")


class _Stored(NamedTuple):
    """What the store holds of a customer, of the fields that a load may change."""

    events: bytes
    contacts: bytes
    consent: bytes


class BulkStore:
    """`RecordStore` for loads; what became of records that were not simply written stands in `outcomes`."""

    def __init__(
        self,
        nodes: Nodes,
        schema: ProfileSchema,
        layout: EventLayout,
        *,
        wakes: bool,
        origin: bytes = b"",
        now_s: Callable[[], float] = time,
    ) -> None:
        """`wakes`: whether time alone changes needs, so that workers have to look at whoever is loaded. `origin`: where
        the profiles come from, see `api.merging.profiles`."""
        self._nodes = nodes
        self._wakes = wakes
        self._origin = origin
        self._now_s = now_s
        self._records = RedisRecordStore(nodes)
        self._kept = KeptStates(schema, layout, self._records)
        self._leases = RedisEventStore(nodes)
        self._knows_script = False
        self.outcomes: Counter[str] = Counter()
        """`merged_away` records belong to another customer now; `busy_history` kept theirs, a worker folds them;
        `unreadable` histories stay as they are for their worker."""
        self.merged: set[str] = set()
        """Customers whose profile is one of several that make a joined one."""

    async def put_schema(self, schema_hash: int, columns: bytes) -> None:
        await self._records.put_schema(schema_hash, columns)

    async def schemas(self) -> Sequence[bytes]:
        return await self._records.schemas()

    async def put_layout(self, layout_hash: int, filters: bytes) -> None:
        await self._records.put_layout(layout_hash, filters)

    async def begin_folding(self, layout_hash: int, now_s: int) -> None:
        await self._records.begin_folding(layout_hash, now_s)

    async def layouts(self) -> Sequence[StoredLayout]:
        return await self._records.layouts()

    async def load(self, records: Sequence[LoadedRecord]) -> None:
        """Write records; those of one partition stand together, so that each lease is taken once."""
        await self._teach()
        by_partition = sorted(((key_of(record.customer), record) for record in records), key=lambda pair: pair[0])
        async with self._leased({key.partition for key, _ in by_partition}) as owned:
            left = by_partition
            for _ in range(_ATTEMPTS):
                left = [pair for batch in batches(left) for pair in await self._write(batch, owned)]
                if not left:
                    return
        raise StoreUnavailable("records keep changing while they are loaded")

    async def identify(self, customers_by_identity: Mapping[Identity, Sequence[CustomerId]]) -> None:
        """Store whom identities mean."""
        named = [(keys.identity(identity), customers) for identity, customers in customers_by_identity.items()]
        for batch in batches(named):
            commands = [
                (self._nodes.of_key(name), pack(b"SET", name, encode_customers(customers))) for name, customers in batch
            ]
            for reply in await together(commands):
                checked(reply)

    async def _teach(self) -> None:
        if not self._knows_script:
            deadline = asyncio.get_running_loop().time() + _WITHIN_S
            for node in self._nodes.everyone():
                checked(await node.call(pack(b"SCRIPT", b"LOAD", _SOURCE), 1, deadline))
            await self._kept.learn()
            self._knows_script = True

    @asynccontextmanager
    async def _leased(self, partitions: set[int]) -> AsyncIterator[set[int]]:
        """The partitions whose events nobody else folds until the end of the block."""
        loader = f"load:{os.getpid()}"
        deadline = asyncio.get_running_loop().time() + _WITHIN_S
        calls = (
            self._leases.own(partition, loader, lease_ms=_LEASE_MS, deadline=deadline)
            for partition in sorted(partitions)
        )
        owned: list[Ownership] = [lease for lease in await asyncio.gather(*calls) if lease is not None]
        try:
            yield {lease.partition for lease in owned}
        finally:
            deadline = asyncio.get_running_loop().time() + _WITHIN_S
            await asyncio.gather(*(self._leases.disown(lease, deadline=deadline) for lease in owned))

    async def _write(
        self, batch: Sequence[tuple[CustomerKey, LoadedRecord]], owned: set[int]
    ) -> list[tuple[CustomerKey, LoadedRecord]]:
        """Read, join, write; returns those that changed in between."""
        reads = [
            (self._nodes.of_partition(key.partition), pack(b"HMGET", keys.record(key), b"e", b"h", b"k"))
            for key, _ in batch
        ]
        stored = [_Stored(*(value or b"" for value in checked(reply))) for reply in await together(reads)]
        writes = [
            (self._nodes.of_partition(key.partition), self._packed(key, record, was, key.partition in owned))
            for (key, record), was in zip(batch, stored, strict=True)
        ]
        again = []
        for pair, reply in zip(batch, await together(writes), strict=True):
            if checked(reply) == 1:
                again.append(pair)
                continue
            if reply == _MERGED_AWAY:
                self.outcomes["merged_away"] += 1
            if reply in (_MERGED_AWAY, _JOINED):
                self.merged.add(pair[1].customer)
        return again

    def _packed(self, key: CustomerKey, record: LoadedRecord, was: _Stored, is_owned: bool) -> bytes:
        words: list[Word] = [record.customer, record.profile, record.outcome_count]
        for stored, merged in (
            (was.events, self._events(record, was, is_owned)),
            (was.contacts, merge_contacts(was.contacts, record.contacts) if record.contacts else b""),
            (was.consent, merge_consent(was.consent, record.consent) if record.consent else b""),
        ):
            words += (fingerprint(stored), b"" if merged == stored else merged)
        return pack(
            b"EVALSHA", _SHA, 2, keys.record(key), keys.due(key.partition), *words, self._look_at(key), self._origin
        )

    def _look_at(self, key: CustomerKey) -> Word:
        """By when a worker looks at the customer: all within an hour, and not all at once."""
        return int(self._now_s()) + crc32(key.record.encode()) % _LOOK_WITHIN_S if self._wakes else b""

    def _events(self, record: LoadedRecord, was: _Stored, is_owned: bool) -> bytes:
        """The event state to write; where a worker may be folding, only if there is none yet."""
        if not record.events:
            return b""
        if was.events and not is_owned:
            self.outcomes["busy_history"] += 1
            return b""
        joined = self._kept.joined(was.events, record.events)
        if joined is None:
            self.outcomes["unreadable"] += 1
            return b""
        return joined


def fingerprint(stored: bytes) -> str:
    """Names bytes that were read, for a script to compare."""
    return hashlib.sha1(stored, usedforsecurity=False).hexdigest() if stored else ""


async def together(commands: Sequence[tuple[Node, bytes]]) -> list[Reply]:
    """The replies of commands, in their order, after one trip to each node."""
    deadline = asyncio.get_running_loop().time() + _WITHIN_S
    order = sorted(range(len(commands)), key=lambda at: id(commands[at][0]))
    replies: list[Reply] = [None] * len(commands)
    trips = []
    for _, group in groupby(order, key=lambda at: id(commands[at][0])):
        positions = list(group)
        packed = b"".join(commands[at][1] for at in positions)
        trips.append((positions, commands[positions[0]][0].call(packed, len(positions), deadline)))
    for positions, trip in trips:
        answer = await trip
        for at, reply in zip(positions, answer if len(positions) > 1 else [answer], strict=True):
            replies[at] = reply
    return replies


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """As many at a time as go into one trip."""
    remaining = iter(items)
    while batch := list(islice(remaining, _COMMANDS)):
        yield batch
