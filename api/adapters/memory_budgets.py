"""Budgets in memory: the same behaviour as the real ones, on the state that the fakes of one test share."""

from collections.abc import Sequence

from api.adapters.memory import KeptBudget, KeptLease, MemoryState
from api.ports import (
    DRAWS_KNOWN_MS,
    RECOVERED_AFTER_MS,
    CustomerKey,
    HeldUnits,
    LeaseAsked,
    LeaseTaken,
    OpenLease,
    Ownership,
    Settled,
    Standing,
    Unit,
)
from engine.contacts import pack, unpack

MOST_OFFERS = 10_000


class MemoryBudgetStore:
    """`BudgetStore` in memory."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def _budget(self, name: str) -> KeptBudget:
        self._state.check()
        return self._state.budgets.setdefault(name, KeptBudget())

    async def take(self, asked: LeaseAsked, *, deadline: float) -> LeaseTaken:
        budget, now_ms = self._budget(asked.budget), self._state.now_ms()
        if asked.day < budget.day or (asked.latest_end_ms is not None and now_ms >= asked.latest_end_ms):
            return LeaseTaken(0, 0, 0, now_ms)
        bounds = [
            (asked.total, budget.taken),
            (asked.per_day, budget.today if asked.day == budget.day else 0),
            (asked.total_of_channel, budget.by_channel.get(asked.channel, 0)),
        ]
        left = max(0, min((most - used for most, used in bounds if most is not None), default=2**50))
        if left < asked.each:
            return LeaseTaken(0, 0, left, now_ms)
        workers = {asked.worker, *(each.worker for each in budget.leases.values() if each.ends_ms > now_ms)}
        amount = asked.each * max(1, min(MOST_OFFERS, left // asked.each // (4 * len(workers))))
        ends_ms = now_ms + asked.length_ms
        if asked.latest_end_ms is not None:
            ends_ms = min(ends_ms, asked.latest_end_ms)
        if asked.day != budget.day:
            budget.day, budget.today = asked.day, 0
        budget.taken += amount
        budget.today += amount
        if asked.channel:
            budget.by_channel[asked.channel] = budget.by_channel.get(asked.channel, 0) + amount
        budget.leases[asked.lease] = KeptLease(amount, ends_ms, asked.day, asked.channel, asked.worker)
        return LeaseTaken(amount, ends_ms, left - amount, now_ms)

    async def end(self, budget: str, lease: str, *, drawn: int, certain: bool, deadline: float) -> int:
        kept = self._budget(budget)
        found = kept.leases.get(lease)
        if found is None:
            return 0
        back = max(0, found.amount - drawn)
        kept.give_back(back, found.day, found.channel)
        if certain:
            del kept.leases[lease]
        else:
            found.amount, found.worker = found.amount - back, ""
        return back

    async def open_leases(self, budget: str, *, deadline: float) -> Sequence[OpenLease]:
        leases = self._budget(budget).leases
        return [OpenLease(name, each.amount, each.ends_ms, each.worker) for name, each in leases.items()]

    async def recover(self, budget: str, lease: OpenLease, *, deadline: float) -> int:
        over_ms = self._state.now_ms() - lease.ends_ms
        if over_ms < RECOVERED_AFTER_MS:
            return 0
        drawn = lease.amount if over_ms > DRAWS_KNOWN_MS else self._state.drawn.get(lease.lease, 0)
        return await self.end(budget, lease.lease, drawn=drawn, certain=True, deadline=deadline)

    async def settle(self, owned: Ownership, *, count: int, deadline: float) -> Sequence[Settled]:
        state, partition = self._state, owned.partition
        state.check()
        lease = state.leases.get(partition)
        if lease is None or lease.epoch != owned.epoch:
            return []
        held = sorted(state.units.get(partition, []), key=lambda each: each[1].held_until_s)
        due = [each for each in held if each[1].held_until_s * 1_000 <= state.now_ms()][:count]
        state.units[partition] = [each for each in held if each not in due]
        for key, unit in due:
            number = state.settled_count[partition] = state.settled_count.get(partition, 0) + 1
            spent = self._came_to_something(key, unit) is not False
            settled = Settled(number, unit.budget, spent, unit.amount, unit.day, unit.channel)
            state.settled.setdefault(partition, []).append(settled)
        return state.settled.get(partition, [])[:count]

    def _came_to_something(self, key: CustomerKey, unit: Unit) -> bool | None:
        """Whether the unit's contact went far enough; None where there is no such contact here any more."""
        record = self._state.kept(key).record
        if record.moved_to is not None:
            return None
        for contact in unpack(record.contacts or b""):
            if pack([contact])[:12] == unit.contact:
                return contact.state >= unit.counts_from
        return None

    async def tell(self, partition: int, settled: Sequence[Settled], *, deadline: float) -> int:
        back = 0
        for each in settled:
            budget = self._budget(each.budget)
            if each.number > budget.told.get(partition, 0):
                budget.told[partition] = each.number
                if each.spent:
                    budget.spent += each.amount
                else:
                    budget.give_back(each.amount, each.day, each.channel)
                    back += each.amount
        waiting = self._state.settled.get(partition, [])
        last = settled[-1].number if settled else 0
        self._state.settled[partition] = [each for each in waiting if each.number > last]
        return back

    async def standing(self, budget: str, *, deadline: float) -> Standing:
        kept = self._budget(budget)
        return Standing(kept.taken, kept.spent, kept.day, kept.today, dict(kept.by_channel))

    async def held(self, *, deadline: float) -> Sequence[HeldUnits]:
        self._state.check()
        found: dict[str, HeldUnits] = {}
        for held in self._state.units.values():
            for key, unit in held:
                before = found.get(unit.budget, HeldUnits(unit.budget, 0, 0))
                spent = self._came_to_something(key, unit) is True
                found[unit.budget] = before._replace(
                    spent=before.spent + spent * unit.amount, open=before.open + (not spent) * unit.amount
                )
        return list(found.values())
