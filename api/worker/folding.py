"""What events do to one customer's state, as a pure function: the event state, the needs, and when to look again.

The profile is the loader's alone: `product_opened` and `product_closed` enter the history like every event, and what a
customer holds changes with the next load.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from api.entries import EventEntry, encode_entry
from api.needs import Held, active_needs, row_of
from engine.decision import Snapshot
from engine.errors import FactError
from engine.events import Event
from engine.generated import Row
from engine.ids import EventName, FactName
from engine.need_events import NEED, NEED_BEGAN, NEED_ENDED
from engine.plan import Plan

FUTURE_S: Final = 300
LOOK_AGAIN_S: Final = 86_400
"""How soon a customer is looked at again of whom a lasting need holds: the instant it last held moves along."""


SOURCE: Final = "nextbest/needs"
"""Where events come from that the worker reports itself."""


class Poison(Exception):
    """An event that cannot be folded; the reason is a word that never changes."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """A customer's state after some events."""

    events: Sequence[int]
    needs: Mapping[FactName, int]
    """Each need that is active, and when its own block last held, in seconds since the epoch."""
    due_at_s: int | None
    begun: tuple[FactName, ...]
    ended: tuple[FactName, ...]


def as_event(plan: Plan, entry: EventEntry, now_s: int) -> Event:
    """An entry of the stream as the event of a plan.

    Raises:
        Poison: the plan's catalogue does not know it, or it lies in the future.
    """
    spec = plan.catalogue.events.get(EventName(entry.type))
    if spec is None:
        raise Poison("unknown_event_type")
    at_s = entry.at_ms // 1_000
    if at_s > now_s + FUTURE_S:
        raise Poison("in_the_future")
    try:
        return Event(name=spec.name, at=at_s, fields=spec.hold(entry.data))
    except FactError as error:
        raise Poison("invalid_event") from error


def fold(plan: Plan, snapshot: Snapshot, events: Sequence[Event], now_s: int) -> Folded:
    """The state after events in any order; without events, the needs as they stand now."""
    if not plan.needs and not plan.lapses.any:
        ended = tuple(sorted(snapshot.needs))
        return Folded(events=_state(plan, snapshot, events, now_s), needs={}, due_at_s=None, begun=(), ended=ended)
    after = advanced(plan, snapshot, events, now_s)
    return settled(plan, snapshot, after, row_of(plan, after, now_s), now_s)


def advanced(plan: Plan, snapshot: Snapshot, events: Sequence[Event], now_s: int) -> Snapshot:
    """A snapshot with some more events in its state."""
    return replace(snapshot, events=_state(plan, snapshot, events, now_s))


def _state(plan: Plan, snapshot: Snapshot, events: Sequence[Event], now_s: int) -> Sequence[int]:
    state = snapshot.events
    if state is None:
        # A history that begins here says nothing of what came before, except of somebody who was nobody before.
        state = plan.event_layout.empty(now_s if snapshot.known else 0)
    for event in events:
        state = plan.event_layout.fold(state, event)
    return state


def settled(plan: Plan, before: Snapshot, after: Snapshot, row: Row, now_s: int, held: Held | None = None) -> Folded:
    """What there is to store of an advanced snapshot and its row; `held` as in `active_needs`."""
    assert after.events is not None
    needs = active_needs(plan, after, row, now_s, held)
    return Folded(
        events=after.events,
        needs=needs,
        due_at_s=due_at_s(plan, row, after.events, needs, now_s),
        begun=tuple(sorted(needs.keys() - before.needs.keys())),
        ended=tuple(sorted(before.needs.keys() - needs.keys())),
    )


def reports_of(folded: Folded, record: str, now_s: int) -> tuple[bytes, ...]:
    """The needs that began and ended, as events of their own for the customer's stream."""
    changes = [(NEED_BEGAN, need) for need in folded.begun] + [(NEED_ENDED, need) for need in folded.ended]
    return tuple(
        encode_entry(
            EventEntry(
                record=record,
                source=SOURCE,
                id=f"{record}/{change}/{need}/{now_s}",
                type=change,
                at_ms=now_s * 1_000,
                received_ms=now_s * 1_000,
                data={NEED: need.removeprefix("needs.")},
            )
        )
        for change, need in changes
    )


def due_at_s(plan: Plan, row: Row, state: Sequence[int], needs: Mapping[FactName, int], now_s: int) -> int | None:
    """When time alone may next change a need of the customer; None: nothing but an event does."""
    lapses, start = plan.lapses, plan.layout.event_offset
    found = [lapses.next_at(row[start : start + plan.event_layout.width], needs, plan.zone, now_s)]
    if lapses.running and plan.running is not None:
        found.append(plan.running.next_change(state, now_s))
    if any(needs.get(need) == now_s for need in lapses.lasting):
        found.append(now_s + LOOK_AGAIN_S)
    return min((at for at in found if at is not None), default=None)
