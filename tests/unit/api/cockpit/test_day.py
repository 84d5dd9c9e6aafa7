"""The day to play through: only what the bank's own catalogue knows."""

from dataclasses import replace

from api.cockpit.day import DAY, day_for
from tests.unit.api.shells import starter_plan


def test_day_is_told_in_the_catalogues_words() -> None:
    steps = day_for(starter_plan())
    assert [step.event for step in steps] == [step.event for step in DAY]
    assert [(step.title, step.source) for step in steps[:2]] == [
        ("Salary paid in", "core_banking"),
        ("Mortgage application", "loans"),
    ]
    assert steps[1].data == {"amount": 240_000}


def test_event_that_the_bank_does_not_have_is_left_out() -> None:
    plan = starter_plan()
    few = {name: spec for name, spec in plan.catalogue.events.items() if name != "travel_purchase"}
    steps = day_for(replace(plan, catalogue=replace(plan.catalogue, events=few)))
    assert "travel_purchase" not in {step.event for step in steps}
    assert len(steps) == len(DAY) - 1
