"""Reads what happened before a rule test asks: events, and contacts with what the customer answered."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Final

from engine.channels import Channel
from engine.clock import before
from engine.compiler.form import Form
from engine.compiler.given import held_or_problem
from engine.compiler.parse import Node, Scalar
from engine.compiler.problem_list import Problems
from engine.compiler.times import exists, read_day, read_duration, read_instant
from engine.contacts import Contact, ContactState, DeclineReason, hash32, validity_code
from engine.events import Event, EventSpec
from engine.facts import Held
from engine.ids import ActionId, EventName
from engine.plan import Plan

_STATES: Final[Mapping[str, ContactState]] = {
    "impression": ContactState.SHOWN,
    "click": ContactState.CLICKED,
    "later": ContactState.LATER,
    "decline": ContactState.DECLINED,
    "accept": ContactState.ACCEPTED,
    "convert": ContactState.CONVERTED,
}
_REASONS: Final = {reason.name.lower(): reason for reason in DeclineReason}
_RESERVED_MINUTES: Final = 10
_COMPLETE: Final = 0
"""Since when a test's history is kept: from the customer's first day on."""


def read_events(plan: Plan, nodes: Sequence[Node], now: datetime, problems: Problems) -> list[int]:
    """The event state after all events, `{t: -200d, event: mortgage_application, amount: 240_000}` each."""
    state = plan.event_layout.empty(_COMPLETE)
    for node in nodes:
        event = _event(plan, node, now, problems)
        if event is not None:
            state = plan.event_layout.fold(state, event)
    return state


def read_contacts(
    plan: Plan, nodes: Sequence[Node], channel: Channel, now: datetime, problems: Problems
) -> tuple[Contact, ...]:
    """Contacts, oldest first, `{t: -3d, action: isa, outcome: decline, reason: not_now}` each.

    Every contact is a session of its own; without a `channel` it was on the channel asked, without an `outcome` it was
    seen and not answered.
    """
    found = [
        contact
        for number, node in enumerate(nodes)
        if (contact := _contact(plan, node, number, channel, now, problems)) is not None
    ]
    return tuple(sorted(found))


def _event(plan: Plan, node: Node, now: datetime, problems: Problems) -> Event | None:
    form = Form(node, problems, "an event")
    at = _instant(form, plan, now)
    name = form.scalar("event", required=True)
    if name is None:
        return None
    spec = plan.catalogue.events.get(EventName(name.text))
    if spec is None:
        problems.unknown(name.span, "event", name.text, [str(each) for each in plan.catalogue.events])
        return None
    fields = _fields(form, spec, problems)
    form.finish()
    return None if at is None else Event(name=spec.name, at=at, fields=fields)


def _fields(form: Form, spec: EventSpec, problems: Problems) -> tuple[Held, ...]:
    held = []
    for field in spec.fields:
        node = form.node_at(field.name)
        held.append(field.missing if node is None else held_or_problem(field, node, problems))
    return tuple(held)


def _contact(plan: Plan, node: Node, number: int, asked: Channel, now: datetime, problems: Problems) -> Contact | None:
    form = Form(node, problems, "a contact")
    at = _instant(form, plan, now)
    name = form.scalar("action", required=True)
    state = _STATES[form.choice("outcome")]
    reason = _REASONS[form.choice("reason")]
    channels = {str(each.id): each for each in plan.channels}
    channel = channels[form.choice("channel", tuple(channels), asked.id)]
    if reason is not DeclineReason.NONE and state is not ContactState.DECLINED:
        problems.error(form.span_of("reason"), "only a decline has a `reason`")
    form.finish()
    if name is None or at is None:
        return None
    position = plan.position_by_action.get(ActionId(name.text))
    if position is None:
        problems.unknown(name.span, "action", name.text, [str(each) for each in plan.position_by_action])
        return None
    return Contact(
        at=at,
        action_hash=plan.actions[position].hash,
        session_hash=hash32(f"rule test {number}"),
        channel=channel.position,
        state=state,
        reason=reason,
        validity=validity_code(_RESERVED_MINUTES),
    )


def _instant(form: Form, plan: Plan, now: datetime) -> int | None:
    """`t: -200d` counted back from now, or a date (noon) or an instant; never after now."""
    node = form.scalar("t", required=True)
    if node is None:
        return None
    at = _read_instant(node, plan, now)
    if at is None:
        message = f"`t` must say how long ago, not `{node.text}`"
        if not exists(node.text):
            message = f"`t: {node.text}` is a date that does not exist"
        form.problems.error(node.span, message, "such as -200d, -6mo, -12h or 2025-11-30")
        return None
    if at > now:
        form.problems.error(node.span, f"`t: {node.text}` lies after the test's now")
        return None
    return int(at.timestamp())


def _read_instant(node: Scalar, plan: Plan, now: datetime) -> datetime | None:
    text = node.text.strip()
    ago = read_duration(text.removeprefix("-"))
    if ago is not None:
        return before(now.astimezone(plan.zone), ago) if text.startswith("-") or not ago.amount else None
    day, written = read_day(text), read_instant(text)
    if day is not None:
        return datetime.combine(day, time(12), plan.zone)
    if written is None:
        return None
    return written if written.tzinfo is not None else written.replace(tzinfo=plan.zone)
