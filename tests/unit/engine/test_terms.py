"""Terms: numbers, lines over facts and tables, in natural units; what is unknown is not quoted."""

from datetime import date, datetime

import pytest

from engine.facts import Natural
from engine.terms import terms_of
from tests.builders import NOW, a_customer, a_plan, a_question, an_action, decided, problems_of


def terms(
    written: str, facts: dict[str, Natural] | None = None, place: str = "branch.card", now: datetime = NOW
) -> dict[str, float]:
    """The terms of an ISA for a customer."""
    plan = a_plan(an_action("isa", f"terms: {written}", places=["branch.*", "web.*"]))
    decision = decided(plan, a_question(plan, place), a_customer(plan, facts), now=now)
    return dict(terms_of(plan, 0, decision.row))


def test_terms_may_be_plain_numbers() -> None:
    """They are the same for everybody."""
    assert terms("{rate: 4.2, months: 12}") == {"rate": 4.2, "months": 12.0}


def test_terms_may_be_lines_over_a_fact() -> None:
    """Exact, in natural units, whatever the scale in which the fact is held."""
    assert terms("{limit: 3 * income, fee: 0.1 * rent + 0.2}", {"income": 2500, "rent": 1}) == {
        "limit": 7500,
        "fee": 0.3,
    }


def test_first_true_row_of_a_terms_table_wins() -> None:
    """An unknown row does not hold; the last one always does."""
    table = (
        "{rate: {table: [{when: {age: under 30}, then: 4.9}, {when: {verified: true}, then: 1 * trend}, {then: 4}]}}"
    )
    assert terms(table, {"age": 20}) == {"rate": 4.9}
    assert terms(table, {"verified": True, "trend": 0.25}) == {"rate": 0.25}
    assert terms(table) == {"rate": 4}


def test_unknown_term_is_not_quoted() -> None:
    """The others are."""
    assert terms("{limit: 3 * income, rate: 4.2}") == {"rate": 4.2}


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("terms: {rate: low}", "cannot read the term `rate` `low`"),
        ("terms: {rate: 2 * rents}", "unknown fact `rents`; did you mean `rent`?"),
        ("terms: {rate: [1]}", "a term must be a number or `number * fact + number`"),
        ("terms: {rate: {table: [{when: {age: 3}, then: 1}]}}", "the last row of the table must have no `when`"),
        (
            "terms: {rate: {table: [{when: {request.channel: web}, then: 1}, {then: 2}]}}",
            "the term `rate` differs between channels; if it must, say why: `on_purpose",
        ),
        ("terms: {hold: 14d}", "quoted terms are not held yet; remove `hold`"),
        (
            "terms: {limit: 3 * income}",
            "the private fact `income` must not decide terms that `atm` shows, which is a public screen",
        ),
    ],
)
def test_terms_that_cannot_be_quoted_are_refused(lines: str, problem: str) -> None:
    """At their line."""
    assert any(
        problem in each and each.startswith("rules/actions/isa.yaml:5:")
        for each in problems_of(an_action("isa", lines))
    )


def test_terms_may_differ_between_channels_on_purpose() -> None:
    """With the reason beside them."""
    table = '{rate: {table: [{when: {request.channel: web}, then: 1}, {then: 2}], on_purpose: "cheaper online"}}'
    assert terms(table, place="web.hero") == {"rate": 1}
    assert terms(table) == {"rate": 2}


def test_terms_change_with_the_file_that_is_valid() -> None:
    """Each file of an action has its own."""
    lines = "terms: {{rate: {rate}}}\nvalid: {{{window}}}"
    spring = an_action("isa", lines.format(rate=4, window="to: 2026-01-31"))["actions/isa.yaml"]
    later = an_action("isa", lines.format(rate="2 * age", window="from: 2026-02-01"))["actions/isa.yaml"]
    plan = a_plan({"actions/isa.yaml": spring, "actions/isa_later.yaml": later})
    for day, rate in ((date(2026, 1, 31), 4), (date(2026, 2, 1), 60)):
        now = NOW.replace(month=day.month, day=day.day)
        decision = decided(plan, customer=a_customer(plan, age=30), now=now)
        assert terms_of(plan, 0, decision.row) == {"rate": rate}
