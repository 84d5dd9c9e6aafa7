"""Orders and their status in memory: what the script does to keys is done here to a `MemoryState`."""

from collections.abc import Mapping, Sequence

from api.adapters.memory import MemoryState
from api.entries import beginning_of_order, decode_order
from api.ports import CustomerKey, Stream, key_of
from api.ports.orders import (
    RANK,
    Hold,
    HoldResult,
    HoldState,
    HoldWish,
    KeptOrder,
    OrderReport,
    OrderStatus,
    ReportResult,
    ReportState,
)


class MemoryOrderStore:
    """`OrderStore` in memory."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self._kept: dict[CustomerKey, dict[str, tuple[OrderStatus, KeptOrder]]] = {}
        self._holds: dict[int, dict[str, Hold]] = {}

    async def report(self, key: CustomerKey, report: OrderReport, *, deadline: float) -> ReportResult | None:
        self._state.check(report.deadline_ms)
        held = self._kept.get(key, {}).get(report.order_id)
        if held is None:
            order = self._taken(key, report.order_id)
            if order is None:
                moved_to = self._state.kept(key).record.moved_to
                return (
                    None
                    if moved_to is None
                    else await self.report(key_of(moved_to.decode()), report, deadline=deadline)
                )
            self._keep(key, report, order)
            return ReportResult(ReportState.APPLIED, report.body, acknowledged=True)
        status, kept = held
        in_force = kept.report or b""
        if RANK[report.status] < RANK[status]:
            return ReportResult(ReportState.SUPERSEDED, in_force)
        if RANK[report.status] == RANK[status]:
            return ReportResult(ReportState.UNCHANGED if report.status is status else ReportState.CLOSED, in_force)
        self._keep(key, report, kept.order)
        return ReportResult(ReportState.APPLIED, report.body)

    def _taken(self, key: CustomerKey, order_id: str) -> bytes | None:
        waiting = self._state.streams.get((Stream.FULFILMENT, key.partition), [])
        entry = next((each for each in waiting if each.body.startswith(beginning_of_order(order_id))), None)
        if entry is None:
            return None
        waiting.remove(entry)
        return entry.body

    def _keep(self, key: CustomerKey, report: OrderReport, order: bytes) -> None:
        self._kept.setdefault(key, {})[report.order_id] = report.status, KeptOrder(order, report.body)

    async def hold(self, key: CustomerKey, wish: HoldWish, *, deadline: float) -> HoldResult:
        self._state.check(wish.deadline_ms)
        held = self._holds.setdefault(key.partition, {})
        in_force = held.get(wish.order_id)
        if in_force is not None and in_force.until_ms > self._state.now_ms() and in_force.by != wish.by:
            return HoldResult(HoldState.TAKEN, in_force)
        waiting = self._state.streams.get((Stream.FULFILMENT, key.partition), [])
        if not any(each.body.startswith(beginning_of_order(wish.order_id)) for each in waiting):
            held.pop(wish.order_id, None)
            return HoldResult(HoldState.GONE, None)
        attempts = wish.attempts + (in_force.attempts if in_force is not None else 0)
        held[wish.order_id] = Hold(wish.until_ms, wish.not_before_ms, attempts, wish.by)
        return HoldResult(HoldState.HELD, held[wish.order_id])

    async def holds(self, partitions: Sequence[int], *, deadline: float) -> Mapping[str, Hold]:
        self._state.check()
        return {name: hold for each in partitions for name, hold in self._holds.get(each, {}).items()}

    async def orders_of(self, key: CustomerKey, *, deadline: float) -> Sequence[KeptOrder]:
        self._state.check()
        waiting = self._state.streams.get((Stream.FULFILMENT, key.partition), [])
        orders = [KeptOrder(each.body, None) for each in waiting if decode_order(each.body).record == key.record]
        return [*orders, *(kept for _, kept in self._kept.get(key, {}).values())]
