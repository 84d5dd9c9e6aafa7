"""The wire's shapes for every route but decisions and explanations, as pydantic models."""

from contextlib import suppress
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Generic, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from api.ports.orders import OrderStatus
from api.schemas import NAME_PATTERN

PHONE_PATTERN: Final = r"^\+?[0-9][0-9 ()./-]{4,30}$"
SUBJECT_PATTERN: Final = "^[a-z][a-z0-9_]*:.+$"


def _as_instant(value: object) -> datetime:
    """Read RFC 3339; its zone is checked after."""
    if isinstance(value, str):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    raise ValueError("an instant looks like 2026-11-21T10:00:00Z")


Instant = Annotated[AwareDatetime, BeforeValidator(_as_instant)]
"""RFC 3339 with its zone; a bare number of seconds is not taken for one."""


class Form(BaseModel):
    """What every other route takes: strict types, no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


OpaqueText = Annotated[str, Field(min_length=1, max_length=128)]
NameText = Annotated[str, Field(pattern=NAME_PATTERN, max_length=64)]


Receipt = TypeVar("Receipt", bound=BaseModel)


class BatchReceipt(BaseModel, Generic[Receipt]):
    """One receipt for each part of a batch, in its order."""

    results: list[Receipt]


class OutcomeKind(StrEnum):
    """What a customer did with an offer."""

    IMPRESSION = "impression"
    CLICK = "click"
    LATER = "later"
    DECLINE = "decline"
    ACCEPT = "accept"
    CONVERT = "convert"


class DeclineCode(StrEnum):
    """Why a customer declined."""

    NOT_NOW = "not_now"
    NOT_INTERESTED = "not_interested"
    NEVER = "never"
    ALREADY_HAVE = "already_have"
    TOO_EXPENSIVE = "too_expensive"
    OTHER = "other"


class OutcomeForm(Form):
    """One outcome of one offer; sent again with the same `outcome_id`, it counts once."""

    outcome_id: OpaqueText
    tracking_token: Annotated[str, Field(min_length=1, max_length=2048)]
    outcome: OutcomeKind
    reason: DeclineCode | None = None
    occurred_at: Instant
    appointment_at: Instant | None = None
    """When the customer wants to come, where the offer leads to an appointment: one of `/v1/appointments`."""
    branch: NameText | None = None
    """Where to."""

    @model_validator(mode="after")
    def _only_declines_have_reasons(self) -> Self:
        if self.reason is not None and self.outcome is not OutcomeKind.DECLINE:
            raise ValueError("only a decline has a reason")
        if (self.appointment_at or self.branch) and self.outcome is not OutcomeKind.ACCEPT:
            raise ValueError("only an accept has an appointment")
        return self


ReportedStatus = Literal[
    OrderStatus.RECEIVED, OrderStatus.IN_PROGRESS, OrderStatus.COMPLETED, OrderStatus.REJECTED, OrderStatus.CANCELLED
]

OutcomeStatus = Literal["recorded", "duplicate", "late_impression", "refused"]


class OutcomeReceipt(BaseModel):
    """How an outcome was taken; all but `refused` are durable."""

    outcome_id: str | None
    status: OutcomeStatus
    ordered: bool = False
    """Whether this very outcome placed the fulfilment order."""
    problem: dict[str, Any] | None = None


class EventForm(BaseModel):
    """A CloudEvent of version 1.0 in structured JSON; extension attributes are allowed and not kept."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

    specversion: Literal["1.0"]
    id: OpaqueText
    source: OpaqueText
    type: Annotated[str, Field(min_length=1, max_length=64)]
    subject: Annotated[str, Field(pattern=SUBJECT_PATTERN, max_length=300, examples=["customer_id:C0000001"])]
    time: Instant | None = None
    """When it happened; absent: when it was received."""
    datacontenttype: Literal["application/json"] | None = None
    data: dict[str, Any] = {}
    data_base64: None = None
    """Binary content is not taken."""


EventStatus = Literal["accepted", "duplicate", "quarantined", "refused"]


class EventReceipt(BaseModel):
    """How an event was taken; all but `refused` are durable."""

    source: str | None
    id: str | None
    status: EventStatus
    reason: str | None = None
    """Why it was put aside: it lies in the future, is too old to be known for a duplicate, or means two people."""
    problem: dict[str, Any] | None = None


class ConsentForm(Form):
    """A customer's whole consent; `version` is the source's own and rises with every change."""

    version: Annotated[int, Field(ge=1, le=2**53)]
    purposes: dict[NameText, dict[NameText, bool]] = {}
    profiling_objection: bool | None = None


class ConsentReceipt(BaseModel):
    """The consent that is in force now."""

    status: Literal["applied", "unchanged"]
    version: int


class IdentityForm(Form):
    """One way in which a touchpoint names the customer."""

    scheme: Annotated[str, Field(pattern=NAME_PATTERN, max_length=32)]
    value: Annotated[str, Field(min_length=1, max_length=256)]


class CallbackForm(Form):
    """Somebody asks to be called: who, from where, and what they were looking at."""

    callback_id: OpaqueText
    identity: IdentityForm
    channel: NameText
    tracking_token: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    """Of the offer that they were looking at."""
    page: Annotated[str, Field(max_length=128)] | None = None
    phone_number: Annotated[str, Field(pattern=PHONE_PATTERN, max_length=32, examples=["020 7946 0123"])] | None = None
    """Where to call; without it, the number that the bank has."""
    call_after: Instant | None = None


class Plug(StrEnum):
    """What a demonstration can do without for a while."""

    STORE = "store"
    MODEL = "model"


class PlugForm(Form):
    """What is unplugged, or put back."""

    plug: Plug
    out: bool


class AppointmentsView(BaseModel):
    """Times at which branches have time, earliest first."""

    slots: list[datetime]


class CallbackReceipt(BaseModel):
    """A call that an agent will make."""

    callback_id: str
    status: Literal["queued", "duplicate"]


class WhyView(BaseModel):
    """One part of a rule that holds."""

    rule: str
    place: str
    """`file:line:column` of the part."""
    cell: str
    detail: str
    """In words, with what was found of the customer."""
    facts: dict[str, str]
    """The facts and events behind it, as people read them."""


class NeedView(BaseModel):
    """A need that was inferred for the customer."""

    need: str
    last_held_at: datetime
    why: list[WhyView]
    """What makes it hold now, other needs among it; empty where it only lasts since it held."""


class ThemeView(BaseModel):
    """A theme that is active for the customer."""

    theme: str
    title: str
    why: list[WhyView]
    journey: list[str]
    """The actions that lead there, in order."""


class StateView(BaseModel):
    """Something that happened to the customer and that rules ask about."""

    event: str
    where: str
    """The event, narrowed as the rules narrow it."""
    last_at: datetime
    times: int
    """As many of the latest as rules ask for."""


class GroupView(BaseModel):
    """A group that the customer belongs to."""

    group: str
    start: datetime | None
    end: datetime | None
    by: str | None = None
    """`fixed`: a person or a file; otherwise the need by which it is inferred. None: it came with the profile."""


class RelationView(BaseModel):
    """Somebody whom the customer is related to."""

    kind: str
    title: str | None = None
    """What the catalogue calls the kind, if it declares it."""
    to: str
    start: date | None
    end: date | None


class MergedView(BaseModel):
    """A record that was merged into the customer's."""

    record: str
    merge_id: str
    merged_at: datetime
    why: str


class OpportunityView(BaseModel):
    """What would be offered to the customer now on a channel for staff."""

    rank: int
    action: str
    title: str
    placement: str
    theme: str | None
    propensity: float | None
    maturity: float | None
    """How far the action's own evidence counts in its propensity, from 0 (its group's alone) to 1."""
    priority: float | None
    say: str | None
    """A sentence that staff may say to the customer."""
    reasons: list[str]


class ContactView(BaseModel):
    """One offer that reached the customer on any channel."""

    at: datetime
    action: str | None
    """None: an action that the bundle no longer has."""
    title: str
    channel: str
    state: str
    reason: str | None


class OrderReportForm(Form):
    """What the back office says of an order."""

    order_id: Annotated[str, Field(min_length=1, max_length=256)]
    record: Annotated[str, Field(min_length=1, max_length=300)]
    """Whose it is, as the order itself says."""
    status: ReportedStatus
    reported_at: Instant | None = None
    """Absent: when it was received."""
    note: Annotated[str, Field(max_length=256)] | None = None
    reference: OpaqueText | None = None
    """What the back office calls the order itself."""


class OrderReceipt(BaseModel):
    """How a report was taken."""

    order_id: str
    result: Literal["applied", "unchanged", "superseded"]
    status: OrderStatus
    """The one in force now."""
    acknowledged: bool
    """Whether this very report took the order off the queue: of several who try, one goes on with it."""


class OrderView(BaseModel):
    """Something that was ordered, and how far it is."""

    order_id: str
    kind: Literal["offer", "callback"]
    record: str
    channel: str
    placed_at: datetime
    action: str | None = None
    gives: str | None = None
    treatment: str | None = None
    decision_id: str | None = None
    leads_to: dict[str, str] | None = None
    page: str | None = None
    phone_number: str | None = None
    """Where the customer wants to be called, as they wrote it."""
    call_after: datetime | None = None
    appointment_at: datetime | None = None
    """When the customer wants to come to the branch."""
    branch: str | None = None
    status: OrderStatus
    status_at: datetime
    note: str | None = None
    reference: str | None = None


class OrdersView(BaseModel):
    """Orders, oldest first."""

    orders: list[OrderView]


class ConsentView(BaseModel):
    """What the customer allows."""

    version: int
    purposes: dict[str, dict[str, bool]]
    profiling_objection: bool | None


class CustomerView(BaseModel):
    """What staff may see of a customer; attributes kept for audit are left out."""

    customer_id: str
    """Who they are now, where the id asked for was merged into another."""
    profile: dict[str, Any]
    calculated: dict[str, Any]
    """What the catalogue calculates of the profile and of what happened, as far as it is known."""
    states: list[StateView]
    """Latest first."""
    needs: list[NeedView]
    themes: list[ThemeView]
    groups: list[GroupView]
    relations: list[RelationView]
    merged: list[MergedView]
    """The records that became one with this customer's, latest first."""
    contacts: list[ContactView]
    """Latest first, on all channels."""
    opportunities: list[OpportunityView]
    """Best first; empty where nothing is to be offered, or `degraded` says why nobody knows."""
    degraded: list[str]
    """What was missing when the opportunities were judged."""
    orders: list[OrderView]
    """Latest first, with the status that came back."""
    consent: ConsentView


class ReloadView(BaseModel):
    """The last look at the rules on disk."""

    result: Literal["none", "taken_up", "unchanged", "refused", "failed"]
    ruleset: str | None
    """What was found on disk."""
    errors: int
    at: datetime | None


class Readiness(BaseModel):
    """Whether requests are served, and what is missing."""

    status: Literal["ready", "degraded"]
    reasons: list[str]
    ruleset: str
    reload: ReloadView
    """How the last attempt to take up rules from disk ended; refused rules leave the others serving."""
    durability: str
    """How soon the store keeps what it acknowledges: `always`, `1s` or `unknown`."""
