"""/v1/orders: what has to be done for customers waits here until somebody takes it on, and its status comes back."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from api.access.callers import Caller
from api.access.required import note_look, require
from api.access.roles import Role
from api.booking import give_back_of
from api.deadline import FUTURE_S, Deadline
from api.entries import ReportEntry, decode_order, decode_report, encode_report
from api.forms import OrderReceipt, OrderReportForm, OrdersView, OrderView
from api.openapi import body_of
from api.ports import FIRST, PARTITIONS, Stream, key_of
from api.ports.orders import KeptOrder, OrderReport, OrderStatus, ReportState
from api.problems import Problem, ProblemType
from api.routes.reading import answer, read_one, shell_of, unless_unavailable
from api.service_port import Shell

WORKS: Final = require(Role.TELLER, Role.AGENT, Role.OPERATOR)
router = APIRouter(dependencies=[Depends(WORKS)])

_BEGINNING: Final = dict.fromkeys(range(PARTITIONS), FIRST)
_RESULTS: Final = {
    ReportState.APPLIED: "applied",
    ReportState.UNCHANGED: "unchanged",
    ReportState.SUPERSEDED: "superseded",
}
_COMES_TO_NOTHING: Final = (OrderStatus.REJECTED, OrderStatus.CANCELLED)

Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most")]
Record = Annotated[
    str | None,
    Query(min_length=1, max_length=300, description="All orders of one customer instead, whatever their status"),
]


@router.get("/v1/orders", response_model=OrdersView, summary="What waits to be done for customers")
async def get_orders(
    request: Request, caller: Annotated[Caller, Depends(WORKS)], limit: Limit = 100, record: Record = None
) -> Response:
    """Accepted offers and calls that nobody has taken on yet, oldest first; asking takes nothing off the queue."""
    shell = shell_of(request)
    deadline = Deadline.within(shell.settings.write_timeout_ms).deadline
    kept: Sequence[KeptOrder]
    if record is not None:
        kept = await unless_unavailable(shell, "orders", shell.orders.orders_of(key_of(record), deadline=deadline))
    else:
        reading = shell.journal.read(Stream.FULFILMENT, _BEGINNING, count=limit + 1)
        found = await unless_unavailable(shell, "orders", reading)
        kept = [KeptOrder(entry.body, None) for entries in found.values() for entry in entries]
    orders = orders_view(kept)[:limit]
    await note_look(request, caller, *dict.fromkeys(order.record for order in orders))
    return answer(OrdersView(orders=orders))


@router.post(
    "/v1/orders/status",
    response_model=OrderReceipt,
    summary="How far an order is",
    openapi_extra=body_of(OrderReportForm),
)
async def post_status(request: Request) -> Response:
    """The first report takes the order off the queue. A status never goes back, so reports may come in any order."""
    shell = shell_of(request)
    form = await read_one(request, OrderReportForm)
    return answer(await report_order(shell, form))


async def report_order(shell: Shell, form: OrderReportForm) -> OrderReceipt:
    """Note how far an order is.

    Raises:
        Problem: there is no such order, it has ended otherwise, or the store is away.
    """
    deadline = Deadline.within(shell.settings.write_timeout_ms)
    at_ms = deadline.now_ms if form.reported_at is None else int(form.reported_at.timestamp() * 1_000)
    if at_ms > deadline.now_ms + 1_000 * FUTURE_S:
        raise Problem(ProblemType.INVALID_BODY, "`reported_at` lies in the future", pointer="/reported_at")
    entry = ReportEntry(status=form.status, at_ms=at_ms, note=form.note, reference=form.reference)
    report = OrderReport(deadline.deadline_ms, form.order_id, OrderStatus(form.status), encode_report(entry))
    key = key_of(form.record)
    reporting = shell.orders.report(key, report, deadline=deadline.deadline)
    result = await unless_unavailable(shell, "order", reporting)
    if result is None:
        raise Problem(ProblemType.UNKNOWN_ORDER, "no order of this record has this id", pointer="/order_id")
    in_force = OrderStatus(decode_report(result.in_force).status)
    if result.state is ReportState.CLOSED:
        raise Problem(ProblemType.ORDER_CLOSED, f"the order is {in_force}", pointer="/status")
    if form.status in _COMES_TO_NOTHING:
        await give_back_of(shell, key, form.order_id, deadline)
    taken = _RESULTS[result.state]
    shell.metrics.orders.add((form.status, taken))
    return OrderReceipt.model_validate(
        {"order_id": form.order_id, "result": taken, "status": in_force, "acknowledged": result.acknowledged}
    )


def orders_view(kept: Iterable[KeptOrder]) -> list[OrderView]:
    """Orders as staff see them, oldest first."""
    return sorted(map(_view, kept), key=lambda order: (order.placed_at, order.order_id))


def _view(kept: KeptOrder) -> OrderView:
    order = decode_order(kept.order)
    report = None if kept.report is None else decode_report(kept.report)
    return OrderView(
        order_id=order.order_id,
        kind=order.kind,
        record=order.record,
        channel=order.channel,
        placed_at=_instant(order.placed_at_ms),
        action=order.action,
        gives=order.gives,
        treatment=order.treatment,
        decision_id=order.decision_id,
        leads_to=order.leads_to,
        page=order.page,
        phone_number=order.phone_number,
        call_after=None if order.call_after_ms is None else _instant(order.call_after_ms),
        appointment_at=None if order.appointment_at_ms is None else _instant(order.appointment_at_ms),
        branch=order.branch,
        status=OrderStatus.PLACED if report is None else OrderStatus(report.status),
        status_at=_instant(order.placed_at_ms if report is None else report.at_ms),
        note=None if report is None else report.note,
        reference=None if report is None else report.reference,
    )


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1_000, UTC)
