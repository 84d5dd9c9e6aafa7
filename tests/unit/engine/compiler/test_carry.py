"""A plan that travels between processes decides as it did where it was compiled, and leaves nothing behind."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta

import pytest

from engine.compiler.carry import pack_plan, unpack_plan
from tests.builders import NOW, a_customer, a_plan, a_theme, a_trigger, an_action, an_event, decided, reasons
from tests.unit.api.shells import starter_plan

RULES = {
    **an_action("isa", "eligible: {when: {age: '>= 18'}}"),
    **a_trigger("t", "promote: {isa: 2}\nhistory: [{seen: salary, in: 30d, where: {amount: at least 100}}]"),
    **a_theme(
        "saving", "needs: [{need: n, when: {age: '>= 30'}, lasts: 30d}]\nactive: {needs.n: true}\njourney: [isa]"
    ),
}


@pytest.fixture
def collector_away() -> Iterator[None]:
    """Nothing but reference counting frees anything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_plan_decides_as_before() -> None:
    """Filters, functions, windows and explanations included."""
    plan = a_plan(RULES)
    carried = unpack_plan(pack_plan(plan))
    events = [an_event(carried, "salary", timedelta(days=3), amount=500)]
    assert [kept.text for kept in carried.event_layout.filters] == ["salary{amount >= 100}"]
    for age in (None, 17, 41):
        facts = {} if age is None else {"age": age}
        ours = decided(plan, customer=a_customer(plan, facts, events=events))
        theirs = decided(carried, customer=a_customer(carried, facts, events=events))
        assert (theirs.ranking, reasons(carried, theirs)) == (ours.ranking, reasons(plan, ours))


def test_every_part_of_the_starter_plan_arrives() -> None:
    """What compares by value is equal."""
    plan = starter_plan()
    carried = unpack_plan(pack_plan(plan))
    apart = {"clock", "event_layout", "generated", "tracer"}
    parts = {each.name: (getattr(plan, each.name), getattr(carried, each.name)) for each in fields(plan)}
    # A missing number equals nothing, itself included, but reads the same.
    changed = {name for name, (ours, theirs) in parts.items() if ours != theirs and repr(ours) != repr(theirs)}
    assert changed <= apart | {"contact"}
    assert carried.contact.windows.starts(NOW) == plan.contact.windows.starts(NOW)
    assert replace(carried.contact, windows=plan.contact.windows) == plan.contact
    assert carried.clock.slots(NOW) == plan.clock.slots(NOW)
    assert carried.event_layout.hash == plan.event_layout.hash


def test_unpacking_pauses_again_and_again() -> None:
    """So that a server goes on with its requests."""
    pauses = []
    unpack_plan(pack_plan(starter_plan()), lambda: pauses.append(1))
    assert len(pauses) > 20


def test_plan_goes_with_its_last_reference(collector_away: None) -> None:
    """INVARIANT: servers keep the collector away from plans, so a plan must not be part of a cycle."""
    plan = unpack_plan(pack_plan(a_plan(RULES)))
    customer = a_customer(plan, age=41)
    reasons(plan, decided(plan, customer=customer))
    parts = [weakref.ref(each) for each in (plan.event_layout, plan.generated.complete, plan.profile_schema)]
    del plan, customer
    assert [part() for part in parts] == [None, None, None]
