"""What was put aside: to look at, to take in again once whatever was wrong is put right, or to drop."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from api.deadline import Deadline
from api.entries import EventEntry, decode_event, decode_quarantine
from api.forms import EventForm
from api.ingestion.intake import EventIntake, Placed, entry_of, placed
from api.parsing import as_form, as_json
from api.ports import FIRST, PARTITIONS, Arrival, Entry, Journal, Stream
from api.problems import Problem
from engine.plan import Catalogue

PAGE: Final = 200
RETRY_WITHIN_MS: Final = 5_000
_LAST_SEQUENCE: Final = 2**64 - 1


class AsideId(NamedTuple):
    """What names something that was put aside: `partition:milliseconds-sequence`."""

    partition: int
    entry: str

    def __str__(self) -> str:
        return f"{self.partition}:{self.entry}"

    @classmethod
    def read(cls, text: str) -> Self:
        """The id that a text means.

        Raises:
            ValueError: it is none.
        """
        partition, _, entry = text.partition(":")
        milliseconds, dash, sequence = entry.partition("-")
        if not (dash and all(part.isascii() and part.isdecimal() for part in (partition, milliseconds, sequence))):
            raise ValueError(text)
        if int(partition) >= PARTITIONS or max(int(milliseconds), int(sequence)) > _LAST_SEQUENCE:
            raise ValueError(text)
        return cls(int(partition), entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Something that was put aside, and why."""

    id: AsideId
    reason: str
    put_aside_ms: int
    body: bytes
    taken: bool
    """Whether it was in its stream before."""
    event: EventEntry | None
    """None: it could not be read as an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """What became of another try: `accepted` and `duplicate` are no longer aside, `refused` is, for a reason."""

    status: str
    reason: str | None = None
    detail: str = ""


class Quarantine:
    """The events of all partitions that wait for a person."""

    def __init__(self, journal: Journal, intake: EventIntake) -> None:
        self._journal = journal
        self._intake = intake

    async def everything(self) -> AsyncIterator[Aside]:
        """All that is aside, each partition's oldest first."""
        after = dict.fromkeys(range(PARTITIONS), FIRST)
        while True:
            found = await self._journal.read(Stream.QUARANTINE, after, count=PAGE)
            if not found:
                return
            for partition, entries in found.items():
                for entry in entries:
                    yield _aside(partition, entry)
                after[partition] = entries[-1].id

    async def find(self, wanted: AsideId) -> Aside | None:
        """One of them."""
        before = {wanted.partition: _just_before(wanted.entry)}
        entries = (await self._journal.read(Stream.QUARANTINE, before, count=1)).get(wanted.partition, ())
        return next((_aside(wanted.partition, entry) for entry in entries if entry.id == wanted.entry), None)

    async def drop(self, aside: Aside) -> bool:
        """Remove it for good; False: somebody else was faster."""
        return bool(await self._journal.remove(Stream.QUARANTINE, aside.id.partition, [aside.id.entry]))

    async def retry(self, aside: Aside, catalogue: Catalogue, within_ms: int = RETRY_WITHIN_MS) -> Retried:
        """Take it in as if it came now, but received when it was; it counts once however often this is asked.

        INVARIANT: it is appended before it is removed, and known again should it be appended twice.
        """
        deadline = Deadline.within(within_ms)
        try:
            event = aside.event or _as_event(aside)
            checked = await self._intake.check_entry(catalogue, event, deadline)
        except Problem as problem:
            return Retried(status="refused", reason=problem.kind.value, detail=problem.detail)
        if checked.reason is not None:
            return Retried(status="refused", reason=checked.reason)
        where = placed(checked)
        if aside.taken:
            where = Placed(
                stream=where.stream,
                partition=where.partition,
                arrival=Arrival("quarantine", str(aside.id), where.arrival.body),
            )
        (new,) = await self._intake.append([where], deadline)
        await self.drop(aside)
        return Retried(status=checked.status(new=new))


def _aside(partition: int, entry: Entry) -> Aside:
    kept = decode_quarantine(entry.body)
    try:
        event = decode_event(kept.body)
    except ValueError:
        event = None
    return Aside(
        id=AsideId(partition, entry.id),
        reason=kept.reason,
        put_aside_ms=kept.put_aside_ms,
        body=kept.body,
        taken=kept.taken,
        event=event,
    )


def _as_event(aside: Aside) -> EventEntry:
    """A message that was put aside as it came: perhaps it is an event by now.

    Raises:
        Problem: it is none.
    """
    return entry_of(as_form(EventForm, as_json(aside.body)), aside.put_aside_ms)


def _just_before(entry_id: str) -> str:
    milliseconds, _, sequence = entry_id.partition("-")
    if int(sequence):
        return f"{milliseconds}-{int(sequence) - 1}"
    return f"{int(milliseconds) - 1}-{_LAST_SEQUENCE}" if int(milliseconds) else FIRST
