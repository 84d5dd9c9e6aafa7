"""POST /v1/callbacks: "call me"; the customer and what they were looking at go to an agent's queue."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller
from api.access.required import require
from api.access.roles import Role
from api.deadline import Deadline
from api.entries import FulfilmentOrder, encode_order
from api.forms import CallbackForm, CallbackReceipt
from api.openapi import body_of
from api.ports import Arrival, Identity, Stream, key_of, key_of_unknown
from api.problems import Problem, ProblemType
from api.routes.reading import answer, read_one, shell_of, tracked, unless_unavailable
from engine.ids import ChannelId

router = APIRouter()

Asks = Annotated[Caller, Depends(require(Role.TOUCHPOINT, Role.TELLER, Role.AGENT))]
SOURCE: Final = "callbacks"


@router.post(
    "/v1/callbacks",
    status_code=202,
    response_model=CallbackReceipt,
    summary="Call me",
    openapi_extra=body_of(CallbackForm),
)
async def post_callbacks(request: Request, caller: Asks) -> Response:
    """One order in the partition's fulfilment stream for each `callback_id`."""
    shell = shell_of(request)
    form = await read_one(request, CallbackForm)
    caller.check_channel(form.channel)
    caller.check_scheme(form.identity.scheme)
    deadline = Deadline.within(shell.settings.write_timeout_ms)
    if ChannelId(form.channel) not in shell.service.plan.channel_by_id:
        raise Problem(ProblemType.UNKNOWN_CHANNEL, "`channel` is not one of the bundle's", pointer="/channel")
    offer = None if form.tracking_token is None else tracked(shell, form.tracking_token, deadline.now_ms / 1_000)
    identity = Identity(form.identity.scheme, form.identity.value)
    resolving = shell.customers.resolve([identity], deadline=deadline.deadline)
    customers = (await unless_unavailable(shell, "resolve", resolving)).customers
    key = key_of(customers[0]) if len(customers) == 1 else key_of_unknown(identity)
    order = FulfilmentOrder(
        order_id=form.callback_id,
        kind="callback",
        record=key.record,
        channel=form.channel,
        placed_at_ms=deadline.now_ms,
        decision_id=None if offer is None else offer.decision_id,
        action=None if offer is None else offer.action,
        treatment=None if offer is None else offer.treatment,
        page=form.page,
        phone_number=form.phone_number,
        call_after_ms=None if form.call_after is None else int(form.call_after.timestamp() * 1_000),
    )
    arrival = Arrival(SOURCE, form.callback_id, encode_order(order))
    appending = shell.journal.append_once(
        Stream.FULFILMENT, key.partition, [arrival], deadline_ms=deadline.deadline_ms, deadline=deadline.deadline
    )
    (new,) = await unless_unavailable(shell, "append", appending)
    receipt = CallbackReceipt(callback_id=form.callback_id, status="queued" if new else "duplicate")
    shell.metrics.callbacks.add((receipt.status,))
    return answer(receipt, 202)
