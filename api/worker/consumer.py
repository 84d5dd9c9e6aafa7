"""Folds the events of owned partitions into customers' records: read, group by record, fold, store, advance."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import time
from typing import Final, NamedTuple

from api.adapters.records import encode_events, encode_needs
from api.entries import encode_entry
from api.faults import log_fault
from api.needs import row_of
from api.ports import (
    PARTITIONS,
    CustomerKey,
    Entry,
    EventStore,
    FoldRecord,
    FoldState,
    FoldWrite,
    Journal,
    StoredRecord,
    Stream,
    key_of,
)
from api.serving import RecordUnreadable, SnapshotReader
from api.telemetry import Metrics
from api.worker.aside import Aside, Placed
from api.worker.folding import Folded, Poison, advanced, as_event, fold, reports_of, settled
from api.worker.inference.needs import Needs
from api.worker.newcomers import Newcomers
from api.worker.partitions import CALL_S, Partitions
from api.worker.past import with_past
from api.worker.places import place_of
from api.worker.works import Work, asks_to_rebuild, each_of, works_of
from engine.decision import Snapshot
from engine.events import Event
from engine.need_events import NEED_EVENTS
from engine.plan import Plan

READ_AT_MOST: Final = 20
"""Entries of one partition in one step: 20,000 of all, some megabytes."""
TOGETHER: Final = 64
"""Records that are read in one trip and written in another."""
AT_ONCE: Final = 8
"""Trips under way: while the store works on some records, others are folded."""
LOOK_EACH_S: Final = 0.004
"""Between two looks at all partitions while events come: what a look costs is spent for some of them together."""
NOTE_EACH_S: Final = 0.5
"""How far a partition is done is noted so often, and when there is nothing to do. Whoever dies leaves no more to be
read again, and the records themselves tell what was applied."""
NOTE_TOGETHER: Final = PARTITIONS // 16
"""Partitions whose place is noted together while events come: no step takes long because of it."""
NOTE_SOME_S: Final = NOTE_EACH_S * NOTE_TOGETHER / PARTITIONS
MAX_TRIES: Final = 5
_log = logging.getLogger(__name__)


class _Made(NamedTuple):
    """A fold that is ready to be stored."""

    work: Work
    write: FoldWrite
    folded: Folded
    events: int


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
        self._aside = Aside(journal, metrics, clock)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._look_at = 0.0
        self._note_at = 0.0
        self._idle = False

    def take_up(self, plan: Plan, reader: SnapshotReader) -> None:
        """Fold under another plan from the next step on; called between two steps, so that none sees both."""
        self._plan, self._reader = plan, reader

    async def step(self, wait_s: float) -> int:
        """Fold what there is, waiting up to `wait_s` for the first event; says how many entries are done.

        Raises:
            StoreUnavailable: the store went away; what was not noted as done is read again.
        """
        await self._note()
        if not self._partitions.all_noted:
            wait_s = min(wait_s, NOTE_SOME_S)
        entries_by_partition = await self._read_entries(wait_s)
        self._idle = not entries_by_partition
        self._metrics.event_lag.set((), self._lag_s(entries_by_partition))
        works = await self._works(entries_by_partition)
        lost: set[int] = set()
        async with asyncio.TaskGroup() as group:
            for at in range(0, len(works), TOGETHER):
                group.create_task(self._fold_together(works[at : at + TOGETHER], lost))
        for partition, entries in entries_by_partition.items():
            if partition in lost:
                self._partitions.lose(partition)
            else:
                self._partitions.advance(partition, entries[-1].id)
        return sum(map(len, entries_by_partition.values()))

    async def _note(self) -> None:
        """Note how far partitions are done: all of them when nothing came, otherwise some when it is time to."""
        now = asyncio.get_running_loop().time()
        if self._idle:
            await self._partitions.note()
        elif now >= self._note_at:
            self._note_at = now + NOTE_SOME_S
            await self._partitions.note(NOTE_TOGETHER)

    async def _read_entries(self, wait_s: float) -> Mapping[int, Sequence[Entry]]:
        loop = asyncio.get_running_loop()
        if wait_s and loop.time() < self._look_at:
            await asyncio.sleep(self._look_at - loop.time())
        self._look_at = loop.time() + LOOK_EACH_S
        return await self._journal.read(Stream.EVENTS, self._partitions.positions, count=READ_AT_MOST, wait_s=wait_s)

    def _lag_s(self, entries_by_partition: Mapping[int, Sequence[Entry]]) -> float:
        oldest = min((place_of(entries[0].id)[0] for entries in entries_by_partition.values() if entries), default=None)
        return 0.0 if oldest is None else max(0.0, self._clock() - oldest / 1_000)

    async def _works(self, entries_by_partition: Mapping[int, Sequence[Entry]]) -> list[Work]:
        """What there is to fold in the partitions that are ours."""
        ours = [
            (owned, entries)
            for partition, entries in entries_by_partition.items()
            if (owned := self._partitions.owned(partition)) is not None
        ]
        found = await each_of(
            [partial(works_of, *each, self._journal, self._events, self._aside) for each in ours],
            together=any(asks_to_rebuild(entries) for _, entries in ours),
        )
        return [work for works in found for work in works]

    async def _fold_together(self, works: Sequence[Work], lost: set[int]) -> None:
        """Fold some records' entries, those again from the start that somebody else changed in between.

        Partitions that turn out to belong to somebody else are added to `lost`.
        """
        async with self._at_once:
            for _ in range(MAX_TRIES):
                works = await self._try(works, lost)
                if not works:
                    return
        for work in works:
            await self._aside.put_all(work.key.partition, work.entries, "contended")

    async def _try(self, works: Sequence[Work], lost: set[int]) -> Sequence[Work]:
        """Read, fold and store once; gives those whose record has to be read again."""
        records = await self._events.records([work.key for work in works], deadline=self._deadline())
        tried = await each_of(
            [partial(self._make, work, held) for work, held in zip(works, records, strict=True)],
            # Inferring asks another process, and who is met for the first time is noted in the store.
            together=(self._needs is not None and self._needs.infers) or any(not held.record.owner for held in records),
        )
        made = [each for each in tried if each is not None]
        if not made:
            return ()
        writes = [(each.work.key, each.write) for each in made]
        again, rebuilt = [], []
        for each, ended in zip(made, await self._events.fold(writes, deadline=self._deadline()), strict=True):
            match ended:
                case FoldState.APPLIED:
                    self._count(each.folded, each.events)
                    if each.work.past is not None and each.work.key.record in each.work.past.archived:
                        rebuilt.append(each.work.key)
                case FoldState.FENCED:
                    lost.add(each.work.key.partition)
                case FoldState.STALE | FoldState.MOVED:
                    again.append(each.work)
        # What was laid beside these records is part of their state now.
        drop = [partial(self._events.drop_past, key, deadline=self._deadline()) for key in rebuilt]
        await each_of(drop, together=True)
        return again

    async def _make(self, work: Work, held: FoldRecord) -> _Made | None:
        """Fold what the record has not seen, or all of its past where there is one; None: nothing is to be stored."""
        if held.record.moved_to is not None:
            await self._aside.forward(key_of(held.record.moved_to.decode()), work.entries)
            return None
        applied = place_of(held.applied)
        fresh = [each for each in work.entries if place_of(each[0]) > applied]
        if not fresh:
            return None
        key, past = work.key, work.past
        snapshot = await self._read(held)
        if snapshot is None and past is not None:
            snapshot = await self._read(held._replace(record=held.record._replace(events=None)))
        if snapshot is None:
            await self._aside.put_all(key.partition, fresh, "record_unreadable")
            return None
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
            await self._aside.put_all(key.partition, fresh, "fold_failed")
            return None
        write = FoldWrite(
            deadline_ms=int((self._clock() + CALL_S) * 1_000),
            epoch=work.owned.epoch,
            applied_before=held.applied,
            applied=fresh[-1][0],
            events=encode_events((self._plan.event_layout, folded.events)),
            needs=encode_needs(folded.needs),
            due_at_s=folded.due_at_s,
            reports=reports_of(folded, key.record, now_s),
        )
        return _Made(work, write, folded, len(events))

    async def _folded(self, key: CustomerKey, snapshot: Snapshot, events: Sequence[Event], now_s: int) -> Folded:
        if self._needs is None or not self._needs.infers:
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
        if record.ties is not None:
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
                await self._aside.put(partition, place, poison.reason, encode_entry(entry))
        return events

    def _count(self, folded: Folded, events: int) -> None:
        if events:
            self._metrics.folded.add(("folded",), events)
        for change, needs in (("began", folded.begun), ("ended", folded.ended)):
            for need in needs:
                self._metrics.need_changes.add((need.removeprefix("needs."), change))

    @staticmethod
    def _deadline() -> float:
        return asyncio.get_running_loop().time() + CALL_S
