"""Which partitions this worker folds: leases taken, renewed in time, and given back at the end."""

import asyncio
import logging
import math
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from api.ports import PARTITIONS, EventStore, Ownership, StoreUnavailable

LEASE_MS: Final = 15_000
RENEW_EVERY_S: Final = 5.0
"""A third of the lease: two renewals may be lost before somebody else takes over."""
CALL_S: Final = 2.0
_log = logging.getLogger(__name__)


class Partitions:
    """The partitions that this worker owns, and how far each is done."""

    def __init__(self, store: EventStore, worker: str, count: int = PARTITIONS) -> None:
        self._store = store
        self._worker = worker
        self._count = count
        self._owned: dict[int, Ownership] = {}
        self._position_by_partition: dict[int, str] = {}
        self._unnoted: dict[int, str] = {}
        self._next = 0
        """The partition whose lease is extended next."""

    @property
    def positions(self) -> dict[int, str]:
        """For each owned partition the last event that is done."""
        return dict(self._position_by_partition)

    @property
    def all_noted(self) -> bool:
        """Whether the store knows how far every partition is done."""
        return not self._unnoted

    def owned(self, partition: int) -> Ownership | None:
        """The right to fold a partition, if it is ours."""
        return self._owned.get(partition)

    def __len__(self) -> int:
        return len(self._owned)

    async def renew(self) -> None:
        """Take or extend every lease that can be had; what cannot is somebody else's, or was ours.

        Raises:
            StoreUnavailable: the store did not answer for all of them; what we own is uncertain until it does.
        """
        await self._renew(range(self._count))

    async def renew_next(self, elapsed_s: float) -> None:
        """Take or extend as many as it takes to come round in RENEW_EVERY_S, so many seconds after the last time.

        Raises:
            StoreUnavailable: as `renew`.
        """
        some = math.ceil(self._count * min(1.0, elapsed_s / RENEW_EVERY_S))
        turn = [(self._next + at) % self._count for at in range(some)]
        self._next = (self._next + some) % self._count
        await self._renew(turn)

    async def _renew(self, partitions: Sequence[int]) -> None:
        deadline = asyncio.get_running_loop().time() + CALL_S
        results = await asyncio.gather(
            *(
                self._store.own(partition, self._worker, lease_ms=LEASE_MS, deadline=deadline)
                for partition in partitions
            ),
            return_exceptions=True,
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        for partition, result in zip(partitions, results, strict=True):
            if not isinstance(result, BaseException):
                self._note(partition, result)
        if failures:
            raise failures[0]

    def _note(self, partition: int, owned: Ownership | None) -> None:
        if owned is None:
            self.lose(partition)
            return
        before = self._owned.get(partition)
        self._owned[partition] = owned
        if before is None or before.epoch != owned.epoch:
            self._position_by_partition[partition] = owned.position
            self._unnoted.pop(partition, None)

    def lose(self, partition: int) -> None:
        """Somebody else has the partition now."""
        if self._owned.pop(partition, None) is not None:
            _log.warning("partition %d is folded by another worker now", partition)
        self._position_by_partition.pop(partition, None)
        self._unnoted.pop(partition, None)

    def advance(self, partition: int, position: str) -> None:
        """A partition is done up to a position; the store learns it with the next `note`."""
        if partition in self._owned:
            self._position_by_partition[partition] = position
            self._unnoted[partition] = position

    async def note(self, at_most: int | None = None) -> None:
        """Let the store know how far partitions are done, those first that wait longest.

        Raises:
            StoreUnavailable: some is not noted: it is noted later, or read again by the next owner and found applied.
        """
        told = [(self._owned[each], self._unnoted[each]) for each in islice(self._unnoted, at_most)]
        if not told:
            return
        deadline = asyncio.get_running_loop().time() + CALL_S
        noted = await self._store.advance(told, deadline=deadline)
        for (owned, position), ours in zip(told, noted, strict=True):
            if not ours:
                self.lose(owned.partition)
            elif self._unnoted.get(owned.partition) == position:
                del self._unnoted[owned.partition]

    async def release(self) -> None:
        """Give every lease back, so that the next worker need not wait for its end."""
        with suppress(StoreUnavailable):
            await self.note()
        deadline = asyncio.get_running_loop().time() + CALL_S
        disowning = (self._store.disown(owned, deadline=deadline) for owned in self._owned.values())
        for result in await asyncio.gather(*disowning, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, StoreUnavailable):
                raise result
        self._owned.clear()
        self._position_by_partition.clear()
        self._unnoted.clear()
