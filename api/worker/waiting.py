"""Counts what lies in the partitions that this worker owns: events, those put aside for a person, orders not taken."""

from collections.abc import Callable
from time import time
from typing import Final

from api.ports import FIRST, Journal, Stream
from api.telemetry import Metrics
from api.worker.partitions import Partitions

EACH_S: Final = 60.0


class WaitingCount:
    """Keeps the metrics of what waits, once a minute."""

    def __init__(
        self, journal: Journal, partitions: Partitions, metrics: Metrics, clock: Callable[[], float] = time
    ) -> None:
        self._journal = journal
        self._partitions = partitions
        self._metrics = metrics
        self._clock = clock
        self._counted_at = 0.0
        self._counted: set[int] = set()

    async def step(self) -> None:
        """Count, if it is time to, or other partitions are ours than were counted.

        Raises:
            StoreUnavailable: the store went away.
        """
        owned, now_s = list(self._partitions.positions), self._clock()
        if self._counted == set(owned) and now_s - self._counted_at < EACH_S:
            return
        metrics = self._metrics
        metrics.events_kept.set((), sum(await self._journal.lengths(Stream.EVENTS, owned)))
        metrics.quarantined.set((), sum(await self._journal.lengths(Stream.QUARANTINE, owned)))
        first = await self._journal.read(Stream.FULFILMENT, dict.fromkeys(owned, FIRST), count=1)
        metrics.orders_waiting.set((), sum(await self._journal.lengths(Stream.FULFILMENT, list(first))))
        oldest_ms = min((int(entries[0].id.partition("-")[0]) for entries in first.values()), default=None)
        metrics.order_age.set((), 0.0 if oldest_ms is None else max(0.0, now_s - oldest_ms / 1_000))
        self._counted_at, self._counted = now_s, set(owned)
