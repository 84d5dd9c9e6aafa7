"""/v1/customers/{id}: what staff may see of a customer, and what the customer allows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from time import time
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from api.adapters.records import encode_consent
from api.deadline import Deadline
from api.entries import ConsentEntry, encode_entry
from api.forms import (
    ConsentForm,
    ConsentReceipt,
    ConsentView,
    ContactView,
    CustomerView,
    NeedView,
    OrderView,
    ThemeView,
)
from api.needs import active_needs, active_themes, row_of
from api.openapi import body_of
from api.ports import ConsentState, ConsentWrite, key_of
from api.problems import Problem, ProblemType
from api.routes.orders import orders_view
from api.routes.reading import answer, read_one, shell_of, unless_unavailable
from api.serving import RecordUnreadable
from engine.contacts import Contact, ContactState, DeclineReason
from engine.decision import Snapshot
from engine.facts import Consent
from engine.ids import ChannelId, CustomerId
from engine.plan import Plan

router = APIRouter()

Id = Annotated[CustomerId, Path(alias="id", min_length=1, max_length=256, description="The customer's own id")]
MAX_CONTACTS: Final = 50
MAX_ORDERS: Final = 20


@router.get("/v1/customers/{id}", response_model=CustomerView, summary="What staff may see of a customer")
async def get_customer(request: Request, customer: Id) -> Response:
    """Profile, needs and themes inferred now, latest contacts on all channels, consent."""
    shell = shell_of(request)
    deadline = Deadline.within(shell.settings.write_timeout_ms).deadline
    gathering = shell.customers.gather(key_of(customer), None, deadline=deadline)
    gathered = await unless_unavailable(shell, "gather", gathering)
    if gathered.record.owner is None:
        raise Problem(ProblemType.UNKNOWN_CUSTOMER, "no customer has this id")
    try:
        snapshot = shell.read(gathered.record)
    except RecordUnreadable as error:
        raise Problem(ProblemType.INTERNAL, "the customer's record cannot be read") from error
    ordered = await unless_unavailable(shell, "orders", shell.orders.orders_of(gathered.key, deadline=deadline))
    orders = list(reversed(orders_view(ordered)))[:MAX_ORDERS]
    return answer(_view(shell.service.plan, gathered.key.record, snapshot, orders, int(time())))


@router.put(
    "/v1/customers/{id}/consent",
    response_model=ConsentReceipt,
    summary="What a customer allows",
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


def _view(plan: Plan, customer: str, snapshot: Snapshot, orders: list[OrderView], now_s: int) -> CustomerView:
    return CustomerView(
        customer_id=customer,
        profile=_profile(plan, snapshot),
        needs=_needs(plan, snapshot, now_s),
        themes=_themes(plan, snapshot, now_s),
        contacts=_contacts(plan, snapshot.contacts),
        orders=orders,
        consent=ConsentView(
            version=snapshot.consent.version,
            purposes={purpose: dict(channels) for purpose, channels in snapshot.consent.allowed_by_purpose.items()},
            profiling_objection=snapshot.consent.profiling_objection,
        ),
    )


def _profile(plan: Plan, snapshot: Snapshot) -> dict[str, object]:
    if snapshot.profile is None:
        return {}
    audit_only = {spec.name for spec in plan.profile_schema.columns if spec.protected}
    values = plan.profile_schema.decode(snapshot.profile)
    return {name: value for name, value in values.items() if name not in audit_only}


def _needs(plan: Plan, snapshot: Snapshot, now_s: int) -> list[NeedView]:
    if snapshot.consent.profiling_objection:
        return []
    active = active_needs(plan, snapshot, row_of(plan, snapshot, now_s), now_s)
    return [
        NeedView(need=need.removeprefix("needs."), last_held_at=_instant(held_s)) for need, held_s in active.items()
    ]


def _themes(plan: Plan, snapshot: Snapshot, now_s: int) -> list[ThemeView]:
    if snapshot.consent.profiling_objection:
        return []
    return [
        ThemeView(theme=theme.head.rule.partition("/")[2], title=theme.head.title)
        for theme in active_themes(plan, row_of(plan, snapshot, now_s))
    ]


def _contacts(plan: Plan, contacts: Sequence[Contact]) -> list[ContactView]:
    return [_contact(plan, contact) for contact in reversed(contacts[-MAX_CONTACTS:])]


def _contact(plan: Plan, contact: Contact) -> ContactView:
    position = plan.position_by_hash.get(contact.action_hash)
    action = None if position is None else plan.actions[position]
    known_channel = contact.channel < len(plan.channels)
    return ContactView(
        at=_instant(contact.at),
        action=None if action is None else action.id,
        title="an action of earlier rules" if action is None else action.title,
        channel=plan.channels[contact.channel].id if known_channel else "unknown",
        state=ContactState(contact.state).name.lower(),
        reason=DeclineReason(contact.reason).name.lower() if contact.reason else None,
    )


def _instant(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
