"""Orders and their status on Redis or Valkey: waiting ones lie in the partition's stream, reports beside the record."""

from collections.abc import Sequence
from typing import Final

from api.adapters import keys
from api.adapters.commands import Reply, checked, pack
from api.adapters.nodes import Nodes
from api.adapters.outcome_store import in_time
from api.adapters.script import REPORT
from api.entries import beginning_of_order, decode_order
from api.ports import CustomerKey, StoreUnavailable, Stream, key_of
from api.ports.orders import KEPT_DAYS, RANK, KeptOrder, OrderReport, ReportResult, ReportState

KEPT_MS: Final = KEPT_DAYS * keys.DAY_S * 1_000
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


def _kept(held: bytes) -> KeptOrder:
    try:
        _, report, order = held.split(b"\n", 2)
    except ValueError as error:
        raise StoreUnavailable("the store holds an order that nobody can read") from error
    return KeptOrder(order, report)
