"""A customer as staff meet them: who they are in a line, what is new, and what other channels showed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from api.deadline import Deadline
from api.needs import row_of
from api.ports import CustomerKey, key_of
from api.ports.orders import OrderStatus
from api.problems import Problem, ProblemType
from api.routes.orders import orders_view
from api.routes.reading import unless_unavailable
from api.service_port import Shell
from api.serving import RecordUnreadable
from api.web.formats import Formats
from engine.channels import Channel
from engine.contacts import Contact, ContactState, DeclineReason, hash32
from engine.decision import Snapshot
from engine.facts import FactType, release
from engine.generated import Row
from engine.ids import ActionId, FactName
from engine.plan import Plan

RECENT: Final = timedelta(days=90)
"""What is new of somebody who has not been here before."""
MAX_NEWS: Final = 6
MAX_ELSEWHERE: Final = 6
ENDED: Final = frozenset({OrderStatus.COMPLETED, OrderStatus.REJECTED, OrderStatus.CANCELLED})
_ANSWERS: Final = frozenset({ContactState.LATER, ContactState.DECLINED, ContactState.ACCEPTED, ContactState.CONVERTED})


class Fact(NamedTuple):
    """A fact as one reads it in a line."""

    title: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that happened."""

    title: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An offer that reached the customer, and what became of it."""

    title: str
    channel: str
    at: datetime
    state: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Something that was ordered and has not ended."""

    order_id: str
    kind: str
    title: str
    channel: str
    placed_at: datetime
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """All that the screen says of a customer besides offers."""

    customer: str
    name: str | None
    about: Sequence["Fact"]
    products: Sequence[str]
    last_visit_at: datetime | None
    news: Sequence[News]
    elsewhere: Sequence[Told]
    answered: Sequence[Told]
    """Offers that were answered in this very visit."""
    orders: Sequence[Open]
    objects_to_profiling: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A customer's record as it was read once."""

    key: CustomerKey
    snapshot: Snapshot


async def read_person(shell: Shell, customer: str) -> Found:
    """The customer's record.

    Raises:
        Problem: there is no such customer, the record cannot be read, or the store is away.
    """
    deadline = Deadline.within(shell.settings.write_timeout_ms).deadline
    gathering = shell.customers.gather(key_of(customer), None, deadline=deadline)
    gathered = await unless_unavailable(shell, "gather", gathering)
    if gathered.record.owner is None:
        raise Problem(ProblemType.UNKNOWN_CUSTOMER, "no customer has this id")
    try:
        return Found(key=gathered.key, snapshot=shell.read(gathered.record))
    except RecordUnreadable as error:
        raise Problem(ProblemType.INTERNAL, "the customer's record cannot be read") from error


async def open_orders(shell: Shell, key: CustomerKey) -> list[Open]:
    """What was ordered and has not ended, latest first.

    Raises:
        Problem: the store is away.
    """
    deadline = Deadline.within(shell.settings.write_timeout_ms).deadline
    kept = await unless_unavailable(shell, "orders", shell.orders.orders_of(key, deadline=deadline))
    titles = {str(action.id): action.title for action in shell.service.plan.actions}
    return [
        Open(
            order_id=order.order_id,
            kind=order.kind,
            title=titles.get(order.action or "", ""),
            channel=order.channel,
            placed_at=order.placed_at,
            status=order.status,
        )
        for order in reversed(orders_view(kept))
        if order.status not in ENDED
    ][:MAX_ELSEWHERE]


def on_the_table(plan: Plan, found: Found, channel: Channel, session: str, now: datetime) -> list[ActionId]:
    """What was offered in this visit and nobody has answered yet, in the order in which it was offered."""
    return [
        plan.actions[position].id
        for each in found.snapshot.contacts
        if each.channel == channel.position
        and each.session_hash == hash32(session)
        and each.state not in _ANSWERS
        and not each.lapsed(int(now.timestamp()))
        and (position := plan.position_by_hash.get(each.action_hash)) is not None
    ]


def person_of(
    plan: Plan, found: Found, channel: Channel, session: str, orders: Sequence[Open], formats: Formats, now: datetime
) -> Person:
    """The customer as a screen of this channel shows them in this visit."""
    snapshot = found.snapshot
    contacts = [each for each in reversed(snapshot.contacts) if not each.lapsed(int(now.timestamp()))]
    here = [each for each in contacts if each.channel == channel.position]
    earlier = [each for each in here if each.session_hash != hash32(session)]
    last_visit_at = _instant(earlier[0].at) if earlier else None
    row = row_of(plan, snapshot, int(now.timestamp()))
    return Person(
        customer=found.key.record,
        name=_name(plan, snapshot),
        about=[each for fact in channel.about if (each := _fact(plan, row, fact, formats)) is not None],
        products=_products(plan, snapshot),
        last_visit_at=last_visit_at,
        news=_news(plan, snapshot, last_visit_at or now - RECENT),
        elsewhere=[_told(plan, each) for each in contacts if each.channel != channel.position][:MAX_ELSEWHERE],
        answered=[
            _told(plan, each) for each in here if each.session_hash == hash32(session) and each.state in _ANSWERS
        ],
        orders=orders,
        objects_to_profiling=snapshot.consent.profiling_objection is True,
    )


def _name(plan: Plan, snapshot: Snapshot) -> str | None:
    """What the customer is called, where the catalogue has a fact `name`."""
    position = plan.profile_schema.position_by_name.get(FactName("name"))
    held = None if position is None or snapshot.profile is None else snapshot.profile[position]
    return held if isinstance(held, str) and held.strip() else None


def _fact(plan: Plan, row: Row, name: FactName, formats: Formats) -> Fact | None:
    """A fact in a line; None where it is not known, or says no more than that there is nothing."""
    spec = plan.fact_specs[name]
    value = release(spec, row[plan.layout.slot_by_fact[name]])
    match value:
        case None | False | 0:
            return None
        case True:
            words = ""
        case tuple():
            words = ", ".join(each.replace("_", " ") for each in value)
        case str():
            words = value.replace("_", " ") if spec.type is FactType.CATEGORY else value
        case datetime() | date():
            words = formats.day(value)
        case _ if spec.type is FactType.MONEY:
            words = formats.money(value, decimals=False)
        case _:
            words = formats.number(value)
    return Fact(spec.title, words)


def _products(plan: Plan, snapshot: Snapshot) -> list[str]:
    if snapshot.profile is None:
        return []
    holds = plan.profile_schema.decode(snapshot.profile).get("holds")
    titles = plan.catalogue.titles
    return [titles.get(each, each.replace("_", " ")) for each in holds] if isinstance(holds, tuple) else []


def _news(plan: Plan, snapshot: Snapshot, since: datetime) -> list[News]:
    """What rules ask about and has happened since, latest first, each kind of event once."""
    state, layout = snapshot.events, plan.event_layout
    if state is None:
        return []
    latest: dict[str, int] = {}
    for offset, kept in zip(layout.offsets, layout.filters, strict=True):
        latest[kept.event] = max(latest.get(kept.event, 0), *state[offset : offset + kept.depth])
    happened = sorted(((at, event) for event, at in latest.items() if at > since.timestamp()), reverse=True)
    return [News(title=_title_of(plan, event), at=_instant(at)) for at, event in happened][:MAX_NEWS]


def _title_of(plan: Plan, event: str) -> str:
    spec = next((each for name, each in plan.catalogue.events.items() if name == event), None)
    return spec.title if spec is not None and spec.title else event.replace("_", " ")


def _told(plan: Plan, contact: Contact) -> Told:
    position = plan.position_by_hash.get(contact.action_hash)
    known_channel = contact.channel < len(plan.channels)
    return Told(
        title="" if position is None else plan.actions[position].title,
        channel=plan.channels[contact.channel].id if known_channel else "",
        at=_instant(contact.at),
        state=ContactState(contact.state).name.lower(),
        reason=DeclineReason(contact.reason).name.lower() if contact.reason else None,
    )


def _instant(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
