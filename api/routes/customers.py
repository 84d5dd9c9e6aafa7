"""/v1/customers/{id}: what staff may see of a customer, and what the customer allows."""

from time import monotonic, time
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.access.callers import Caller
from api.access.required import note_look, require
from api.access.roles import Role
from api.adapters.records import encode_consent
from api.customer_view import view_of
from api.deadline import Deadline
from api.entries import ConsentEntry, encode_entry
from api.forms import ConsentForm, ConsentReceipt, CustomerView
from api.openapi import body_of
from api.ports import ConsentState, ConsentWrite, key_of
from api.problems import Problem, ProblemType
from api.relating import kin_of
from api.routes.orders import orders_view
from api.routes.reading import answer, read_one, shell_of, unless_unavailable
from api.schemas import ExplanationRequest, IdentityBody
from api.service_port import Shell
from api.serving import RecordUnreadable
from engine.facts import Consent
from engine.ids import ChannelId, CustomerId
from engine.plan import Plan

router = APIRouter()

Viewer = Annotated[Caller, Depends(require(Role.TELLER, Role.AGENT, Role.COMPLIANCE))]
Id = Annotated[CustomerId, Path(alias="id", min_length=1, max_length=256, description="The customer's own id")]
Channel = Annotated[
    str | None, Query(max_length=64, description="Judge opportunities on this channel for staff; default: the first")
]
MAX_ORDERS: Final = 20


@router.get(
    "/v1/customers/{id}",
    response_model=CustomerView,
    summary="What staff may see of a customer",
)
async def get_customer(request: Request, caller: Viewer, customer: Id, channel: Channel = None) -> Response:
    """Profile, what happened, needs and themes with their why, groups, relations, contacts, orders, opportunities."""
    shell = shell_of(request)
    deadline = Deadline.within(shell.settings.write_timeout_ms).deadline
    gathering = shell.customers.gather(key_of(customer), None, deadline=deadline)
    gathered = await unless_unavailable(shell, "gather", gathering)
    await note_look(request, caller, *{customer: None, gathered.key.record: None})
    if gathered.record.owner is None:
        raise Problem(ProblemType.UNKNOWN_CUSTOMER, "no customer has this id")
    try:
        snapshot = shell.read(gathered.record)
    except RecordUnreadable as error:
        raise Problem(ProblemType.INTERNAL, "the customer's record cannot be read") from error
    key = gathered.key
    ordered = await unless_unavailable(shell, "orders", shell.orders.orders_of(key, deadline=deadline))
    kin = await unless_unavailable(shell, "kin", kin_of(key, shell.merges, shell.relations, deadline=deadline))
    for merged in kin.merges:
        asking = shell.orders.orders_of(key_of(merged.loser), deadline=deadline)
        ordered = [*ordered, *await unless_unavailable(shell, "orders", asking)]
    orders = sorted(orders_view(ordered), key=lambda order: order.placed_at, reverse=True)[:MAX_ORDERS]
    plan = shell.service.plan
    opportunities = await shell.service.explain(_what_to_offer(shell, plan, key.record, channel), monotonic())
    view = view_of(
        plan,
        key.record,
        snapshot,
        kin=kin,
        orders=orders,
        opportunities=opportunities,
        ties=gathered.record.ties,
        now_s=int(time()),
    )
    return answer(view)


def _what_to_offer(shell: Shell, plan: Plan, customer: str, channel: str | None) -> ExplanationRequest:
    """The question what staff would offer the customer now.

    Raises:
        Problem: the channel is not one for staff.
    """
    for_staff = [each.id for each in plan.channels if each.staff]
    if channel is not None and channel not in for_staff:
        detail = f"a channel for staff is one of {', '.join(for_staff)}"
        raise Problem(ProblemType.UNKNOWN_CHANNEL, detail, pointer="/channel")
    asked = channel or next(iter(for_staff), plan.channels[0].id)
    question = ExplanationRequest(identity=IdentityBody("customer_id", customer), channel=asked)
    return shell.service.vocabulary.completed(question)


@router.put(
    "/v1/customers/{id}/consent",
    response_model=ConsentReceipt,
    summary="What a customer allows",
    dependencies=[Depends(require(Role.TELLER, Role.AGENT, Role.COMPLIANCE, Role.OPERATOR))],
    openapi_extra=body_of(ConsentForm),
)
async def put_consent(request: Request, customer: Id) -> Response:
    """Replaces the customer's whole consent; in force for the next decision anywhere. Older versions are refused."""
    shell = shell_of(request)
    form = await read_one(request, ConsentForm)
    _see_that_names_exist(shell.service.plan, form)
    deadline = Deadline.within(shell.settings.write_timeout_ms)
    consent = Consent(
        version=form.version, allowed_by_purpose=form.purposes, profiling_objection=form.profiling_objection
    )
    entry = ConsentEntry(
        record=customer,
        version=form.version,
        purposes=form.purposes,
        profiling_objection=form.profiling_objection,
        received_ms=deadline.now_ms,
    )
    write = ConsentWrite(
        deadline_ms=deadline.deadline_ms,
        consent=encode_consent(consent),
        version=form.version,
        entry=encode_entry(entry),
    )
    setting = shell.outcomes.set_consent(key_of(customer), write, deadline=deadline.deadline)
    result = await unless_unavailable(shell, "consent", setting)
    shell.metrics.consents.add((result.state.name.lower(),))
    if result.state is ConsentState.STALE:
        raise Problem(ProblemType.CONSENT_VERSION, f"version {result.version} is in force", pointer="/version")
    status = ConsentReceipt(
        status="applied" if result.state is ConsentState.APPLIED else "unchanged", version=result.version
    )
    return answer(status)


def _see_that_names_exist(plan: Plan, form: ConsentForm) -> None:
    for purpose, allowed_by_channel in form.purposes.items():
        if purpose not in plan.catalogue.purposes:
            known = ", ".join(plan.catalogue.purposes)
            raise Problem(ProblemType.UNKNOWN_PURPOSE, f"a purpose is one of {known}", pointer=f"/purposes/{purpose}")
        for channel in allowed_by_channel:
            if ChannelId(channel) not in plan.channel_by_id:
                known = ", ".join(plan.channel_by_id)
                pointer = f"/purposes/{purpose}/{channel}"
                raise Problem(ProblemType.UNKNOWN_CHANNEL, f"a channel is one of {known}", pointer=pointer)
