"""The streams, event state and bulk loading in memory, on the same `MemoryState` as the customer store."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from api.adapters.memory import Lease, MemoryState, place
from api.adapters.records import encode_customers, encode_names
from api.ports import (
    Arrival,
    CustomerKey,
    Entry,
    FoldRecord,
    FoldState,
    FoldWrite,
    Identity,
    LoadedRecord,
    Ownership,
    StoredLayout,
    StoreStatus,
    Stream,
    Trimmed,
    key_of,
)
from engine.ids import CustomerId

HORIZON_DAYS: Final = 7
DAY_S: Final = 86_400
POLL_S: Final = 0.002


class MemoryJournal:
    """`Journal` in memory."""

    def __init__(self, state: MemoryState, now_s: Callable[[], float] = time.time) -> None:
        self._state = state
        self._now_s = now_s

    async def append_once(
        self, stream: Stream, partition: int, arrivals: Sequence[Arrival], *, deadline_ms: int, deadline: float
    ) -> Sequence[bool]:
        self._state.check(deadline_ms)
        return [self._append_once(stream, partition, arrival) for arrival in arrivals]

    def _append_once(self, stream: Stream, partition: int, arrival: Arrival) -> bool:
        state = self._state
        today = int(self._now_s()) // DAY_S
        parts = (arrival.source, arrival.id)
        earlier = range(today - HORIZON_DAYS, today)
        if any(parts in state.seen.get((partition, stream.value, day), ()) for day in earlier):
            return False
        new = state.note_seen(partition, stream.value, today, *parts)
        if new:
            state.append(stream, partition, "r", arrival.body)
        return new

    async def read(
        self, stream: Stream, after: Mapping[int, str], *, count: int, wait_s: float = 0.0
    ) -> Mapping[int, Sequence[Entry]]:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + wait_s
        while True:
            found = self._read_now(stream, after, count)
            if found or loop.time() >= give_up_at:
                return found
            await asyncio.sleep(POLL_S)

    def _read_now(self, stream: Stream, after: Mapping[int, str], count: int) -> dict[int, Sequence[Entry]]:
        self._state.check()
        found: dict[int, Sequence[Entry]] = {}
        for partition, position in after.items():
            entries = self._state.streams.get((stream, partition), [])
            later = [entry for entry in entries if place(entry.id) > place(position)][:count]
            if later:
                found[partition] = later
        return found

    async def archive(self, identity: str) -> str:
        self._state.check()
        self._state.archive = self._state.archive or identity
        return self._state.archive

    async def archived_in(self) -> str | None:
        self._state.check()
        return self._state.archive or None

    async def removed(self, stream: Stream, partition: int) -> int:
        self._state.check()
        return self._state.removed.get((stream, partition), 0)

    async def trim(self, stream: Stream, partition: int, before: str) -> int:
        self._state.check()
        return self._state.trim(stream, partition, before)

    async def remove(self, stream: Stream, partition: int, ids: Sequence[str]) -> int:
        self._state.check()
        entries = self._state.streams.get((stream, partition), [])
        return self._state.keep_entries(stream, partition, [entry for entry in entries if entry.id not in ids])

    async def lengths(self, stream: Stream, partitions: Sequence[int]) -> Sequence[int]:
        self._state.check()
        return [len(self._state.streams.get((stream, partition), ())) for partition in partitions]


class MemoryEventStore:
    """`EventStore` in memory."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def own(self, partition: int, worker: str, *, lease_ms: int, deadline: float) -> Ownership | None:
        self._state.check()
        now_ms = self._state.now_ms()
        lease = self._state.leases.setdefault(partition, Lease())
        if lease.until_ms > now_ms and lease.worker != worker:
            return None
        if lease.until_ms <= now_ms:
            lease.epoch += 1
        lease.worker = worker
        lease.until_ms = now_ms + lease_ms
        return Ownership(partition, lease.epoch, lease.position)

    async def disown(self, owned: Ownership, *, deadline: float) -> None:
        lease = self._owned(owned.partition, owned.epoch)
        if lease is not None:
            lease.until_ms = 0

    async def advance(self, positions: Sequence[tuple[Ownership, str]], *, deadline: float) -> Sequence[bool]:
        return [self._advance(owned, position) for owned, position in positions]

    def _advance(self, owned: Ownership, position: str) -> bool:
        lease = self._owned(owned.partition, owned.epoch)
        if lease is None:
            return False
        lease.position = position
        return True

    def _owned(self, partition: int, epoch: int) -> Lease | None:
        self._state.check()
        lease = self._state.leases.get(partition)
        return lease if lease is not None and lease.epoch == epoch else None

    async def records(self, keys: Sequence[CustomerKey], *, deadline: float) -> Sequence[FoldRecord]:
        self._state.check()
        return [FoldRecord(kept.record, kept.applied) for kept in map(self._state.kept, keys)]

    async def fold(self, writes: Sequence[tuple[CustomerKey, FoldWrite]], *, deadline: float) -> Sequence[FoldState]:
        return [self._fold(key, write) for key, write in writes]

    def _fold(self, key: CustomerKey, write: FoldWrite) -> FoldState:
        state = self._state
        state.check(write.deadline_ms)
        if self._owned(key.partition, write.epoch) is None:
            return FoldState.FENCED
        kept = state.kept(key)
        if kept.record.moved_to is not None:
            return FoldState.MOVED
        if kept.applied != write.applied_before:
            return FoldState.STALE
        kept.record = kept.record._replace(events=write.events, needs=write.needs)
        kept.applied = write.applied
        state.keep(key, kept)
        due = state.due.setdefault(key.partition, {})
        due.pop(key.record, None)
        if write.due_at_s is not None:
            due[key.record] = write.due_at_s
        for report in write.reports:
            state.append(Stream.EVENTS, key.partition, "r", report)
        return FoldState.APPLIED

    async def trim(self, partition: int, *, archived: str, kept_since_ms: int, deadline: float) -> Trimmed:
        self._state.check()
        lease = self._state.leases.get(partition, Lease())
        upto = min(lease.position, archived, f"{kept_since_ms}-0", key=place)
        removed = self._state.trim(Stream.EVENTS, partition, upto)
        return Trimmed(removed, len(self._state.streams.get((Stream.EVENTS, partition), ())), None)

    async def ask_rebuild(self, partition: int, records: Sequence[str], *, deadline: float) -> str:
        self._state.check()
        self._state.append(Stream.EVENTS, partition, "b", encode_names(records))
        return self._state.streams[Stream.EVENTS, partition][-1].id

    async def lay_past(self, key: CustomerKey, past: bytes, *, deadline: float) -> None:
        self._state.check()
        self._state.pasts[key] = past

    async def past(self, key: CustomerKey, *, deadline: float) -> bytes | None:
        self._state.check()
        return self._state.pasts.get(key)

    async def drop_past(self, key: CustomerKey, *, deadline: float) -> None:
        self._state.check()
        self._state.pasts.pop(key, None)

    async def wake_due(self, owned: Ownership, now_s: int, *, count: int, deadline: float) -> int:
        if self._owned(owned.partition, owned.epoch) is None:
            return 0
        due = self._state.due.setdefault(owned.partition, {})
        woken = sorted((at_s, record) for record, at_s in due.items() if at_s <= now_s)[:count]
        for _, record in woken:
            del due[record]
            self._state.append(Stream.EVENTS, owned.partition, "t", record.encode())
        return len(woken)


class MemoryRecordStore:
    """`RecordStore` in memory."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def load(self, records: Sequence[LoadedRecord]) -> None:
        self._state.check()
        for loaded in records:
            self._load(loaded)

    def _load(self, loaded: LoadedRecord) -> None:
        key = key_of(loaded.customer)
        kept = self._state.kept(key)
        was = kept.record
        if was.moved_to is not None:
            return
        fills_contacts = bool(loaded.contacts) and was.contacts is None
        fills_consent = bool(loaded.consent) and was.consent is None
        kept.record = was._replace(
            owner=loaded.customer.encode(),
            profile=loaded.profile,
            events=loaded.events or None if was.events is None else was.events,
            needs=loaded.needs or None if was.needs is None else was.needs,
            contacts=loaded.contacts if fills_contacts else was.contacts,
            contacts_version=was.contacts_version + fills_contacts,
            consent=loaded.consent if fills_consent else was.consent,
            consent_version=was.consent_version + fills_consent,
            outcome_count=was.outcome_count or loaded.outcome_count,
        )
        self._state.keep(key, kept)

    async def identify(self, customers_by_identity: Mapping[Identity, Sequence[CustomerId]]) -> None:
        self._state.check()
        for identity, customers in customers_by_identity.items():
            self._state.identities[identity] = encode_customers(customers)

    async def put_schema(self, schema_hash: int, columns: bytes) -> None:
        self._state.check()
        self._state.schemas[schema_hash] = columns

    async def schemas(self) -> Sequence[bytes]:
        self._state.check()
        return list(self._state.schemas.values())

    async def put_layout(self, layout_hash: int, filters: bytes) -> None:
        self._state.check()
        self._state.layouts[layout_hash] = filters

    async def begin_folding(self, layout_hash: int, now_s: int) -> None:
        self._state.check()
        if self._state.folding_now != layout_hash:
            self._state.folding_now = layout_hash
            self._state.folded_since[layout_hash] = now_s

    async def layouts(self) -> Sequence[StoredLayout]:
        self._state.check()
        since = self._state.folded_since
        return [StoredLayout(filters, since.get(each)) for each, filters in self._state.layouts.items()]


class MemoryHealth:
    """`StoreHealth` in memory."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def status(self) -> StoreStatus:
        return StoreStatus(available=self._state.available, durability="always", memory_used_share=None)
