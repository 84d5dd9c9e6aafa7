"""Carries events from topics into the partitions' streams: append first, then commit the offset.

Whatever dies between the two leaves messages that come again, and an event that comes again counts once. A message that
is no event of the catalogue is put aside, since nobody is there to be refused: the topic never stops.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from api.deadline import Deadline
from api.entries import QuarantineEntry, encode_entry
from api.faults import log_fault
from api.forms import EventForm
from api.ingestion.intake import CheckedEvent, EventIntake, Placed, placed
from api.ingestion.kafka_messages import Message, as_cloudevent
from api.ingestion.topics import Topics, TopicsUnavailable
from api.parsing import as_form, as_json
from api.ports import PARTITIONS, Arrival, StoreUnavailable, Stream
from api.problems import Problem, ProblemType
from api.telemetry import Metrics
from engine.contacts import hash32
from engine.ids import EventName
from engine.plan import Catalogue

AGAIN_S: Final = 0.5
"""Between two tries while the store or the brokers are away."""
TAKE_WITHIN_MS: Final = 5_000
MAX_BYTES: Final = 65_536
"""Of one event; of a longer one the beginning is kept for a person to look at."""
SHOWN_BYTES: Final = 4_096
UNREADABLE: Final = "unreadable"
_log = logging.getLogger(__name__)


class FromTopics:
    """Reads topics for as long as it runs."""

    def __init__(
        self,
        *,
        topics: Topics,
        intake: EventIntake,
        catalogue: Callable[[], Catalogue],
        full: Callable[[], bool],
        metrics: Metrics,
    ) -> None:
        """`catalogue` is that of the bundle that serves; nothing is read while the store is `full`."""
        self._topics = topics
        self._intake = intake
        self._catalogue = catalogue
        self._full = full
        self._metrics = metrics
        self._away = False

    async def run(self) -> None:
        """Read for ever."""
        while True:
            try:
                await self.step()
                self._away = False
            except TopicsUnavailable as error:
                self._note_away("Kafka cannot be read: %s", error)
                await asyncio.sleep(AGAIN_S)

    async def step(self) -> int:
        """Take one batch in; says how many messages are done.

        Raises:
            TopicsUnavailable: nothing could be read or noted; what was taken in comes again and counts once.
        """
        if self._full():
            await asyncio.sleep(AGAIN_S)
            return 0
        messages = await self._topics.read()
        self._metrics.kafka_lag.set((), self._topics.behind())
        if not messages:
            return 0
        await self._until_taken(messages)
        await self._topics.commit(messages)
        return len(messages)

    async def _until_taken(self, messages: Sequence[Message]) -> None:
        """Append what a batch holds, again and again until the store has it: what is not durable is not committed."""
        while True:
            try:
                await self._take(messages)
                return
            except StoreUnavailable:
                self._metrics.store_failures.add(("kafka",))
                self._note_away("The store does not answer: %s wait in Kafka until it does.", "events")
            except Exception as error:  # noqa: BLE001 - the offset stays where it is, and the batch is tried again
                log_fault(_log, "taking events in", error)
            await asyncio.sleep(AGAIN_S)

    async def _take(self, messages: Sequence[Message]) -> None:
        deadline = Deadline.within(TAKE_WITHIN_MS)
        judged = await asyncio.gather(*(self._judge(message, deadline) for message in messages))
        new = await self._intake.append([where for where, _, _ in judged], deadline)
        for (_, kind, checked), is_new in zip(judged, new, strict=True):
            refused = "quarantined" if is_new else "duplicate"
            status = refused if checked is None else checked.status(new=is_new)
            self._metrics.events.add((kind, status))

    async def _judge(self, message: Message, deadline: Deadline) -> tuple[Placed, str, CheckedEvent | None]:
        """Where a message goes, of which type it is, and the event that it holds, if it holds one."""
        body = as_cloudevent(message)
        form: EventForm | None = None
        catalogue = self._catalogue()
        if len(body) > MAX_BYTES:
            return _aside(message, body, ProblemType.BODY_TOO_LARGE, deadline.now_ms), UNREADABLE, None
        try:
            form = as_form(EventForm, as_json(body))
            checked = await self._intake.check(catalogue, form, deadline)
            return placed(checked), form.type, checked
        except Problem as problem:
            known = form is not None and EventName(form.type) in catalogue.events
            kind = form.type if form is not None and known else UNREADABLE
            return _aside(message, body, problem.kind, deadline.now_ms), kind, None

    def _note_away(self, text: str, what: object) -> None:
        if not self._away:
            _log.warning(text, what)
        self._away = True


def _aside(message: Message, body: bytes, reason: ProblemType, now_ms: int) -> Placed:
    """A message that is no event, in a partition of its own, named by where it stood."""
    name = f"{message.partition}:{message.offset}"
    kept = body if len(body) <= MAX_BYTES else body[:SHOWN_BYTES]
    entry = encode_entry(QuarantineEntry(reason.value, kept, now_ms))
    return Placed(
        stream=Stream.QUARANTINE,
        partition=hash32(f"{message.topic}:{name}") % PARTITIONS,
        arrival=Arrival(f"kafka:{message.topic}", name, entry),
    )
