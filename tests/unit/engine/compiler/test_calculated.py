"""Calculated facts: sums, differences, ratios and months between; what is unknown makes unknown."""

from collections.abc import Mapping
from datetime import date

import pytest

from engine.facts import Natural, release
from engine.ids import FactName
from tests.builders import CATALOGUE, a_customer, a_plan, an_action, decided, problems_of, reason_for, the_guards


def calculated(name: str, facts: Mapping[str, Natural], catalogue: str = CATALOGUE) -> object:
    """The value of a calculated fact for a customer."""
    plan = a_plan({"catalogue.yaml": catalogue})
    row = decided(plan, customer=a_customer(plan, facts)).row
    return release(plan.fact_specs[FactName(name)], row[plan.layout.slot_by_fact[FactName(name)]])


def test_difference_and_sum_are_exact() -> None:
    """Amounts are added in minor units; a calculated fact may use another."""
    assert calculated("left_over", {"income": "2000.10", "rent": "750.35"}) == 1249.75
    assert calculated("outgoings", {"income": "2000.10", "rent": "750.35"}) == 2000.10


@pytest.mark.parametrize(
    ("rent", "income", "share"),
    [("1", "3", 0.3333), ("2", "3", 0.6667), ("0.01", "8", 0.0013), ("1", "-3", -0.3333), ("-1", "-4", 0.25)],
)
def test_ratio_rounds_half_up_to_its_decimals(rent: str, income: str, share: float) -> None:
    """0.00125 becomes 0.0013; a negative divisor divides like any other."""
    assert calculated("rent_share", {"rent": rent, "income": income}) == share


@pytest.mark.parametrize("facts", [{"rent": 1, "income": 0}, {"rent": 1}, {"income": 1}, {}])
def test_division_by_zero_and_missing_operands_give_unknown(facts: dict[str, Natural]) -> None:
    """Unknown is not zero."""
    assert calculated("rent_share", facts) is None


def test_overflow_gives_unknown() -> None:
    """A sum that cannot be held exactly is not known."""
    catalogue = CATALOGUE.replace("sum: [rent, left_over]", "sum: [rent, rent]")
    most = 2**53 / 100
    assert calculated("outgoings", {"rent": str(int(most))}, catalogue) is None
    assert calculated("outgoings", {"rent": str(int(most / 2))}, catalogue) is not None


@pytest.mark.parametrize(
    ("renews_on", "months"),
    [
        (date(2026, 2, 5), 1),
        (date(2026, 2, 4), 0),
        (date(2027, 1, 5), 12),
        (date(2025, 12, 5), -1),
        (date(2025, 12, 6), 0),
    ],
)
def test_months_between_counts_whole_months(renews_on: date, months: int) -> None:
    """From today, 5 January 2026; negative backwards."""
    assert calculated("months_left", {"renews_on": renews_on}) == months


def test_catalogue_default_does_not_reach_a_guard_through_a_calculated_fact() -> None:
    """Guards take defaults from their own file, for what is calculated too."""
    catalogue = CATALOGUE.replace("rent: {title: Rent, type: money}", "rent: {title: Rent, type: money, default: 0}")
    guard = "{guard: burdened, stops: {tiers: [offer]}, when: {rent_share: at least 0.5}}"
    plan = a_plan({"catalogue.yaml": catalogue}, the_guards(guard))
    customer = a_customer(plan, income=1000)
    assert reason_for(plan, decided(plan, customer=customer), "isa") == "guard"
    plan = a_plan({"catalogue.yaml": catalogue}, the_guards(guard, defaults="{rent: 0}"))
    assert reason_for(plan, decided(plan, customer=customer), "isa") == "chosen"
    plan = a_plan({"catalogue.yaml": catalogue}, the_guards(guard, defaults="{rent_share: 0}"))
    assert reason_for(plan, decided(plan, customer=customer), "isa") == "chosen"


def test_rules_outside_guards_see_the_catalogue_default() -> None:
    """The same fact, asked by an action."""
    catalogue = CATALOGUE.replace("rent: {title: Rent, type: money}", "rent: {title: Rent, type: money, default: 0}")
    plan = a_plan({"catalogue.yaml": catalogue}, an_action("isa", "eligible: {when: {rent_share: under 0.5}}"))
    assert reason_for(plan, decided(plan, customer=a_customer(plan, income=1000)), "isa") == "chosen"


@pytest.mark.parametrize(
    "declared",
    [
        "{type: decimal, decimals: 4, sum: [rent, income]}",
        "{type: integer, difference: [rent, income]}",
        "{type: money, months_between: [today, renews_on]}",
        "{type: text, ratio: [rent, income]}",
        "{type: date, sum: [rent, income]}",
    ],
)
def test_result_that_cannot_hold_what_is_calculated_is_refused(declared: str) -> None:
    """A sum of amounts is an amount; a count of months is a whole number; a ratio is a number."""
    catalogue = CATALOGUE.replace("products:", f"  wrong: {declared}\nproducts:", 1)
    problems = problems_of({"catalogue.yaml": catalogue})
    assert len(problems) == 1
    assert "`wrong`" in problems[0]
