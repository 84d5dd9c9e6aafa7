"""Wakes records that are due to be looked at again although nothing happened to them, a few partitions at a time."""

import asyncio
from collections.abc import Callable
from time import time
from typing import Final

from api.ports import EventStore
from api.worker.partitions import CALL_S, Partitions

ROUND_S: Final = 60.0
"""Every owned partition is asked once in so long."""
AT_MOST: Final = 20
"""As many of one partition as a step folds: events do not queue behind what fell due while nobody worked."""


class Timers:
    """Turns what is due into entries of the event streams."""

    def __init__(self, store: EventStore, partitions: Partitions, clock: Callable[[], float] = time) -> None:
        self._store = store
        self._partitions = partitions
        self._clock = clock
        self._asked_at: dict[int, float] = {}

    async def step(self) -> int:
        """Ask the partitions whose turn it is; says how many records were woken.

        Raises:
            StoreUnavailable: the store went away; what is due stays due.
        """
        now = self._clock()
        turn = []
        for partition in self._partitions.positions:
            # The first round is spread by the partition's number, and every later one with it.
            asked_at = self._asked_at.setdefault(partition, now - partition % ROUND_S)
            owned = self._partitions.owned(partition)
            if owned is not None and now - asked_at >= ROUND_S:
                turn.append(owned)
        deadline = asyncio.get_running_loop().time() + CALL_S
        waking = (self._store.wake_due(owned, int(now), count=AT_MOST, deadline=deadline) for owned in turn)
        woken = await asyncio.gather(*waking)
        # Where more is due than fits, as after an outage, the next step goes on with it.
        self._asked_at |= {owned.partition: now for owned, count in zip(turn, woken, strict=True) if count < AT_MOST}
        return sum(woken)
