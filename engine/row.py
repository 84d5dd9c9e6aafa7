"""Assembles the row: everything that the rules may read of one decision, by slot."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.decision import Request, Snapshot
from engine.facts import EMPTY_CONSENT, Held, is_missing
from engine.generated import Row
from engine.ids import FactName
from engine.plan import Plan

CUSTOMER_SINCE = FactName("customer.since")
_EPOCH_ORDINAL = 719_163
_DAY_S = 86_400


def assemble(plan: Plan, request: Request, snapshot: Snapshot, now: datetime) -> Row:
    """A row with all derived slots filled in. Facts without a value are missing, and unknown never admits."""
    layout = plan.layout
    clock = plan.clock.slots(now)
    profile = snapshot.profile if snapshot.profile is not None else plan.nobody
    events = _event_state(plan, snapshot, profile, clock[3])
    running = plan.running
    row: Row = [*profile, *(events if running is None else events[: running.width])]
    channel = request.channel.id
    consent = snapshot.consent
    if consent is EMPTY_CONSENT:
        row += plan.no_consent
    else:
        row += [consent.allows(purpose, channel) for purpose in plan.catalogue.purposes]
        row.append(consent.profiling_objection)
    context = request.context
    row += [context.get(name, missing) for name, missing in plan.context_slots] if context else plan.no_context
    row.append(request.channel.position)
    row.append(request.moment)
    row += clock
    row += plan.no_derived
    for need, slot in layout.last_held_slot_by_need.items():
        row[slot] = snapshot.needs.get(need, 0)
    if running is not None:
        running.fill(row, events, events[0], clock[3])
    generated = plan.generated
    generated.complete(row)
    generated.infer(row)
    return row


def _event_state(plan: Plan, snapshot: Snapshot, profile: Sequence[Held], now_s: int) -> list[int]:
    """The event state, with KEPT_SINCE 0 where the history is complete from the customer's first day."""
    if snapshot.events is None:
        return plan.event_layout.empty(now_s if snapshot.known else 0)
    events = list(snapshot.events)
    position = plan.profile_schema.position_by_name.get(CUSTOMER_SINCE)
    if events[0] and position is not None and not is_missing(since := profile[position]):
        assert isinstance(since, int)
        if _day_of(events[0], since, plan.zone) <= since:
            events[0] = 0
    return events


def _day_of(instant_s: int, near: int, zone: ZoneInfo) -> int:
    """The ordinal of an instant's day in a zone; exact where that decides, within a day where `near` is far away."""
    day = instant_s // _DAY_S + _EPOCH_ORDINAL
    return day if abs(day - near) > 1 else datetime.fromtimestamp(instant_s, zone).toordinal()
