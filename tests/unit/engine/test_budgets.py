"""Budgets in one decision: what is left is an input, what is drawn an effect."""

from datetime import timedelta

import pytest

from api.tokens import GRACE_S
from engine import Plan
from engine.budgets import NOT_KNOWN, REPORT_GRACE_S, TOKEN_LIFE_S
from engine.contacts import ContactState
from engine.explain import why_not
from tests.builders import (
    NOW,
    a_contact,
    a_customer,
    a_plan,
    a_question,
    a_theme,
    an_action,
    decided,
    offered,
    reason_for,
    the_contact_policy,
)

NOW_S = int(NOW.timestamp())


def shared(count: str = "impressions") -> Plan:
    """Two cards with one budget, and a loan without."""
    budgets = f"budgets: [{{budget: spring, title: Spring, count: {count}, total: 5, actions: [gold, silver]}}]\n"
    return a_plan(
        the_contact_policy(budgets),
        an_action("gold", value=300, group="cards"),
        an_action("silver", value=200, group="cards"),
        an_action("loan", value=100),
    )


def test_spent_budget_gives_the_place_to_the_next_best() -> None:
    """Both cards read `budget_spent`, and the explanation names the budget and where it stands."""
    plan = shared()
    decision = decided(plan, budget_left={0: 0})
    assert offered(plan, decision) == ["loan"]
    assert reason_for(plan, decision, "gold") == reason_for(plan, decision, "silver") == "budget_spent"
    assert decision.degraded == ()
    gold = next(each for each in why_not(plan, a_question(plan), decision) if each.action == "gold")
    (because,) = gold.because
    assert (because.rule, because.title, because.detail) == (
        "budget/spring",
        "Spring",
        "the budget `spring` has nothing left",
    )
    assert because.place is not None
    assert because.place.path.endswith("policy/contact.yaml")


def test_unknown_budget_fails_closed_and_says_so() -> None:
    """Whoever cannot be asked gives nothing; what needs no budget goes on."""
    plan = shared()
    decision = decided(plan, budget_left={0: NOT_KNOWN})
    assert offered(plan, decision) == ["loan"]
    assert decision.degraded == ("budget",)
    gold = next(each for each in why_not(plan, a_question(plan), decision) if each.action == "gold")
    assert gold.because[0].detail == "its budget cannot be asked about now"


def test_unknown_budget_of_an_action_that_was_out_anyway_degrades_nothing() -> None:
    """`degraded` says what an answer had to do without."""
    plan = a_plan(
        an_action("gold", "contact: {budget: {total: 5}}\neligible: {when: {verified: true}}"), an_action("loan")
    )
    decision = decided(plan, budget_left={0: NOT_KNOWN})
    assert (reason_for(plan, decision, "gold"), decision.degraded) == ("not_eligible", ())


def test_last_unit_is_taken_once_within_one_answer() -> None:
    """Two placements cannot both have it."""
    plan = shared()
    decision = decided(plan, a_question(plan, "web.hero", "web.footer"), budget_left={0: 1})
    assert offered(plan, decision) == ["gold", "loan"]
    assert [(draw.budget, draw.amount) for draw in decision.draws] == [(0, 1)]


def test_budget_that_is_not_named_carries_all_that_is_asked() -> None:
    """Nothing is noted of budgets that cannot bind, but what is drawn of them is."""
    plan = shared()
    decision = decided(plan, a_question(plan, "web.hero", "web.footer"))
    assert offered(plan, decision) == ["gold", "silver", "loan"]
    assert [draw.action_hash for draw in decision.draws] == [plan.actions[at].hash for at in (0, 2)]


def test_decision_without_budgets_draws_nothing() -> None:
    """What nobody uses costs nothing."""
    plan = a_plan(an_action("loan"))
    assert decided(plan).draws == ()


def test_impression_holds_its_unit_for_its_validity_and_a_report_later() -> None:
    """30 minutes at this placement."""
    (draw,) = decided(shared()).draws
    assert (draw.at, draw.until_s) == (NOW_S, NOW_S + 30 * 60 + REPORT_GRACE_S)


@pytest.mark.parametrize("state", [ContactState.PENDING, ContactState.SHOWN])
@pytest.mark.parametrize("count", ["impressions", "accepts"])
def test_showing_it_again_in_its_session_draws_nothing(state: ContactState, count: str) -> None:
    """Neither a page that is loaded again costs the bank anything, nor is it refused when the budget is spent."""
    plan = shared(count)
    before = a_contact(plan, "gold", timedelta(minutes=5), state=state, session="s", minutes=30)
    question = a_question(plan, session="s")
    decision = decided(plan, question, a_customer(plan, contacts=[before]), budget_left={0: 0})
    assert (offered(plan, decision), decision.draws) == (["gold"], ())


def test_session_of_days_draws_a_unit_of_accepts_anew() -> None:
    """Its next token would outlive what the first one holds; an impression that was shown is spent for good."""
    for count, drawn in (("accepts", 1), ("impressions", 0)):
        plan = shared(count)
        before = a_contact(plan, "gold", timedelta(days=2), session="s")
        decision = decided(plan, a_question(plan, session="s"), a_customer(plan, contacts=[before]))
        assert (offered(plan, decision), len(decision.draws)) == (["gold"], drawn)


def test_accept_holds_its_unit_until_no_token_can_be_accepted() -> None:
    """A token that is made a day later, for the longest validity, ends before the unit goes back."""
    plan = shared("accepts")
    (draw,) = decided(plan).draws
    longest_s = 24 * 3_600
    assert draw.until_s >= NOW_S + 86_400 + longest_s + GRACE_S


def test_token_and_budget_agree_on_the_life_of_a_token() -> None:
    """Else an accept would be taken whose unit has gone back."""
    assert TOKEN_LIFE_S == GRACE_S


def test_journey_waits_for_a_step_whose_budget_is_spent() -> None:
    """As it does for a cap; `if_capped: skip` goes on."""
    for lines, step in (("", "gold"), ("\nif_capped: skip", "loan")):
        plan = a_plan(
            an_action("gold", "contact: {budget: {total: 5}}"),
            an_action("loan"),
            a_theme("home", f"active: {{verified: true}}\njourney: [gold, loan]{lines}"),
        )
        decision = decided(plan, None, a_customer(plan, verified=True), budget_left={0: 0})
        position = decision.steps[0]
        assert position is not None
        assert plan.actions[position].id == step
