"""What this process may spend of budgets: leases, drawn on without asking anybody, and renewed before they run out.

INVARIANT: what was drawn of a lease stays drawn until somebody knows that it was not committed. A lease is ended with
what was drawn of it, and in doubt somebody counts the records: so no budget is overspent, whoever dies.
"""

import asyncio
import logging
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from datetime import time as clock_time
from enum import Enum
from secrets import token_hex
from time import monotonic, time
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from api.beside import repeating
from api.faults import log_fault
from api.ports import RECOVERED_AFTER_MS, BudgetStore, LeaseAsked, StoreUnavailable, Unit
from api.telemetry import Metrics
from engine.budgets import NOT_KNOWN, BudgetDraw, Left
from engine.channels import Channel
from engine.contact_rules import Budget, BudgetCount
from engine.contacts import ContactState
from engine.decision import Decision
from engine.plan import Plan

LENGTH_S: Final = 30.0
MARGIN_S: Final = 2.0
"""So long before its end nothing more is drawn of a lease: a commit takes time, and clocks differ."""
EARLY: Final = 1 / 6
"""So much of a lease's length before nothing more can be drawn of it, the next one is taken."""
CALL_S: Final = 1.0
ASK_AGAIN_S: Final = 1.0
"""So often somebody asks whether there is anything in a budget that had nothing left."""
RETRY_S: Final = 0.25
MOMENT_S: Final = 1.0
KEEP_EACH_S: Final = 0.25
_CONTACT: Final = struct.Struct("<III")
_log = logging.getLogger(__name__)


class Drawn(NamedTuple):
    """An amount drawn of a lease for an offer, and what the commit has to say of it."""

    lease: "_Lease"
    unit: Unit


class _Lease:
    """A share of a budget."""

    __slots__ = ("closed", "committed", "day", "drawn", "ends_at", "ends_ms", "left", "name")

    def __init__(self, name: str, amount: int, day: int, ends_ms: int, ends_at: float) -> None:
        self.name = name
        self.left = amount
        self.drawn = 0
        self.committed = 0
        self.day = day
        self.ends_ms = ends_ms
        self.ends_at = ends_at
        """By the monotonic clock, rather too early than too late."""
        self.closed = False
        """Nothing is drawn or given back any more: the store is being told what was."""

    def usable(self, now: float) -> bool:
        """Whether anything may be drawn."""
        return not self.closed and now < self.ends_at - MARGIN_S


class _Told(Enum):
    """What the store said when it was asked last."""

    NOTHING_YET = 0
    SOMETHING_LEFT = 1
    NOTHING_LEFT = 2
    NO_ANSWER = 3


class _Pool:
    """The leases on one budget, or on the part of it that one channel has."""

    __slots__ = ("asking", "budget", "channel", "granted", "leases", "next_ask_at", "told")

    def __init__(self, budget: str, channel: str) -> None:
        self.budget = budget
        self.channel = channel
        self.leases: list[_Lease] = []
        self.granted = 0
        self.told = _Told.NOTHING_YET
        self.next_ask_at = 0.0
        self.asking: asyncio.Task[None] | None = None

    def offers(self, each: int, now: float) -> int:
        """How many offers can be drawn now."""
        offers = 0
        for lease in self.leases:
            if lease.usable(now):
                offers += lease.left // each
        return offers

    def runs_out(self, each: int, soon: float) -> bool:
        """Whether it is time for the next lease: little will be left a while from now."""
        lasting = sum([lease.left for lease in self.leases if lease.usable(soon)])
        return lasting < each or 2 * lasting < self.granted

    def lease_for(self, amount: int, now: float) -> _Lease | None:
        """The oldest lease that has so much; what was usable a moment ago still is, the commit has the last word."""
        for lease in self.leases:
            if lease.left >= amount and lease.usable(now - MOMENT_S):
                return lease
        return None


class Leases:
    """The leases of one process."""

    def __init__(
        self,
        store: BudgetStore,
        worker: str,
        metrics: Metrics,
        now_s: Callable[[], float] = time,
        length_s: float = LENGTH_S,
    ) -> None:
        self._store = store
        self._worker = worker
        self._metrics = metrics
        self._now_s = now_s
        self._length_s = length_s
        self._pools: dict[tuple[str, str], _Pool] = {}
        self._day = _Day()

    # --- before a decision -------------------------------------------------------------------------------------------

    def prepare(self, plan: Plan, channel: Channel) -> list["asyncio.Task[None]"]:
        """See to it that leases do not run out; gives those that are being taken and without which there is nothing."""
        now = monotonic()
        soon = now + EARLY * self._length_s
        needed: list[asyncio.Task[None]] = []
        for budget in plan.contact.budgets:
            pool = self._pool(budget, channel)
            if pool.asking is None and now >= pool.next_ask_at and pool.runs_out(budget.each, soon):
                pool.asking = asyncio.create_task(self._take(pool, budget, channel, plan.zone))
            # Nobody waits to hear again that there is nothing, or that the store is away.
            hopeful = pool.told in (_Told.NOTHING_YET, _Told.SOMETHING_LEFT)
            if pool.asking is not None and hopeful and not pool.offers(budget.each, now):
                needed.append(pool.asking)
        return needed

    async def ready(self, plan: Plan, channel: Channel, until: float) -> None:
        """Wait for leases without which there is nothing, until an instant of the monotonic clock at most."""
        while needed := self.prepare(plan, channel):
            wait_s = until - monotonic()
            if wait_s <= 0.0:
                return
            await asyncio.wait(needed, timeout=wait_s)

    def left(self, plan: Plan, channel: Channel, most: int) -> Left:
        """What an answer of at most so many offers has to know: the budgets that may not carry all of them."""
        now = monotonic()
        left: dict[int, int] = {}
        for at, budget in enumerate(plan.contact.budgets):
            pool = self._pool(budget, channel)
            offers = pool.offers(budget.each, now)
            if offers < most:
                left[at] = offers if offers or pool.told is _Told.NOTHING_LEFT else NOT_KNOWN
        return left

    def _pool(self, budget: Budget, channel: Channel) -> _Pool:
        place = channel.id if channel.position in budget.total_by_channel else ""
        pool = self._pools.get((budget.key, place))
        if pool is None:
            pool = self._pools[budget.key, place] = _Pool(budget.key, place)
        return pool

    # --- around a commit ---------------------------------------------------------------------------------------------

    def draw(self, plan: Plan, channel: Channel, decision: Decision, decision_id: str) -> list[Drawn] | None:
        """Take what a decision needs off the leases; None, and nothing taken, where they have it no longer."""
        now = monotonic()
        drawn: list[Drawn] = []
        for draw in decision.draws:
            budget = plan.contact.budgets[draw.budget]
            pool = self._pool(budget, channel)
            lease = pool.lease_for(draw.amount, now)
            if lease is None:
                self.give_back(drawn)
                return None
            lease.left -= draw.amount
            lease.drawn += draw.amount
            contact = _CONTACT.pack(draw.at, draw.action_hash, decision.session_hash)
            drawn.append(Drawn(lease, _unit(budget, pool.channel, lease, draw, contact, decision_id)))
        return drawn

    def give_back(self, drawn: Sequence[Drawn], *, ended: bool = False) -> None:
        """Nothing of this was committed; `ended`: for the store, one of the leases has ended."""
        for lease, unit in drawn:
            if not lease.closed:
                lease.drawn -= unit.amount
                lease.left += unit.amount
            if ended:
                lease.ends_at = min(lease.ends_at, monotonic())

    def note_committed(self, drawn: Sequence[Drawn]) -> None:
        """All of this was committed."""
        for lease, unit in drawn:
            if not lease.closed:
                lease.committed += unit.amount

    # --- beside the requests -----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """End leases that are used up or over, for as long as the context lasts, and then all of them."""
        async with repeating(self.keep, KEEP_EACH_S):
            yield
        await self._end_all([(pool, lease) for pool in self._pools.values() for lease in pool.leases])

    async def keep(self) -> None:
        """End leases that are used up or over."""
        now = monotonic()
        over = [(pool, lease) for pool in self._pools.values() for lease in pool.leases if _is_over(lease, now)]
        if over:
            await self._end_all(over)

    async def _end_all(self, over: Sequence[tuple[_Pool, _Lease]]) -> None:
        await asyncio.gather(*(self._end(pool, lease) for pool, lease in over))

    async def _end(self, pool: _Pool, lease: _Lease) -> None:
        lease.closed = True
        certain, now = lease.drawn == lease.committed, monotonic()
        try:
            await self._store.end(pool.budget, lease.name, drawn=lease.drawn, certain=certain, deadline=now + CALL_S)
        except StoreUnavailable:
            if now < lease.ends_at + RECOVERED_AFTER_MS / 1_000:
                return  # again with the next step; after that, whoever recovers it counts the records
        pool.leases = [each for each in pool.leases if each is not lease]

    async def _take(self, pool: _Pool, budget: Budget, channel: Channel, zone: ZoneInfo) -> None:
        asked_at, name = monotonic(), token_hex(8)
        day, day_ends_s = self._day.of(self._now_s(), zone)
        asked = LeaseAsked(
            budget=budget.key,
            lease=name,
            worker=self._worker,
            each=budget.each,
            total=budget.total,
            per_day=budget.per_day,
            channel=pool.channel,
            total_of_channel=budget.total_by_channel.get(channel.position),
            day=day,
            latest_end_ms=None if budget.per_day is None else int(1_000 * day_ends_s),
            length_ms=int(1_000 * self._length_s),
        )
        try:
            taken = await self._store.take(asked, deadline=asked_at + CALL_S)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing was taken that recovery does not find
            pool.told, pool.next_ask_at = _Told.NO_ANSWER, monotonic() + RETRY_S
            if not isinstance(error, StoreUnavailable):
                log_fault(_log, "taking a lease", error)
        else:
            self._metrics.budget_left.set((budget.id,), taken.left)
            if taken.amount:
                lasts_s = (taken.ends_ms - taken.now_ms) / 1_000
                pool.leases.append(_Lease(name, taken.amount, day, taken.ends_ms, asked_at + lasts_s))
                pool.told, pool.granted = _Told.SOMETHING_LEFT, taken.amount
            else:
                pool.told, pool.next_ask_at = _Told.NOTHING_LEFT, monotonic() + ASK_AGAIN_S
        finally:
            pool.asking = None
            self._metrics.budget_leases.add((pool.told.name.lower(),))


def _is_over(lease: _Lease, now: float) -> bool:
    if lease.closed:
        return True
    if lease.drawn == lease.committed:
        return not lease.left or not lease.usable(now)
    return now > lease.ends_at + MOMENT_S


def _unit(budget: Budget, channel: str, lease: _Lease, draw: BudgetDraw, contact: bytes, decision_id: str) -> Unit:
    shown = budget.count is BudgetCount.IMPRESSIONS
    return Unit(
        budget=budget.key,
        lease=lease.name,
        lease_ends_ms=lease.ends_ms,
        amount=draw.amount,
        day=lease.day,
        channel=channel,
        contact=contact,
        counts_from=int(ContactState.SHOWN if shown else ContactState.ACCEPTED),
        held_until_s=draw.until_s,
        decision_id=decision_id,
    )


class _Day:
    """The day in the bank's zone, and when it ends, in seconds since the epoch."""

    def __init__(self) -> None:
        self._zone: ZoneInfo | None = None
        self._ordinal = 0
        self._began_s = 0.0
        self._ends_s = 0.0

    def of(self, now_s: float, zone: ZoneInfo) -> tuple[int, float]:
        """The day of an instant, as an ordinal, and its end."""
        if zone is not self._zone or not self._began_s <= now_s < self._ends_s:
            today = datetime.fromtimestamp(now_s, zone).date()
            self._zone, self._ordinal = zone, today.toordinal()
            self._began_s = datetime.combine(today, clock_time(), zone).timestamp()
            self._ends_s = datetime.combine(today + timedelta(days=1), clock_time(), zone).timestamp()
        return self._ordinal, self._ends_s
