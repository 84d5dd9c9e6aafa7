"""What a stream of events still knows of the past, and the event state that follows from it.

The stream holds everything that was taken in, each event perhaps more than once: it counts by its source and id.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from api.entries import EventEntry, decode_event
from api.ports import FIRST, Journal, Stream
from api.worker.folding import Poison, as_event
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
    whole: bool
    """Whether nothing was ever removed from it."""


def names_in(body: bytes) -> Sequence[str]:
    """The records that an entry of kind `b` names.

    Raises:
        ValueError: it names none.
    """
    try:
        return _decode_names(body)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


async def past_of(journal: Journal, partition: int, records: Collection[str], until: str) -> Past:
    """Read a partition's stream up to a place, its end included.

    Raises:
        StoreUnavailable: the store went away.
    """
    by_record: dict[str, list[EventEntry]] = {record: [] for record in records}
    first_ms, position = None, FIRST
    whole = await journal.whole(Stream.EVENTS, partition)
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
    return Past(by_record=by_record, since_s=(first_ms or 0) // 1_000, whole=whole)


def with_past(plan: Plan, snapshot: Snapshot, past: Past, record: str) -> Snapshot:
    """A snapshot whose event state holds everything that the stream knows; what came from elsewhere stays.

    What cannot be read under the rules, and what was put aside as lying in the future, counts no more than it did.
    """
    kept, layout = snapshot.events, plan.event_layout
    began_here = not snapshot.known if kept is None else kept[KEPT_SINCE] == 0
    state = layout.empty(0 if began_here and past.whole else past.since_s)
    seen = set()
    for entry in past.by_record[record]:
        if (entry.source, entry.id) in seen:
            continue
        with suppress(Poison):
            state = layout.fold(state, as_event(plan, entry, entry.received_ms // 1_000))
            seen.add((entry.source, entry.id))
    return replace(snapshot, events=state if kept is None else layout.joined(kept, state))
