"""Counts what waits for a person in the partitions that this worker owns, once a minute."""

from collections.abc import Callable
from time import monotonic
from typing import Final

from api.ports import Journal, Stream
from api.telemetry import Metrics
from api.worker.partitions import Partitions

EACH_S: Final = 60.0


class AsideCount:
    """Keeps the metric of events that are put aside."""

    def __init__(
        self, journal: Journal, partitions: Partitions, metrics: Metrics, clock: Callable[[], float] = monotonic
    ) -> None:
        self._journal = journal
        self._partitions = partitions
        self._metrics = metrics
        self._clock = clock
        self._counted_at = -EACH_S

    async def step(self) -> None:
        """Count, if it is time to.

        Raises:
            StoreUnavailable: the store went away.
        """
        owned = list(self._partitions.positions)
        if not owned or self._clock() - self._counted_at < EACH_S:
            return
        self._counted_at = self._clock()
        self._metrics.quarantined.set((), sum(await self._journal.lengths(Stream.QUARANTINE, owned)))
