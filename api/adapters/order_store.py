"""Orders and their status on Redis or Valkey: waiting ones lie in the partition's stream, reports beside the record."""

from collections.abc import Mapping, Sequence
from typing import Final

from api.adapters import keys
from api.adapters.commands import Reply, checked, pack
from api.adapters.nodes import Nodes
from api.adapters.outcome_store import in_time
from api.adapters.script import HOLD, REPORT
from api.entries import beginning_of_order, decode_order
from api.ports import CustomerKey, StoreUnavailable, Stream, key_of
from api.ports.orders import (
    HOLDS_KEPT_DAYS,
    KEPT_DAYS,
    RANK,
    Hold,
    HoldResult,
    HoldState,
    HoldWish,
    KeptOrder,
    OrderReport,
    ReportResult,
    ReportState,
)

KEPT_MS: Final = KEPT_DAYS * keys.DAY_S * 1_000
HOLDS_KEPT_MS: Final = HOLDS_KEPT_DAYS * keys.DAY_S * 1_000
_NO_SUCH_ORDER: Final = 0


class RedisOrderStore:
    """`OrderStore` on one server or a cluster."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def report(self, key: CustomerKey, report: OrderReport, *, deadline: float) -> ReportResult | None:
        reply = await self._report(key, report, deadline)
        if isinstance(reply, bytes):
            reply = await self._report(key_of(reply.decode()), report, deadline)
        reply = in_time(reply)
        if reply == _NO_SUCH_ORDER:
            return None
        state, in_force, taken = reply
        return ReportResult(ReportState(state), in_force, bool(taken))

    async def _report(self, key: CustomerKey, report: OrderReport, deadline: float) -> Reply:
        node = self._nodes.of_partition(key.partition)
        names = (keys.orders(key), keys.stream(Stream.FULFILMENT, key.partition), keys.record(key))
        words = (
            report.deadline_ms + node.clock_ahead_ms,
            report.order_id,
            beginning_of_order(report.order_id),
            RANK[report.status],
            report.body,
            KEPT_MS,
        )
        return await REPORT.run(node, names, words, deadline)

    async def orders_of(self, key: CustomerKey, *, deadline: float) -> Sequence[KeptOrder]:
        commands = (
            pack(b"XRANGE", keys.stream(Stream.FULFILMENT, key.partition), b"-", b"+"),
            pack(b"HVALS", keys.orders(key)),
        )
        node = self._nodes.of_partition(key.partition)
        waiting, reported = map(checked, await node.call(b"".join(commands), len(commands), deadline))
        orders = [KeptOrder(body, None) for _, (_, body, *_) in waiting if decode_order(body).record == key.record]
        return [*orders, *map(_kept, reported)]

    async def hold(self, key: CustomerKey, wish: HoldWish, *, deadline: float) -> HoldResult:
        node = self._nodes.of_partition(key.partition)
        ahead_ms = node.clock_ahead_ms
        names = (keys.holds(key.partition), keys.stream(Stream.FULFILMENT, key.partition))
        words = (
            wish.deadline_ms + ahead_ms,
            wish.order_id,
            beginning_of_order(wish.order_id),
            wish.by,
            wish.until_ms and wish.until_ms + ahead_ms,
            wish.not_before_ms,
            wish.attempts,
            HOLDS_KEPT_MS,
        )
        state, in_force = in_time(await HOLD.run(node, names, words, deadline))
        return HoldResult(HoldState(state), _hold(in_force) if in_force else None)

    async def holds(self, partitions: Sequence[int], *, deadline: float) -> Mapping[str, Hold]:
        found: dict[str, Hold] = {}
        for node, here in self._nodes.by_node(partitions):
            commands = [pack(b"HGETALL", keys.holds(partition)) for partition in here]
            replies = await node.call(b"".join(commands), len(commands), deadline)
            for reply in replies if len(commands) > 1 else (replies,):
                flat = checked(reply)
                found.update(zip(map(bytes.decode, flat[::2]), map(_hold, flat[1::2]), strict=True))
        return found


def _hold(line: bytes) -> Hold:
    try:
        until, not_before, attempts, by = line.decode().split(" ", 3)
        return Hold(int(until), int(not_before), int(attempts), by)
    except ValueError as error:
        raise StoreUnavailable("the store has a hold that nobody can read") from error


def _kept(held: bytes) -> KeptOrder:
    try:
        _, report, order = held.split(b"\n", 2)
    except ValueError as error:
        raise StoreUnavailable("the store holds an order that nobody can read") from error
    return KeptOrder(order, report)
