"""What events do to one customer's state, without any store."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.entries import EventEntry
from api.needs import row_of
from api.worker.folding import LOOK_AGAIN_S, Poison, advanced, as_event, fold, settled
from engine.decision import Snapshot
from engine.events import KEPT_SINCE, Event
from engine.ids import EventName, FactName
from engine.lapses import Lapses
from tests.unit.api.shells import starter_plan

PLAN = starter_plan()
NOW_S = 1_795_255_200
DAY_S = 86_400
HOME = FactName("needs.home_ownership")


def an_entry(**changes: object) -> EventEntry:
    entry = {
        "record": "C0000001",
        "source": "core_banking",
        "id": "e1",
        "type": "mortgage_application",
        "at_ms": 1_000 * NOW_S,
        "received_ms": 1_000 * NOW_S,
        "data": {"amount": 240_000},
    }
    return EventEntry(**(entry | changes))  # type: ignore[arg-type]  # each test names fields of its own


def an_application(days_ago: int) -> Event:
    return as_event(PLAN, an_entry(at_ms=1_000 * (NOW_S - days_ago * DAY_S)), NOW_S)


def test_event_is_read_under_the_plan_s_catalogue() -> None:
    """Money in minor units, as conditions compare it."""
    event = as_event(PLAN, an_entry(), NOW_S)
    assert (event.name, event.at, event.fields) == ("mortgage_application", NOW_S, [24_000_000])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "gone"}, "unknown_event_type"),
        ({"data": {"amount": "much"}}, "invalid_event"),
        ({"data": {"purpose": "home"}}, "invalid_event"),
        ({"at_ms": 1_000 * (NOW_S + 301)}, "in_the_future"),
    ],
)
def test_event_that_no_longer_fits_is_poison(changes: dict[str, object], reason: str) -> None:
    """It was taken in under other rules, or by another way in."""
    with pytest.raises(Poison, match=reason):
        as_event(PLAN, an_entry(**changes), NOW_S)


def test_event_reveals_a_need() -> None:
    """And the customer is looked at again before it can end unseen."""
    folded = fold(PLAN, Snapshot(known=True), [an_application(3)], NOW_S)
    assert folded.begun == (HOME,)
    assert folded.needs[HOME] == NOW_S
    assert folded.due_at_s == NOW_S + LOOK_AGAIN_S


def test_history_of_a_known_customer_begins_with_the_first_event_we_fold() -> None:
    """What came before is unknown, not absent; somebody new has no before."""
    known = fold(PLAN, Snapshot(known=True), [an_application(3)], NOW_S)
    new = fold(PLAN, Snapshot(known=False), [an_application(3)], NOW_S)
    assert (known.events[KEPT_SINCE], new.events[KEPT_SINCE]) == (NOW_S, 0)


def test_need_that_lasts_keeps_the_instant_it_last_held() -> None:
    """It is active for as long as it lasts, and then it ends."""
    applied = fold(PLAN, Snapshot(known=True), [an_application(119)], NOW_S)
    held_s = applied.needs[HOME]
    within = fold(PLAN, Snapshot(known=True, events=applied.events, needs=applied.needs), [], NOW_S + 100 * DAY_S)
    beyond = fold(PLAN, Snapshot(known=True, events=applied.events, needs=within.needs), [], NOW_S + 200 * DAY_S)
    assert (within.needs[HOME], within.begun, within.ended) == (held_s, (), ())
    assert (beyond.needs.get(HOME), beyond.ended, beyond.due_at_s) == (None, (HOME,), None)


def test_need_that_holds_on_is_held_now() -> None:
    """Its instant moves along while its block is true."""
    first = fold(PLAN, Snapshot(known=True), [an_application(3)], NOW_S)
    later = fold(PLAN, Snapshot(known=True, events=first.events, needs=first.needs), [], NOW_S + DAY_S)
    assert later.needs[HOME] == NOW_S + DAY_S
    assert (later.begun, later.ended) == ((), ())


def test_nothing_is_due_without_a_need() -> None:
    """Most customers are never looked at without a cause."""
    event = Event(name=EventName("branch_visit"), at=NOW_S)
    folded = fold(PLAN, Snapshot(known=True), [event], NOW_S)
    assert (dict(folded.needs), folded.due_at_s) == ({}, None)


@given(st.permutations([1, 5, 40, 90, 200, 400]), st.integers(0, 6))
def test_order_and_batches_of_events_do_not_matter(days_ago: list[int], cut: int) -> None:
    """INVARIANT: any order of the same events, in any batches, gives the same state."""
    at_once = fold(PLAN, Snapshot(known=False), [an_application(days) for days in sorted(days_ago)], NOW_S)
    first = fold(PLAN, Snapshot(known=False), [an_application(days) for days in days_ago[:cut]], NOW_S)
    between = Snapshot(known=False, events=first.events, needs=first.needs)
    both = fold(PLAN, between, [an_application(days) for days in days_ago[cut:]], NOW_S)
    assert (list(both.events), both.needs) == (list(at_once.events), at_once.needs)


def test_plan_without_needs_keeps_the_events_and_ends_what_was_held() -> None:
    """As it would with all the work that needs take, of which it does none."""
    bare = replace(PLAN, needs=(), lapses=Lapses(edges=(), lasting={}, daily=False, hourly=False, running=False))
    before = Snapshot(known=True, needs={HOME: NOW_S - DAY_S})
    events = [an_application(3), an_application(1)]
    after = advanced(bare, before, events, NOW_S)
    assert fold(bare, before, events, NOW_S) == settled(bare, before, after, row_of(bare, after, NOW_S), NOW_S)
    assert fold(bare, before, events, NOW_S).ended == (HOME,)
