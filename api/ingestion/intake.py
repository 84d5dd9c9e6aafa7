"""Checks events by the catalogue and appends each once to its customer's stream, or puts it aside with a reason."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from api.deadline import FUTURE_S, Deadline
from api.entries import EventEntry, QuarantineEntry, encode_entry
from api.forms import EventForm, EventStatus
from api.ports import Arrival, CustomerKey, CustomerStore, Identity, Journal, Stream, key_of, key_of_unknown
from api.problems import Problem, ProblemType, escaped
from engine.errors import FactError
from engine.ids import EventName
from engine.need_events import NEED_EVENTS
from engine.plan import Catalogue

DIRECT_SCHEME: Final = "customer_id"
OLDEST_S: Final = 7 * 86_400
"""Duplicates are known for so long; an older event may have counted before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedEvent:
    """An event on its way into a stream; `reason` when it is to be put aside."""

    key: CustomerKey
    entry: EventEntry
    reason: str | None

    def status(self, *, new: bool) -> EventStatus:
        """How it was taken."""
        return "duplicate" if not new else "quarantined" if self.reason else "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Something that is to be appended to one partition's stream, once."""

    stream: Stream
    partition: int
    arrival: Arrival


class EventIntake:
    """The one way by which events come into the streams; durable once `append` returns."""

    def __init__(self, customers: CustomerStore, journal: Journal) -> None:
        self._customers = customers
        self._journal = journal

    async def check(self, catalogue: Catalogue, form: EventForm, deadline: Deadline) -> CheckedEvent:
        """Whose event it is, and whether it can be folded.

        Raises:
            Problem: it does not fit the catalogue.
            StoreUnavailable: nobody can tell now whose it is.
        """
        return await self.check_entry(catalogue, entry_of(form, deadline.now_ms), deadline)

    async def check_entry(self, catalogue: Catalogue, entry: EventEntry, deadline: Deadline) -> CheckedEvent:
        """As `check`, of an event that was received before; its record may be any `scheme:value`, or a customer id.

        Raises:
            Problem: it does not fit the catalogue.
            StoreUnavailable: nobody can tell now whose it is.
        """
        see_that_it_fits(catalogue, entry)
        scheme, colon, value = entry.record.partition(":")
        identity = Identity(scheme, value) if colon else Identity(DIRECT_SCHEME, entry.record)
        customers = (await self._customers.resolve([identity], deadline=deadline.deadline)).customers
        key = key_of(customers[0]) if len(customers) == 1 else key_of_unknown(identity)
        return CheckedEvent(
            key=key,
            entry=replace(entry, record=key.record),
            reason=_reason_to_put_aside(len(customers), entry, deadline.now_ms),
        )

    async def take(self, checked: Sequence[CheckedEvent], deadline: Deadline) -> list[bool]:
        """Append each event to its stream; for each whether it was new.

        Raises:
            StoreUnavailable: some may not be in their stream; taken again they count once.
        """
        return await self.append([placed(each) for each in checked], deadline)

    async def append(self, all_placed: Sequence[Placed], deadline: Deadline) -> list[bool]:
        """Append what has its place already, those of one stream in the order given.

        Raises:
            StoreUnavailable: as in `take`.
        """
        by_destination: dict[tuple[Stream, int], list[int]] = {}
        for position, each in enumerate(all_placed):
            by_destination.setdefault((each.stream, each.partition), []).append(position)
        new = [False] * len(all_placed)

        async def append_there(where: tuple[Stream, int], positions: Sequence[int]) -> None:
            arrivals = [all_placed[position].arrival for position in positions]
            found = await self._journal.append_once(
                *where, arrivals, deadline_ms=deadline.deadline_ms, deadline=deadline.deadline
            )
            for position, was_new in zip(positions, found, strict=True):
                new[position] = was_new

        await asyncio.gather(*(append_there(*each) for each in by_destination.items()))
        return new


def entry_of(form: EventForm, received_ms: int) -> EventEntry:
    """An event as it came, before anybody knows whose it is."""
    return EventEntry(
        record=form.subject,
        source=form.source,
        id=form.id,
        type=form.type,
        at_ms=received_ms if form.time is None else int(form.time.timestamp() * 1_000),
        received_ms=received_ms,
        data=form.data,
    )


def see_that_it_fits(catalogue: Catalogue, entry: EventEntry) -> None:
    """Check type and fields.

    Raises:
        Problem: the catalogue does not know the type, or a field does not fit.
    """
    spec = catalogue.events.get(EventName(entry.type))
    if entry.type in NEED_EVENTS:
        message = "`type` is what nextbest reports itself; it is not taken from elsewhere"
        raise Problem(ProblemType.INVALID_EVENT, message, pointer="/type")
    if spec is None:
        raise Problem(ProblemType.UNKNOWN_EVENT_TYPE, "`type` is not an event of the catalogue", pointer="/type")
    try:
        spec.hold(entry.data)
    except FactError as error:
        pointer = f"/data/{escaped(error.fact)}"
        raise Problem(ProblemType.INVALID_EVENT, f"`data.{error.fact}` {error.problem}", pointer=pointer) from error


def _reason_to_put_aside(customers: int, entry: EventEntry, now_ms: int) -> str | None:
    """Why an event that fits must wait for a person; None: it need not."""
    if customers > 1:
        return "identity_ambiguous"
    if entry.at_ms > now_ms + 1_000 * FUTURE_S:
        return "in_the_future"
    if entry.at_ms < entry.received_ms - 1_000 * OLDEST_S:
        return "too_old"
    return None


def placed(checked: CheckedEvent) -> Placed:
    """Where a checked event goes, and what stands there of it."""
    entry, body = checked.entry, encode_entry(checked.entry)
    stream = Stream.EVENTS
    if checked.reason is not None:
        stream, body = Stream.QUARANTINE, encode_entry(QuarantineEntry(checked.reason, body, entry.received_ms))
    return Placed(stream=stream, partition=checked.key.partition, arrival=Arrival(entry.source, entry.id, body))
