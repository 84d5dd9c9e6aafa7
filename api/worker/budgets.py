"""Gives budgets back what came to nothing: units of offers whose time is over, and leases whose holders are gone."""

import asyncio
from collections.abc import Callable
from time import time
from typing import Final

from api.ports import BudgetStore, Ownership, StoreUnavailable
from api.telemetry import Metrics
from api.worker.partitions import CALL_S, Partitions
from engine.plan import Plan

ROUND_S: Final = 16.0
"""Every owned partition is looked at once in so long."""
AT_MOST: Final = 200
AT_ONCE: Final = 32
"""Partitions looked at together: no step takes long enough for anybody to notice."""
RECOVER_EACH_S: Final = 5.0


class BudgetKeeper:
    """Looks after the budgets of the bundle that serves, a few partitions at a time."""

    def __init__(
        self, store: BudgetStore, partitions: Partitions, metrics: Metrics, now_s: Callable[[], float] = time
    ) -> None:
        self._store = store
        self._partitions = partitions
        self._metrics = metrics
        self._now_s = now_s
        self._looked_at: dict[int, float] = {}
        self._recovered_at = 0.0
        self._not_before = 0.0

    async def step(self, plan: Plan) -> None:
        """Settle the partitions whose turn it is, and recover leases now and then; nothing without budgets.

        Where a budget cannot be reached, whatever was begun is done a while later, once; events do not wait for it.
        """
        now_s = self._now_s()
        if not plan.contact.budgets or now_s < self._not_before:
            return
        try:
            await self._look(plan, now_s)
        except StoreUnavailable:
            self._metrics.store_failures.add(("budgets",))
            self._not_before = now_s + RECOVER_EACH_S

    async def _look(self, plan: Plan, now_s: float) -> None:
        if now_s - self._recovered_at >= RECOVER_EACH_S:
            self._recovered_at = now_s
            await self._recover(plan)
        turn = self._turn(now_s)
        for at in range(0, len(turn), AT_ONCE):
            await asyncio.gather(*(self._settle(owned) for owned in turn[at : at + AT_ONCE]))
        self._looked_at |= {owned.partition: now_s for owned in turn}

    def _turn(self, now_s: float) -> list[Ownership]:
        turn = []
        for partition in self._partitions.positions:
            # The first round is spread by the partition's number, and every later one with it.
            looked_at = self._looked_at.setdefault(partition, now_s - partition % ROUND_S)
            owned = self._partitions.owned(partition)
            if owned is not None and now_s - looked_at >= ROUND_S:
                turn.append(owned)
        return turn

    async def _settle(self, owned: Ownership) -> None:
        deadline = asyncio.get_running_loop().time() + CALL_S
        settled = await self._store.settle(owned, count=AT_MOST, deadline=deadline)
        if settled:
            back = await self._store.tell(owned.partition, settled, deadline=deadline)
            self._metrics.budget_amounts.add(("returned",), back)
            self._metrics.budget_amounts.add(("spent",), sum(each.amount for each in settled if each.spent))

    async def _recover(self, plan: Plan) -> None:
        for budget in plan.contact.budgets:
            deadline = asyncio.get_running_loop().time() + CALL_S
            for lease in await self._store.open_leases(budget.key, deadline=deadline):
                back = await self._store.recover(budget.key, lease, deadline=deadline)
                if back:
                    self._metrics.budget_amounts.add(("recovered",), back)
