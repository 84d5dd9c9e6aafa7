"""Action files: values and tables, renamed actions, and what they may not say."""

import pytest

from tests.builders import a_customer, a_plan, a_theme, a_trigger, an_action, decided, problems_of


def value_of(value: str, **facts: float | bool | str | None) -> float:
    """An action's value in minor units."""
    plan = a_plan(an_action("isa", value=value))
    return decided(plan, customer=a_customer(plan, facts)).scored[0].value


@pytest.mark.parametrize(
    ("value", "minor"),
    [
        ("85.50", 8550),
        ("1_000", 100_000),
        ("0.5 * rent", 25_000),
        ("0.5 * rent + 10", 26_000),
        ("0.5 * rent - 10.50", 23_950),
        ("2 * age", 8_000),
        ("100 * trend", 2_500),
        ("2 * left_over", 300_000),
        ("rent", 50_000),
        ("-2 * age + 100", 2_000),
    ],
)
def test_value_is_a_number_or_a_line_over_a_fact(value: str, minor: float) -> None:
    """In major units, whatever the fact's own scale."""
    assert value_of(value, rent=500, age=40, trend=0.25, income=2000) == pytest.approx(minor)


def test_unknown_or_negative_value_counts_as_nothing() -> None:
    """An offer of no value is not worth a contact."""
    assert value_of("0.5 * rent") == 0
    assert value_of("1 * rent - 600", rent=500) == 0


TABLE = "{table: [{when: {age: under 30}, then: 20}, {when: {verified: true}, then: 1 * age}, {then: 5}]}"


@pytest.mark.parametrize(
    ("age", "verified", "minor"),
    [(20, True, 2000), (40, True, 4000), (40, False, 500), (None, False, 500), (None, True, 0)],
)
def test_first_true_row_of_a_table_wins(age: int | None, verified: bool, minor: float) -> None:
    """An unknown row does not hold; the last one always does."""
    assert value_of(TABLE, age=age, verified=verified) == minor


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("{table: [{when: {age: under 30}, then: 20}]}", "the last row of the table must have no `when`"),
        ("{table: [{then: 20}, {when: {age: under 30}}]}", "a row of the table needs `then`"),
        ("{table: []}", "the last row of the table must have no `when`"),
        ("-1", "a value must lie in 0..1_000_000_000"),
        ("much", "cannot read the value `much`"),
        ("2 * work", "`work` is no number"),
        ("2 * rents", "unknown fact `rents`; did you mean `rent`?"),
        ("[1, 2]", "a value must be a number"),
    ],
)
def test_value_that_cannot_be_read_is_refused(value: str, problem: str) -> None:
    """With the place."""
    problems = problems_of(an_action("isa", value=value))
    assert any(problem in each and each.startswith("rules/actions/isa.yaml:4:") for each in problems)


def test_value_that_differs_between_channels_needs_a_purpose() -> None:
    """One customer must not see two prices by accident."""
    rows = "table: [{when: {request.channel: branch}, then: 20}, {then: 10}]"
    (problem,) = problems_of(an_action("isa", value=f"{{{rows}}}"))
    assert "the value differs between channels" in problem
    assert problems_of(an_action("isa", value=f'{{{rows}, on_purpose: "advice costs"}}')) == []


def test_every_kind_of_rule_may_say_what_it_was_called() -> None:
    """Only actions have contacts to keep; elsewhere it is a note."""
    trigger = a_trigger("new", "formerly: old\nwhen: {verified: true}\npromote: {isa: 2}")
    theme = a_theme("home", "formerly: house\nactive: {verified: true}\njourney: [isa]")
    assert problems_of(an_action("isa", "formerly: savings", gives="isa"), trigger, theme) == []


def test_two_actions_with_one_place_in_the_history_are_refused() -> None:
    """`formerly` must not take over a living action's contacts."""
    (problem,) = problems_of(an_action("isa"), an_action("bond", "formerly: isa"))
    assert "have the same place in contact histories" in problem
