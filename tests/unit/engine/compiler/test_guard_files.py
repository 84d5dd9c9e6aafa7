"""Guards as compliance writes them: whom they stop, with which defaults, and what the compiler refuses."""

import pytest

from engine.decision import NOBODY
from engine.facts import Consent
from tests.builders import (
    a_customer,
    a_plan,
    a_question,
    an_action,
    decided,
    problems_of,
    reason_for,
    reasons,
    the_guards,
)


@pytest.mark.parametrize(
    ("stops", "stopped"),
    [
        ("{all: true}", {"alert", "isa", "loan"}),
        ("{tiers: [offer]}", {"isa", "loan"}),
        ("{tiers: [service, must]}", {"alert"}),
        ("{groups: [loans]}", {"loan"}),
        ("{actions: [isa]}", {"isa"}),
        ("{actions: [isa], groups: [loans]}", {"isa", "loan"}),
    ],
)
def test_guard_stops_whom_it_names(stops: str, stopped: set[str]) -> None:
    """By tier, group or action, together."""
    plan = a_plan(
        an_action("isa"),
        an_action("loan", group="loans"),
        an_action("alert", tier="service"),
        the_guards(f"{{guard: flagged, stops: {stops}, when: {{flagged: true}}}}"),
    )
    decision = decided(plan, a_question(plan, "web.hero"), a_customer(plan, flagged=True))
    assert {action for action, reason in reasons(plan, decision).items() if reason == "guard"} == stopped


def test_guard_stops_unless_its_condition_is_false() -> None:
    """A fact that nobody knows stops."""
    plan = a_plan(the_guards("{guard: flagged, stops: {all: true}, when: {flagged: true}}"))
    for flagged, reason in ((True, "guard"), (None, "guard"), (False, "chosen")):
        assert reason_for(plan, decided(plan, customer=a_customer(plan, flagged=flagged)), "isa") == reason


def test_guards_take_defaults_from_their_own_file() -> None:
    """No entry in the register means no, where compliance says so."""
    guard = "{guard: flagged, stops: {all: true}, when: {flagged: true}}"
    plan = a_plan(the_guards(guard, defaults="{flagged: false}"))
    assert reason_for(plan, decided(plan), "isa") == "chosen"
    assert reason_for(plan, decided(plan, customer=a_customer(plan, flagged=True)), "isa") == "guard"


def test_default_of_a_guard_reaches_no_other_rule() -> None:
    """What guards assume, an action may not."""
    guard = "{guard: flagged, stops: {all: true}, when: {flagged: true}}"
    plan = a_plan(
        the_guards(guard, defaults="{flagged: false}"), an_action("isa", "eligible: {when: {flagged: false}}")
    )
    assert reason_for(plan, decided(plan), "isa") == "not_eligible"


def test_consent_defaults_to_no() -> None:
    """Somebody who never answered is not marketed to, unless `guards.yaml` says otherwise."""
    silent = Consent()
    plan = a_plan()
    assert reason_for(plan, decided(plan, customer=a_customer(plan, consent=silent)), "isa") == "guard"
    assert reason_for(plan, decided(plan, customer=NOBODY), "isa") == "guard"
    assuming = a_plan(the_guards(defaults="{consent.marketing: true}"))
    assert reason_for(assuming, decided(assuming, customer=NOBODY), "isa") == "chosen"


def test_guard_counts_within_its_validity_only() -> None:
    """Both days are inside."""
    guard = "{{guard: flagged, stops: {{all: true}}, when: {{flagged: true}}, valid: {{from: {}, to: {}}}}}"
    for first, last, reason in (
        ("2026-01-05", "2026-01-05", "guard"),
        ("2026-01-06", "2026-12-31", "chosen"),
        ("2025-01-01", "2026-01-04", "chosen"),
    ):
        plan = a_plan(the_guards(guard.format(first, last)))
        assert reason_for(plan, decided(plan, customer=a_customer(plan, flagged=True)), "isa") == reason


def test_guard_may_name_a_tier_of_which_there_is_no_action_yet() -> None:
    """Rules that hold before anything needs them are no mistake."""
    assert problems_of(an_action("alert", tier="service")) == []


@pytest.mark.parametrize(
    ("guard", "problem"),
    [
        ("{guard: idle, when: {flagged: true}}", "the guard `idle` stops nothing"),
        ("{guard: idle, stops: {}, when: {flagged: true}}", "the guard `idle` stops nothing"),
        ("{guard: always, stops: {all: true}}", "the guard `always` has no condition"),
        ("{guard: cash, stops: {all: true}, when: {context.cash: '> 1'}}", "a guard cannot read `context.cash`"),
        ("{guard: plain, stops: all, when: {flagged: true}}", "`stops` must hold `key: value` lines"),
        ("{guard: odd, stops: {tiers: [offers]}, when: {flagged: true}}", "unknown tier `offers`"),
    ],
)
def test_guard_that_cannot_be_meant_is_refused(guard: str, problem: str) -> None:
    """It would stop nothing, everything, or what a caller likes."""
    assert any(problem in each for each in problems_of(the_guards(guard)))


def test_offers_without_a_guard_that_asks_for_consent_are_refused() -> None:
    """Every offer needs one."""
    guards = {"policy/guards.yaml": "guards:\n  - {guard: flagged, stops: {all: true}, when: {flagged: true}}\n"}
    assert any("no guard asks for consent to `isa`" in each for each in problems_of(guards))
