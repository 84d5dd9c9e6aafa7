"""Budgets as rule files write them: own and shared ones, and what the check says of figures that make no sense."""

import pytest

from engine.contact_rules import BudgetCount
from tests.builders import a_plan, a_theme, an_action, problems_of, the_contact_policy

HOUR_S = 3_600
DAY_S = 86_400


def test_an_action_may_have_a_budget_of_its_own() -> None:
    """It counts offers shown unless it says otherwise, and goes by the action's first id."""
    lines = "contact: {budget: {total: 5_000, per_day: 200, per_channel: {web: 3_000}}}\nformerly: saver"
    plan = a_plan(an_action("isa", lines))
    (budget,) = plan.contact.budgets
    assert (budget.id, budget.count, budget.each) == ("saver.budget", BudgetCount.IMPRESSIONS, 1)
    assert (budget.total, budget.per_day) == (5_000, 200)
    assert budget.total_by_channel == {plan.channel_by_id["web"].position: 3_000}  # type: ignore[index]  # a plain name
    assert plan.contact.budgets_by_action == ((0,),)
    assert budget.hold_s is None


def test_actions_share_a_budget_by_naming_it_or_being_named() -> None:
    """By action, group or theme in the policy, or from the action's own file."""
    policy = the_contact_policy(
        "budgets: [{budget: spring, count: accepts, total: 10, groups: [cards], themes: [home]}]\n"
    )
    plan = a_plan(
        policy,
        an_action("card", group="cards"),
        an_action("isa", "contact: {budget: spring}"),
        an_action("loan"),
        an_action("mortgage"),
        a_theme("home", "active: {verified: true}\njourney: [mortgage]"),
    )
    (budget,) = plan.contact.budgets
    assert {plan.actions[at].id for at in budget.actions} == {"card", "isa", "mortgage"}


def test_spend_is_money_in_minor_units() -> None:
    """What one accept costs is taken of it, so that half a voucher is never given."""
    plan = a_plan(an_action("isa", "contact: {budget: {count: spend, total: 10_000, per_day: 250.50, each: 25}}"))
    (budget,) = plan.contact.budgets
    assert (budget.total, budget.per_day, budget.each) == (1_000_000, 25_050, 2_500)


def test_units_of_accepts_are_held_for_as_long_as_any_token_lives() -> None:
    """The longest validity of any placement, a day in which the offer may be shown again, and the token's life."""
    plan = a_plan(an_action("isa", "contact: {budget: {count: accepts, total: 10}}"))
    assert plan.contact.budgets[0].hold_s == DAY_S + 25 * HOUR_S + 30 * DAY_S


@pytest.mark.parametrize(
    ("budget", "problem"),
    [
        ("{count: accepts}", "the budget `isa.budget` has no bounds; add `total` or `per_day`"),
        ("{total: 10, per_day: 11}", "`per_day` is more than `total` of the budget `isa.budget`"),
        ("{total: 10, per_channel: {web: 11}}", "`per_channel` is more than `total` of the budget `isa.budget`"),
        ("{total: 10, per_channel: {wap: 1}}", "unknown channel `wap`; there are"),
        ("{total: 10, per_channel: {web: [1]}}", "`web` must be a number"),
        ("{total: 1.5}", "`total` must be a whole number"),
        ("{total: -1}", "`total` must lie in 0..1000000000"),
        ("{total: many}", "`total` must be a number"),
        ("{count: clicks, total: 1}", "`count` must be one of"),
        ("{total: 10, each: 2}", "`each` is the money that an accept costs; leave it out, or write `count: spend`"),
        ("{count: spend, total: 10}", "a budget that counts spend needs `each`; what one accept costs"),
        ("{count: spend, total: 10, each: 0}", "`each` must be more than 0"),
        ("{count: spend, total: 10, each: 0.001}", "`each` is finer than the currency"),
        ("{count: spend, total: 10, each: 11}", "the budget `isa.budget` does not carry a single offer of `each`"),
        ("{total: 10, per_week: 2}", "unknown key in `budget` `per_week`"),
        ("spring", "unknown budget `spring`"),
        ("[spring]", "`budget` is a mapping, or one name; write `budget: {total: 5_000, per_day: 200}`"),
    ],
)
def test_figures_that_make_no_sense_are_refused(budget: str, problem: str) -> None:
    """A budget is money or promises: nothing about it is guessed."""
    found = problems_of(an_action("isa", f"contact: {{budget: {budget}}}"))
    assert any(problem in each for each in found), found


@pytest.mark.parametrize(
    ("budgets", "problem"),
    [
        ("[{budget: spring, total: 5}]", "nothing draws on the budget `spring`; add `actions`, `groups` or `themes`"),
        ("[{budget: spring, total: 5, actions: [iso]}]", "unknown action `iso`; did you mean `isa`?"),
        ("[{budget: spring, total: 5, groups: [saving]}]", "unknown group `saving`; did you mean `savings`?"),
        (
            "[{budget: spring, total: 5, actions: [isa]}, {budget: spring, total: 6, actions: [isa]}]",
            "the budget `spring` is declared twice",
        ),
        ("[{total: 5, actions: [isa]}]", "`budget`"),
    ],
)
def test_shared_budgets_that_nobody_can_keep_are_refused(budgets: str, problem: str) -> None:
    """Names have to be known, and each budget stands once."""
    found = problems_of(the_contact_policy(f"budgets: {budgets}\n"), an_action("isa"))
    assert any(problem in each for each in found), found
