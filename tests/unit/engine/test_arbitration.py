"""Priority, levers, what is worth a contact, and a total order."""

import pytest

from engine import Plan
from tests.builders import (
    SteadyScorer,
    a_customer,
    a_plan,
    a_question,
    a_theme,
    a_trigger,
    an_action,
    decided,
    ranked,
    reason_for,
    the_arbitration,
)


def levers(*lines: str) -> dict[str, str]:
    """Levers, each a flow mapping without its name."""
    return the_arbitration(
        "levers:\n" + "\n".join(f"  - {{lever: lever_{at}, {each}}}" for at, each in enumerate(lines))
    )


def lever_of(plan: Plan, action: str = "isa", place: str = "web.hero") -> float:
    """The lever of an action."""
    decision = decided(plan, a_question(plan, place))
    return next(each.lever for each in decision.scored if plan.actions[each.action].id == action)


def test_priority_multiplies_its_factors() -> None:
    """Propensity x value x context weight x lever, in minor units."""
    plan = a_plan(
        an_action("isa", value="40"),
        a_trigger("lift", "when: {verified: true}\npromote: {isa: 1.5}"),
        levers("percent: 10, actions: [isa]"),
    )
    decision = decided(plan, customer=a_customer(plan, verified=True), scorer=SteadyScorer(plan, {"isa": 0.25}))
    candidate = decision.scored[0]
    factors = (candidate.propensity, candidate.value, candidate.weight, candidate.lever)
    assert factors == (0.25, 4000.0, 1.5, 1.1)
    assert candidate.priority == pytest.approx(0.25 * 4000 * 1.5 * 1.1)


def test_order_is_tier_then_priority_then_id() -> None:
    """A duty before a service before an offer, whatever they are worth."""
    plan = a_plan(
        an_action("offer_b"),
        an_action("offer_a"),
        an_action("offer_c", value="101"),
        an_action("service", tier="service", value="1"),
        an_action("duty", tier="must", value="0"),
    )
    assert ranked(plan, decided(plan)) == ["duty", "service", "offer_c", "offer_a", "offer_b"]


# --- levers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("percents", "lever"),
    [
        ((), 1.0),
        (("10",), 1.1),
        (("10", "15"), 1.25),
        (("10", "-10"), 1.0),
        (("100",), 2.0),
        (("100", "100"), 2.0),
        (("-50",), 0.5),
        (("-80",), 0.5),
        (("-100", "100", "20"), 1.2),
        (("2.5",), 1.025),
    ],
)
def test_levers_add_up_and_are_clamped(percents: tuple[str, ...], lever: float) -> None:
    """1 + the sum of the percentages, in 0.5..2."""
    assert lever_of(a_plan(an_action("isa"), levers(*(f"percent: {each}" for each in percents)))) == pytest.approx(
        lever
    )


@pytest.mark.parametrize(
    ("whom", "lever"),
    [
        ("actions: [isa]", 1.1),
        ("groups: [savings]", 1.1),
        ("themes: [home]", 1.1),
        ("channels: [web]", 1.1),
        ("actions: [loan]", 1.0),
        ("groups: [loans]", 1.0),
        ("channels: [branch]", 1.0),
        ("actions: [isa], channels: [branch]", 1.0),
        ("actions: [loan], groups: [savings]", 1.1),
        ("valid: {from: 2026-01-05, to: 2026-01-05}", 1.1),
        ("valid: {to: 2026-01-04}", 1.0),
        ("valid: {from: 2026-01-06}", 1.0),
    ],
)
def test_lever_pulls_what_it_names(whom: str, lever: float) -> None:
    """Actions, groups and the journeys of themes; on its channels and days; everything where it names nothing."""
    plan = a_plan(
        an_action("isa"),
        an_action("loan", group="loans"),
        a_theme("home", "active: {verified: true}\njourney: [isa]"),
        levers(f"percent: 10, {whom}"),
    )
    assert lever_of(plan) == pytest.approx(lever)


# --- worth it --------------------------------------------------------------------------------------------------------


def outbound(value: str, propensity: float, moment: str | None, tier: str = "offer", worth_it: str = "") -> str:
    """What becomes of an action on the phone, where a contact costs 0.30."""
    plan = a_plan(an_action("isa", value=value, tier=tier), the_arbitration(worth_it or "{}"))
    question = a_question(plan, "phone.card", moment=moment)
    return reason_for(plan, decided(plan, question, scorer=SteadyScorer(plan, {"isa": propensity})), "isa")


def test_contact_that_the_bank_begins_must_earn_its_cost() -> None:
    """Propensity x value - cost > 0, strictly."""
    assert outbound("1.20", 0.25, "outbound") == "not_worth_contact"
    assert outbound("1.24", 0.25, "outbound") == "chosen"


def test_customer_who_came_to_us_costs_nothing_more() -> None:
    """Any expected value is enough; none is not."""
    for moment in ("call_started", None):
        assert outbound("0.01", 0.01, moment) == "chosen"
        assert outbound("0", 0.5, moment) == "not_worth_contact"
        assert outbound("5", 0.0, moment) == "not_worth_contact"


def test_services_and_duties_need_not_earn_anything() -> None:
    """Unless arbitration names their tier."""
    assert outbound("0", 0.5, "outbound", tier="service") == "chosen"
    assert outbound("0", 0.5, "outbound", tier="must") == "chosen"
    assert (
        outbound("0", 0.5, "outbound", tier="service", worth_it="worth_it: {tiers: [offer, service]}")
        == "not_worth_contact"
    )


def test_cost_is_no_part_of_the_priority() -> None:
    """It decides whether, not what."""
    plan = a_plan(an_action("isa", value="10"))
    priorities = {
        decided(plan, a_question(plan, "phone.card", moment=moment)).scored[0].priority
        for moment in ("outbound", "call_started")
    }
    assert len(priorities) == 1


def test_weights_and_levers_do_not_make_a_contact_worth_it() -> None:
    """They lean on the ranking alone."""
    plan = a_plan(
        an_action("isa", value="1.00"),
        a_trigger("lift", "when: {verified: true}\npromote: {isa: 5}"),
        levers("percent: 100"),
    )
    question = a_question(plan, "phone.card", moment="outbound")
    decision = decided(plan, question, a_customer(plan, verified=True), scorer=SteadyScorer(plan, {"isa": 0.25}))
    assert reason_for(plan, decision, "isa") == "not_worth_contact"
