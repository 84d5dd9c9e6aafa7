"""What there is to fold: the entries of a partition, by the record that they change."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from api.entries import decode_event
from api.ports import CustomerKey, Entry, EventStore, Journal, Ownership
from api.worker.aside import Aside, Placed
from api.worker.past import Past, names_in, past_of

TIMER: Final = "t"
REBUILD: Final = "b"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be folded into one record."""

    owned: Ownership
    key: CustomerKey
    entries: Sequence[Placed]
    past: Past | None
    """What is known of the record from stream and archive, if it is to be rebuilt."""


async def works_of(
    owned: Ownership, entries: Sequence[Entry], journal: Journal, events: EventStore, aside: Aside
) -> list[Work]:
    """What is to be folded of a partition's entries; what is no event is put aside.

    Raises:
        StoreUnavailable: the store went away.
    """
    by_record = await _by_record(owned.partition, entries, aside)
    again = _to_rebuild(entries)
    for record in again:
        # At the end of the batch, since the past holds all of it.
        by_record.setdefault(record, []).append((entries[-1].id, None))
    past = await past_of(journal, events, owned.partition, again, entries[-1].id) if again else None
    return [
        Work(
            owned=owned,
            key=CustomerKey(owned.partition, record),
            entries=placed,
            past=past if past is not None and record in past.by_record else None,
        )
        for record, placed in by_record.items()
    ]


def asks_to_rebuild(entries: Sequence[Entry]) -> bool:
    """Whether all that is known of some records has to be read, which takes many trips to the store."""
    return any(entry.kind == REBUILD for entry in entries)


async def each_of(calls: Sequence[Callable[[], Coroutine[None, None, T]]], *, together: bool) -> list[T]:
    """What each call gives, in order.

    One after the other, unless they wait for somebody, since tasks of their own cost as much as most of them.
    """
    if not together:
        return [await call() for call in calls]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call()) for call in calls]
    return [task.result() for task in tasks]


def _to_rebuild(entries: Sequence[Entry]) -> set[str]:
    again: set[str] = set()
    for entry in entries:
        if entry.kind == REBUILD:
            with suppress(ValueError):
                again.update(names_in(entry.body))
    return again


async def _by_record(partition: int, entries: Sequence[Entry], aside: Aside) -> dict[str, list[Placed]]:
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
            await aside.put(partition, entry.id, "unreadable", entry.body)
        else:
            by_record.setdefault(event.record, []).append((entry.id, event))
    return by_record
