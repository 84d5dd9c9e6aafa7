"""Where entries go that are not folded here: aside, for a person to look at, or to the record that theirs became."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from api.entries import EventEntry, QuarantineEntry, encode_entry
from api.ports import Arrival, CustomerKey, Journal, Stream
from api.telemetry import Metrics
from api.worker.partitions import CALL_S

Placed = tuple[str, EventEntry | None]
"""An event and its place in the stream; None stands for a timer, and for the wish to rebuild."""
_log = logging.getLogger(__name__)


class Aside:
    """Appends what the worker cannot fold to other streams, each entry once.

    All methods raise `StoreUnavailable` where the store went away; the entries are read again then.
    """

    def __init__(self, journal: Journal, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._journal = journal
        self._metrics = metrics
        self._clock = clock

    async def put(self, partition: int, place: str, reason: str, body: bytes) -> None:
        """Keep an event for a person to look at; the entry's place makes sure that it is kept once."""
        aside = encode_entry(QuarantineEntry(reason, body, int(self._clock() * 1_000), taken=True))
        await self._append(Stream.QUARANTINE, partition, [Arrival("worker", f"{partition}:{place}", aside)])
        self._metrics.folded.add((reason,))
        _log.warning("an event was put aside: %s", reason)

    async def put_all(self, partition: int, entries: Sequence[Placed], reason: str) -> None:
        """Keep the events among some entries for a person to look at."""
        for place, entry in entries:
            if entry is not None:
                await self.put(partition, place, reason, encode_entry(entry))

    async def forward(self, to: CustomerKey, entries: Sequence[Placed]) -> None:
        """Append a merged customer's events to the stream of the one they are now."""
        arrivals = [
            Arrival(entry.source, entry.id, encode_entry(replace(entry, record=to.record)))
            for _, entry in entries
            if entry is not None
        ]
        if arrivals:
            await self._append(Stream.EVENTS, to.partition, arrivals)
            self._metrics.folded.add(("forwarded",), len(arrivals))

    async def _append(self, stream: Stream, partition: int, arrivals: Sequence[Arrival]) -> None:
        deadline_ms = int((self._clock() + CALL_S) * 1_000)
        deadline = asyncio.get_running_loop().time() + CALL_S
        await self._journal.append_once(stream, partition, arrivals, deadline_ms=deadline_ms, deadline=deadline)
