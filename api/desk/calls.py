"""The queue of calls: who wants to be called and why, who is at it, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from time import time
from typing import Final

from api.deadline import Deadline
from api.entries import decode_order
from api.forms import OrderReportForm, OrderView
from api.ports import FIRST, PARTITIONS, Stream, key_of
from api.ports.orders import Hold, HoldState, HoldWish, KeptOrder, OrderStatus
from api.routes.orders import orders_view, report_order
from api.routes.reading import unless_unavailable
from api.service_port import Shell
from engine.channels import Channel
from engine.ids import ActionId

MAX_READ: Final = 1_000
MAX_SHOWN: Final = 100
CALLBACK: Final = "callback"
_BEGINNING: Final = dict.fromkeys(range(PARTITIONS), FIRST)


class CallState(StrEnum):
    """Where a call stands for the one who looks."""

    MINE = "mine"
    WAITING = "waiting"
    TAKEN = "taken"
    LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Somebody who wants to be called."""

    order_id: str
    record: str
    state: CallState
    title: str
    """What it is about; empty where nobody said."""
    action: ActionId | None
    asked_on: str
    page: str | None
    phone_number: str | None
    placed_at: datetime
    not_before: datetime | None
    attempts: int


async def read_calls(shell: Shell, agent: str, channel: Channel) -> Sequence[Call]:
    """All calls that nobody has ended: an agent's own first, then those that are due, the longest wait first.

    Raises:
        Problem: the store is away.
    """
    reading = shell.journal.read(Stream.FULFILMENT, _BEGINNING, count=MAX_READ)
    found = await unless_unavailable(shell, "orders", reading)
    waiting = {
        partition: [KeptOrder(entry.body, None) for entry in entries if _is_call(entry.body, channel)]
        for partition, entries in found.items()
    }
    partitions = [partition for partition, orders in waiting.items() if orders]
    deadline = Deadline.within(shell.settings.write_timeout_ms).deadline
    holds = await unless_unavailable(shell, "orders", shell.orders.holds(partitions, deadline=deadline))
    orders = orders_view(order for each in waiting.values() for order in each)
    calls = [_call(shell, order, agent, holds) for order in orders]
    return sorted(calls, key=lambda call: list(CallState).index(call.state))[:MAX_SHOWN]


async def call_of(shell: Shell, record: str, order_id: str, agent: str) -> Call | None:
    """One call, if an agent holds it: looking at it holds it a while longer.

    Raises:
        Problem: the store is away.
    """
    if not await take(shell, record, order_id, agent):
        return None
    deadline = Deadline.within(shell.settings.write_timeout_ms).deadline
    key = key_of(record)
    kept = await unless_unavailable(shell, "orders", shell.orders.orders_of(key, deadline=deadline))
    holds = await unless_unavailable(shell, "orders", shell.orders.holds([key.partition], deadline=deadline))
    orders = [each for each in orders_view(kept) if each.order_id == order_id]
    return _call(shell, orders[0], agent, holds) if orders else None


async def take(shell: Shell, record: str, order_id: str, agent: str) -> bool:
    """Take a call, or keep it; False where a colleague has it or it has ended.

    Raises:
        Problem: the store is away.
    """
    until_ms = int(1_000 * (time() + shell.settings.call_hold_s))
    return await _wish(shell, record, order_id, agent, until_ms) is HoldState.HELD


async def put_back(shell: Shell, record: str, order_id: str, agent: str, again_at: datetime) -> bool:
    """Nobody answered: the call waits until then, for whoever is free; False where it is a colleague's.

    Raises:
        Problem: the store is away.
    """
    not_before_ms = int(1_000 * again_at.timestamp())
    return await _wish(shell, record, order_id, agent, 0, not_before_ms, attempts=1) is HoldState.HELD


async def finish(shell: Shell, record: str, order_id: str, agent: str, *, was_reached: bool) -> bool:
    """The call is over and leaves the queue; False where it is a colleague's.

    Raises:
        Problem: the store is away.
    """
    if not await take(shell, record, order_id, agent):
        return False
    form = OrderReportForm(
        order_id=order_id,
        record=record,
        status=OrderStatus.COMPLETED if was_reached else OrderStatus.REJECTED,
        note="reached" if was_reached else "not_reached",
    )
    await report_order(shell, form)
    return True


async def _wish(
    shell: Shell, record: str, order_id: str, agent: str, until_ms: int, not_before_ms: int = 0, attempts: int = 0
) -> HoldState:
    deadline = Deadline.within(shell.settings.write_timeout_ms)
    wish = HoldWish(deadline.deadline_ms, order_id, agent, until_ms, not_before_ms, attempts)
    holding = shell.orders.hold(key_of(record), wish, deadline=deadline.deadline)
    return (await unless_unavailable(shell, "order", holding)).state


def _is_call(body: bytes, channel: Channel) -> bool:
    order = decode_order(body)
    return order.kind == CALLBACK or (order.leads_to or {}).get(channel.id) == CALLBACK


def _call(shell: Shell, order: OrderView, agent: str, holds: Mapping[str, Hold]) -> Call:
    plan = shell.service.plan
    hold = holds.get(order.order_id)
    position = plan.position_by_action.get(ActionId(order.action or ""))
    not_before = max((each for each in (order.call_after, _instant(hold)) if each is not None), default=None)
    return Call(
        order_id=order.order_id,
        record=order.record,
        state=_state(hold, agent, not_before),
        title="" if position is None else plan.actions[position].title,
        action=None if position is None else plan.actions[position].id,
        asked_on=order.channel,
        page=order.page,
        phone_number=order.phone_number,
        placed_at=order.placed_at,
        not_before=not_before,
        attempts=0 if hold is None else hold.attempts,
    )


def _instant(hold: Hold | None) -> datetime | None:
    if hold is None or not hold.not_before_ms:
        return None
    return datetime.fromtimestamp(hold.not_before_ms / 1_000, UTC)


def _state(hold: Hold | None, agent: str, not_before: datetime | None) -> CallState:
    if hold is not None and hold.until_ms > 1_000 * time():
        return CallState.MINE if hold.by == agent else CallState.TAKEN
    return CallState.LATER if not_before is not None and not_before > datetime.now(UTC) else CallState.WAITING
