"""Folds the events of owned partitions into customers' records: read, group by record, fold, store, advance."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from time import time
from typing import Final

from msgspec.structs import replace

from api.adapters.records import encode_events, encode_needs
from api.entries import EventEntry, QuarantineEntry, decode_event, encode_entry
from api.faults import log_fault
from api.needs import row_of
from api.ports import (
    Arrival,
    CustomerKey,
    Entry,
    EventStore,
    FoldRecord,
    FoldState,
    FoldWrite,
    Journal,
    Ownership,
    StoredRecord,
    Stream,
    key_of,
)
from api.serving import RecordUnreadable, SnapshotReader
from api.telemetry import Metrics
from api.worker.folding import Folded, Poison, advanced, as_event, fold, reports_of, settled
from api.worker.inference.needs import Needs
from api.worker.newcomers import Newcomers
from api.worker.partitions import Partitions
from api.worker.past import Past, names_in, past_of, with_past
from api.worker.places import place_of
from engine.decision import Snapshot
from engine.events import Event
from engine.need_events import NEED_EVENTS
from engine.plan import Plan

READ_AT_MOST: Final = 20
"""Entries of one partition in one step: 20,000 of all, some megabytes."""
AT_ONCE: Final = 128
"""Partitions that are folded at the same time: with as many customers as entries, no more calls than a node queues."""
NOTE_EACH_S: Final = 0.5
"""How far partitions are done is noted so often, and when there is nothing to do. Whoever dies leaves no more to be
read again, and the records themselves tell what was applied."""
CALL_S: Final = 2.0
MAX_TRIES: Final = 5
EVENT: Final = "r"
TIMER: Final = "t"
REBUILD: Final = "b"
Placed = tuple[str, EventEntry | None]
"""An event and its place in the stream; None stands for a timer, and for the wish to rebuild."""
_log = logging.getLogger(__name__)


class _Fenced(Exception):
    """The partition belongs to somebody else now."""


class Consumer:
    """Folds events under the plan of the bundle that serves."""

    def __init__(
        self,
        *,
        plan: Plan,
        reader: SnapshotReader,
        learn: Callable[[], Awaitable[None]],
        journal: Journal,
        events: EventStore,
        partitions: Partitions,
        metrics: Metrics,
        needs: Needs | None = None,
        newcomers: Newcomers | None = None,
        clock: Callable[[], float] = time,
    ) -> None:
        """`learn` makes the reader know the profile schemas and event layouts that the store keeps.

        Without `needs`, the generated code alone infers them; without `newcomers`, nobody waits for who is not known.
        """
        self._plan = plan
        self._reader = reader
        self._learn = learn
        self._journal = journal
        self._events = events
        self._partitions = partitions
        self._metrics = metrics
        self._needs = needs
        self._newcomers = newcomers
        self._clock = clock
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._note_at = 0.0

    def take_up(self, plan: Plan, reader: SnapshotReader) -> None:
        """Fold under another plan from the next step on; called between two steps, so that none sees both."""
        self._plan, self._reader = plan, reader

    async def step(self, wait_s: float) -> int:
        """Fold what there is, waiting up to `wait_s` for the first event; says how many entries are done.

        Raises:
            StoreUnavailable: the store went away; what was not noted as done is read again.
        """
        entries_by_partition = await self._read_entries(wait_s=0.0)
        if not entries_by_partition or asyncio.get_running_loop().time() >= self._note_at:
            self._note_at = asyncio.get_running_loop().time() + NOTE_EACH_S
            await self._partitions.note()
        if not entries_by_partition:
            entries_by_partition = await self._read_entries(wait_s=wait_s)
        self._metrics.event_lag.set((), self._lag_s(entries_by_partition))
        async with asyncio.TaskGroup() as group:
            for partition, entries in entries_by_partition.items():
                group.create_task(self._fold_partition(partition, entries))
        return sum(map(len, entries_by_partition.values()))

    async def _read_entries(self, wait_s: float) -> Mapping[int, Sequence[Entry]]:
        return await self._journal.read(Stream.EVENTS, self._partitions.positions, count=READ_AT_MOST, wait_s=wait_s)

    def _lag_s(self, entries_by_partition: Mapping[int, Sequence[Entry]]) -> float:
        oldest = min((place_of(entries[0].id)[0] for entries in entries_by_partition.values() if entries), default=None)
        return 0.0 if oldest is None else max(0.0, self._clock() - oldest / 1_000)

    async def _fold_partition(self, partition: int, entries: Sequence[Entry]) -> None:
        owned = self._partitions.owned(partition)
        if owned is None:
            return
        async with self._at_once:
            by_record = await self._by_record(partition, entries)
            past = await self._past(partition, entries, by_record)
            if await self._fold_records(owned, by_record, past):
                self._partitions.advance(partition, entries[-1].id)
            else:
                self._partitions.lose(partition)

    async def _past(self, partition: int, entries: Sequence[Entry], by_record: dict[str, list[Placed]]) -> Past | None:
        """What is known of the records that are to be rebuilt, which are put with the others; None: of none."""
        again: set[str] = set()
        for entry in entries:
            if entry.kind == REBUILD:
                with suppress(ValueError):
                    again.update(names_in(entry.body))
        for record in again:
            # At the end of the batch, since the past holds all of it.
            by_record.setdefault(record, []).append((entries[-1].id, None))
        return await past_of(self._journal, self._events, partition, again, entries[-1].id) if again else None

    async def _fold_records(
        self, owned: Ownership, by_record: Mapping[str, Sequence[Placed]], past: Past | None
    ) -> bool:
        """Whether the partition is still ours after folding all of them."""
        still_ours = True
        try:
            async with asyncio.TaskGroup() as group:
                for record, entries in by_record.items():
                    key = CustomerKey(owned.partition, record)
                    again = past if past is not None and record in past.by_record else None
                    group.create_task(self._fold_record(owned, key, entries, again))
        except* _Fenced:
            still_ours = False
        return still_ours

    async def _by_record(self, partition: int, entries: Sequence[Entry]) -> dict[str, list[Placed]]:
        """The readable events, by record."""
        by_record: dict[str, list[Placed]] = {}
        for entry in entries:
            if entry.kind == REBUILD:
                continue
            if entry.kind == TIMER:
                by_record.setdefault(entry.body.decode(), []).append((entry.id, None))
                continue
            try:
                event = decode_event(entry.body)
            except ValueError:
                await self._put_aside(partition, entry.id, "unreadable", entry.body)
            else:
                by_record.setdefault(event.record, []).append((entry.id, event))
        return by_record

    async def _fold_record(
        self, owned: Ownership, key: CustomerKey, entries: Sequence[Placed], past: Past | None
    ) -> None:
        """Fold one record's entries, again from the start when somebody else changed it in between."""
        for _ in range(MAX_TRIES):
            deadline = self._deadline()
            (held,) = await self._events.records([key], deadline=deadline)
            if held.record.moved_to is not None:
                await self._forward(key_of(held.record.moved_to.decode()), entries)
                return
            fresh = [each for each in entries if place_of(each[0]) > place_of(held.applied)]
            if not fresh or await self._fold_fresh(owned, key, held, fresh, past):
                return
        await self._put_all_aside(key.partition, entries, "contended")

    async def _fold_fresh(
        self,
        owned: Ownership,
        key: CustomerKey,
        held: FoldRecord,
        fresh: Sequence[Placed],
        past: Past | None,
    ) -> bool:
        """Fold what the record has not seen, or all of its past where there is one; False: it has to be read again."""
        snapshot = await self._read(held)
        if snapshot is None and past is not None:
            snapshot = await self._read(held._replace(record=held.record._replace(events=None)))
        if snapshot is None:
            await self._put_all_aside(key.partition, fresh, "record_unreadable")
            return True
        if self._newcomers is not None and not snapshot.known:
            await self._newcomers.note(key)
        now_s = int(self._clock())
        events = await self._sound(key.partition, fresh, now_s)
        if past is not None:
            snapshot, events = with_past(self._plan, snapshot, past, key.record), []
            self._metrics.folded.add(("rebuilt",))
        try:
            folded = await self._folded(key, snapshot, events, now_s)
        except Exception as error:  # noqa: BLE001 - one record that cannot be folded must not stop all others
            log_fault(_log, "folding events", error)
            await self._put_all_aside(key.partition, fresh, "fold_failed")
            return True
        write = FoldWrite(
            deadline_ms=int((self._clock() + CALL_S) * 1_000),
            epoch=owned.epoch,
            applied_before=held.applied,
            applied=fresh[-1][0],
            events=encode_events((self._plan.event_layout, folded.events)),
            needs=encode_needs(folded.needs),
            due_at_s=folded.due_at_s,
            reports=reports_of(folded, key.record, now_s),
        )
        match await self._events.fold(key, write, deadline=self._deadline()):
            case FoldState.APPLIED:
                self._count(folded, len(events))
                if past is not None and key.record in past.archived:
                    await self._events.drop_past(key, deadline=self._deadline())
                return True
            case FoldState.FENCED:
                raise _Fenced
            case FoldState.STALE | FoldState.MOVED:
                return False

    async def _folded(self, key: CustomerKey, snapshot: Snapshot, events: Sequence[Event], now_s: int) -> Folded:
        if self._needs is None:
            return fold(self._plan, snapshot, events, now_s)
        after = advanced(self._plan, snapshot, events, now_s)
        row = row_of(self._plan, after, now_s)
        held = await self._needs.held(key.record, self._plan, row)
        return settled(self._plan, snapshot, after, row, now_s, held)

    async def _read(self, held: FoldRecord) -> Snapshot | None:
        """What a record says, asking for schemas and layouts met for the first time; None if it cannot be read."""
        with suppress(RecordUnreadable):
            snapshot = self._now(held.record)
            if snapshot.events is not None or not held.record.events:
                return snapshot
        await self._learn()
        with suppress(RecordUnreadable):
            return self._now(held.record)
        return None

    def _now(self, record: StoredRecord) -> Snapshot:
        """What a record says now, of groups that run for a time among it."""
        if record.memberships is not None:
            record = self._reader.present(record, int(self._clock()))
        return self._reader.read(record)

    async def _sound(self, partition: int, fresh: Sequence[Placed], now_s: int) -> list[Event]:
        """The events that can be folded; the others are put aside."""
        events = []
        for place, entry in fresh:
            if entry is None:
                continue
            try:
                events.append(as_event(self._plan, entry, now_s))
            except Poison as poison:
                if entry.type in NEED_EVENTS:
                    # The rules that declared the need are gone since it was reported.
                    self._metrics.folded.add(("need_no_more",))
                    continue
                await self._put_aside(partition, place, poison.reason, encode_entry(entry))
        return events

    async def _forward(self, to: CustomerKey, entries: Sequence[Placed]) -> None:
        """Append a merged customer's events to the stream of the one they are now."""
        arrivals = [
            Arrival(entry.source, entry.id, encode_entry(replace(entry, record=to.record)))
            for _, entry in entries
            if entry is not None
        ]
        if arrivals:
            await self._append(Stream.EVENTS, to.partition, arrivals)
            self._metrics.folded.add(("forwarded",), len(arrivals))

    async def _put_all_aside(self, partition: int, entries: Sequence[Placed], reason: str) -> None:
        for place, entry in entries:
            if entry is not None:
                await self._put_aside(partition, place, reason, encode_entry(entry))

    async def _put_aside(self, partition: int, place: str, reason: str, body: bytes) -> None:
        """Keep an event for a person to look at; the entry's place makes sure that it is kept once."""
        aside = encode_entry(QuarantineEntry(reason, body, int(self._clock() * 1_000), taken=True))
        await self._append(Stream.QUARANTINE, partition, [Arrival("worker", f"{partition}:{place}", aside)])
        self._metrics.folded.add((reason,))
        _log.warning("an event was put aside: %s", reason)

    async def _append(self, stream: Stream, partition: int, arrivals: Sequence[Arrival]) -> None:
        deadline_ms = int((self._clock() + CALL_S) * 1_000)
        await self._journal.append_once(stream, partition, arrivals, deadline_ms=deadline_ms, deadline=self._deadline())

    def _count(self, folded: Folded, events: int) -> None:
        if events:
            self._metrics.folded.add(("folded",), events)
        for change, needs in (("began", folded.begun), ("ended", folded.ended)):
            for need in needs:
                self._metrics.need_changes.add((need.removeprefix("needs."), change))

    @staticmethod
    def _deadline() -> float:
        return asyncio.get_running_loop().time() + CALL_S
