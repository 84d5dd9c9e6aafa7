"""Event states: what a fold keeps of a customer's history."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.errors import FactError
from engine.events import Event, EventFilter, EventLayout
from engine.ids import EventName
from tests.builders import NOW, a_customer, a_plan, a_trigger, an_action, an_event, decided, folded, reason_for

HISTORY = a_trigger(
    "history",
    "promote: {isa: 2}\n"
    "history:\n"
    "  - {seen: salary, in: 30d, at_least: 3, where: {amount: at least 100}}\n"
    "  - {not_seen: quote, in: 7d}\n"
    "  - {last: salary, ago: 10d..20d}\n",
)


def test_state_keeps_as_many_instants_as_the_rules_ask_for() -> None:
    """One place for each filter, three where three matches are asked for, and since when all and each are kept."""
    layout = a_plan(HISTORY).event_layout
    assert [(kept.text, kept.depth) for kept in layout.filters] == [
        ("quote", 1),
        ("salary", 1),
        ("salary{amount >= 100}", 3),
    ]
    assert layout.width == 9
    assert layout.empty(42) == [42, *[0] * 8]


def test_fold_keeps_the_latest_matches() -> None:
    """An event counts for every filter that it passes; older ones make room."""
    plan = a_plan(HISTORY)
    events = [
        an_event(plan, "salary", timedelta(days=days), amount=amount)
        for days, amount in ((40, 100), (30, 2000), (20, 99), (10, 500), (1, 300))
    ]
    at = [event.at for event in events]
    assert folded(plan, events, kept_since=7) == [7, 0, at[4], at[4], at[3], at[1], 0, 0, 0]


def test_fold_leaves_the_given_state_alone() -> None:
    """A fold is a value, so that a failed write loses nothing."""
    layout = a_plan(HISTORY).event_layout
    state = layout.empty(0)
    layout.fold(state, Event(name=EventName("quote"), at=5))
    assert state == layout.empty(0)


def test_event_of_no_interest_changes_nothing() -> None:
    """Only what rules ask about is kept."""
    plan = a_plan(HISTORY)
    assert folded(plan, [an_event(plan, "policy")]) == plan.event_layout.empty(0)


def test_field_without_a_value_passes_no_filter() -> None:
    """Unknown is not at least a hundred."""
    plan = a_plan(HISTORY)
    event = an_event(plan, "salary")
    assert folded(plan, [event]) == [0, 0, event.at, *[0] * 6]


def test_filters_are_told_apart_by_what_they_ask() -> None:
    """Equal words share their place in the state; other words have their own."""
    asked = (
        "{amount: at least 100}",
        "{amount: at least 100.00}",
        "{amount: over 100}",
        "{kind: not base}",
        "{kind: [base, bonus]}",
        "{amount: present}",
        "{amount: missing}",
        "{any: [{amount: under 5}, {kind: base}]}",
        "{amount: '>= 2 * amount'}",
    )
    history = "\n".join(f"  - {{seen: salary, in: 30d, where: {each}}}" for each in asked)
    plan = a_plan(a_trigger("t", f"promote: {{isa: 2}}\nhistory:\n{history}"))
    assert len(plan.event_layout.filters) == len(asked) - 1
    event = an_event(plan, "salary", amount=3, kind="base")
    layout = plan.event_layout
    instants = folded(plan, [event])[1 : layout.own_offset]
    seen = {kept.text for kept, at in zip(layout.filters, instants, strict=True) if at}
    assert seen == {
        "salary{kind in [0, 1]}",
        "salary{amount: present}",
        "salary{any(amount < 5; kind in [0])}",
    }


def test_fields_are_held_as_declared() -> None:
    """In declared order, absent ones missing; others are refused."""
    plan = a_plan()
    spec = plan.catalogue.events[EventName("salary")]
    assert spec.hold({"kind": "bonus", "amount": "12.50"}) == [1250, 1]
    assert spec.hold({"kind": "base"})[1] == 0
    with pytest.raises(FactError, match="`bonus` is not a field of the event `salary`"):
        spec.hold({"bonus": 1})
    with pytest.raises(FactError, match="`kind` must be one of base, bonus"):
        spec.hold({"kind": "extra"})


def test_layout_hash_names_filters_and_depths() -> None:
    """A state of another layout is carried over before it is read."""
    layouts = {
        a_plan(HISTORY).event_layout.hash,
        a_plan().event_layout.hash,
        a_plan({name: text.replace("at_least: 3", "at_least: 2") for name, text in HISTORY.items()}).event_layout.hash,
    }
    assert len(layouts) == 3
    assert EventLayout(()).width == 1


def a_layout(**depths: int) -> EventLayout:
    return EventLayout(
        tuple(EventFilter(event=EventName(name), text=name, depth=depth) for name, depth in depths.items())
    )


def test_state_carried_over_keeps_what_both_layouts_ask_for() -> None:
    """By what a filter asks, wherever it stands; new filters begin at the given instant, dropped ones are gone."""
    old, new = a_layout(gone=1, quote=2), a_layout(added=2, quote=2)
    assert new.carry_over([7, 99, 50, 40, 0, 0], old, since=60) == [7, 0, 0, 50, 40, 60, 0]


def test_filter_that_goes_deeper_begins_anew_unless_all_of_it_was_kept() -> None:
    """With one place and one match nobody knows whether there was another."""
    old, new = a_layout(quote=1, salary=2), a_layout(quote=3, salary=3)
    assert new.carry_over([7, 50, 40, 0, 0, 0], old, since=60) == [7, 50, 0, 0, 40, 0, 0, 60, 0]


def test_filter_that_goes_less_deep_keeps_the_latest() -> None:
    """And since when it was kept itself."""
    assert a_layout(quote=1).carry_over([7, 50, 40, 30], a_layout(quote=2), since=60) == [7, 50, 30]


@pytest.mark.parametrize(("days", "reason"), [(None, "chosen"), (8, "chosen"), (6, "not_eligible")])
def test_filter_kept_for_a_shorter_time_than_the_rest_is_unknown_before(days: int | None, reason: str) -> None:
    """Not seen in 7 days needs 7 days in which somebody looked; unknown never admits."""
    plan = a_plan(an_action("isa", "eligible: {history: [{not_seen: quote, in: 7d}]}"))
    state = plan.event_layout.empty(0)
    if days is not None:
        state[plan.event_layout.own_offset] = int((NOW - timedelta(days=days)).timestamp())
    customer = replace(a_customer(plan), events=state)
    assert reason_for(plan, decided(plan, customer=customer), "isa") == reason
