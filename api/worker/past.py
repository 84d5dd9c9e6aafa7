"""What a stream of events and the archive behind it know of the past, and the event state that follows from it.

Together they hold everything that was taken in, each event perhaps more than once: it counts by its source and id.
Who asks for a rebuild lays beside the record what the archive knows of it.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

import msgspec

from api.entries import ArchivedPast, EventEntry, decode_event, decode_past
from api.ports import FIRST, CustomerKey, EventStore, Journal, Stream
from api.worker.folding import Poison, as_event
from api.worker.partitions import CALL_S
from api.worker.places import place_of
from engine.decision import Snapshot
from engine.events import KEPT_SINCE
from engine.plan import Plan

READ_AT_ONCE: Final = 500
_decode_names: Final = msgspec.msgpack.Decoder(list[str]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Every event of some records in their partition's stream, up to a place."""

    by_record: dict[str, list[EventEntry]]
    since_s: int
    """When the first entry came that the stream still has."""
    removed: int
    """How many entries were ever removed from it."""
    archived: Mapping[str, ArchivedPast] = field(default_factory=dict)
    """What the archive knows, by record."""

    def archive_of(self, record: str) -> ArchivedPast | None:
        """What the archive knows of a record, if nothing lies between it and the stream."""
        archived = self.archived.get(record)
        return archived if archived is not None and self.removed <= archived.through else None


def names_in(body: bytes) -> Sequence[str]:
    """The records that an entry of kind `b` names.

    Raises:
        ValueError: it names none.
    """
    try:
        return _decode_names(body)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


async def past_of(journal: Journal, events: EventStore, partition: int, records: Collection[str], until: str) -> Past:
    """Read a partition's stream up to a place, its end included, and what was laid beside the records.

    Raises:
        StoreUnavailable: the store went away.
    """
    by_record: dict[str, list[EventEntry]] = {record: [] for record in records}
    first_ms, position = None, FIRST
    while place_of(position) < place_of(until):
        entries = (await journal.read(Stream.EVENTS, {partition: position}, count=READ_AT_ONCE)).get(partition)
        if not entries:
            break
        first_ms = first_ms or place_of(entries[0].id)[0]
        position = entries[-1].id
        for entry in entries:
            if entry.kind == "r" and place_of(entry.id) <= place_of(until):
                with suppress(ValueError):
                    event = decode_event(entry.body)
                    if event.record in by_record:
                        by_record[event.record].append(event)
    # Counted after reading: what was removed meanwhile was perhaps not read, and has to be in the archive.
    removed = await journal.removed(Stream.EVENTS, partition)
    archived = {}
    for record in by_record:
        deadline = asyncio.get_running_loop().time() + CALL_S
        laid = await events.past(CustomerKey(partition, record), deadline=deadline)
        if laid is not None:
            with suppress(ValueError):
                archived[record] = decode_past(laid)
    return Past(by_record=by_record, since_s=(first_ms or 0) // 1_000, removed=removed, archived=archived)


def with_past(plan: Plan, snapshot: Snapshot, past: Past, record: str) -> Snapshot:
    """A snapshot whose event state holds everything that stream and archive know; what came from elsewhere stays.

    What cannot be read under the rules, and what was put aside as lying in the future, counts no more than it did.
    """
    kept, layout = snapshot.events, plan.event_layout
    began_here = not snapshot.known if kept is None else kept[KEPT_SINCE] == 0
    state = layout.empty(_since_s(past, record, began_here=began_here))
    seen = set()
    for entry in chain(_archived(past, record), past.by_record[record]):
        if (entry.source, entry.id) in seen:
            continue
        with suppress(Poison):
            state = layout.fold(state, as_event(plan, entry, entry.received_ms // 1_000))
            seen.add((entry.source, entry.id))
    return replace(snapshot, events=state if kept is None else layout.joined(kept, state))


def _since_s(past: Past, record: str, *, began_here: bool) -> int:
    archived = past.archive_of(record)
    if past.removed and archived is not None:
        return 0 if began_here and archived.whole else archived.since_s
    return 0 if began_here and not past.removed else past.since_s


def _archived(past: Past, record: str) -> Iterator[EventEntry]:
    """The events that the archive has; also across a gap, since what happened happened."""
    archived = past.archived.get(record)
    for body in () if archived is None else archived.bodies:
        with suppress(ValueError):
            yield decode_event(body)
