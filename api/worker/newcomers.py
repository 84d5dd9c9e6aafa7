"""People whom nobody knows yet: events are folded under `scheme:value`, and become a customer's once one is known.

Their records are noted when they are folded, a bounded number a partition, and looked at again every few minutes. When
an identity leads to one customer by then, the two records are merged like any two that are one person's.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import time
from typing import Final

from api.ports import FIRST, Arrival, CustomerKey, CustomerStore, Identity, Journal, Stream
from api.telemetry import Metrics
from api.worker.partitions import CALL_S, Partitions

ROUND_S: Final = 300.0
"""Every owned partition is looked at once in so long."""
AT_ONCE: Final = 16
"""Partitions in one step; most of them have nobody."""
AT_MOST: Final = 200
"""Records of one partition that are looked at in one round; the next round goes on behind them."""
MOST_KEPT: Final = 1_000
"""Records of one partition that are waited for; beyond it the oldest stay as they are until they expire."""
WAIT_S: Final = 30 * 86_400
"""So long after its last event a record of nobody is gone."""
MOST_NOTED: Final = 50_000


class Newcomers:
    """Waits for records of nobody to become somebody's; `merge` makes a record one with a customer's, or says no."""

    def __init__(
        self,
        *,
        journal: Journal,
        customers: CustomerStore,
        partitions: Partitions,
        merge: Callable[[str, str], Awaitable[bool]],
        metrics: Metrics,
        clock: Callable[[], float] = time,
    ) -> None:
        self._journal = journal
        self._customers = customers
        self._partitions = partitions
        self._merge = merge
        self._metrics = metrics
        self._clock = clock
        self._noted: set[str] = set()
        self._looked_at: dict[int, float] = {}
        self._place: dict[int, str] = {}

    async def note(self, key: CustomerKey) -> None:
        """Wait for whoever this is, if an identity may lead to them one day.

        Raises:
            StoreUnavailable: it is not noted.
        """
        if ":" not in key.record or key.record in self._noted:
            return
        if len(self._noted) >= MOST_NOTED:
            self._noted.clear()
        arrival = Arrival("unknown", key.record, key.record.encode())
        deadline_ms = int((self._clock() + CALL_S) * 1_000)
        await self._journal.append_once(
            Stream.UNKNOWN, key.partition, [arrival], deadline_ms=deadline_ms, deadline=self._deadline()
        )
        self._noted.add(key.record)

    async def step(self) -> None:
        """Look at some of the partitions whose turn it is.

        Raises:
            StoreUnavailable: the store went away; whoever was not looked at waits on.
        """
        now, looked_at = self._clock(), self._looked_at
        for partition in self._partitions.positions:
            # The first round is spread by the partition's number, and every later one with it.
            looked_at.setdefault(partition, now - partition % ROUND_S)
        due = [partition for partition in self._partitions.positions if now - looked_at[partition] >= ROUND_S]
        turn = sorted(due, key=looked_at.__getitem__)[:AT_ONCE]
        for partition, waiting in zip(turn, await self._journal.lengths(Stream.UNKNOWN, turn), strict=True):
            if waiting:
                await self._look(partition, waiting)
            self._looked_at[partition] = now

    async def _look(self, partition: int, waiting: int) -> None:
        await self._keep_within_bounds(partition, waiting)
        after = self._place.get(partition, FIRST)
        entries = (await self._journal.read(Stream.UNKNOWN, {partition: after}, count=AT_MOST)).get(partition, ())
        self._place[partition] = entries[-1].id if len(entries) == AT_MOST else FIRST
        for entry in entries:
            record = entry.body.decode()
            if await self._is_settled(record):
                await self._journal.remove(Stream.UNKNOWN, partition, [entry.id])
                self._noted.discard(record)

    async def _keep_within_bounds(self, partition: int, waiting: int) -> None:
        """Forget those whose records are gone by now, and the oldest where there are too many."""
        waiting -= await self._journal.trim(Stream.UNKNOWN, partition, f"{int(1_000 * (self._clock() - WAIT_S))}-0")
        if waiting > MOST_KEPT:
            count = waiting - MOST_KEPT
            oldest = (await self._journal.read(Stream.UNKNOWN, {partition: FIRST}, count=count)).get(partition, ())
            await self._journal.remove(Stream.UNKNOWN, partition, [entry.id for entry in oldest])

    async def _is_settled(self, record: str) -> bool:
        """Whether nobody has to wait for it any more."""
        scheme, _, value = record.partition(":")
        found = await self._customers.resolve([Identity(scheme, value)], deadline=self._deadline())
        if len(found.customers) != 1 or not await self._merge(record, found.customers[0]):
            return False
        self._metrics.folded.add(("became_known",))
        return True

    @staticmethod
    def _deadline() -> float:
        return asyncio.get_running_loop().time() + CALL_S
