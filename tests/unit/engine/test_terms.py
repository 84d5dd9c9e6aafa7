"""Terms: numbers, lines over facts and tables, in natural units; what is unknown is not quoted."""

from datetime import date, datetime, timedelta

import pytest

from engine.facts import Natural
from engine.quotes import Quoted
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
        ("terms: {hold: 14d}", "`hold` stands alone: there are no terms to be held"),
        ("terms: {rate: 4.2, hold: long}", "`hold` must be a duration such as `30d`"),
        ("terms: {rate: 4.2, hold: [14d]}", "`hold` must be a duration such as `14d`"),
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


def test_quoted_terms_are_quoted_again_until_they_lapse() -> None:
    """Also when the facts that made them have changed, and on another channel."""
    plan = a_plan(an_action("isa", "terms: {limit: 3 * income, hold: 14d}", places=["branch.*", "web.*"]))
    first = decided(plan, a_question(plan), a_customer(plan, income=2500))
    (quote,) = first.quotes.values()
    assert quote == Quoted({"limit": 7500.0}, int(NOW.timestamp()) + 14 * 86_400)
    richer = a_customer(plan, income=9000, quoted={"isa": quote})
    for days, place, limit in ((13, "branch.card", 7500.0), (14, "branch.card", 27000.0)):
        again = decided(plan, a_question(plan, place), richer, now=NOW + timedelta(days=days))
        assert terms_of(plan, 0, again.row, again.quotes) == {"limit": limit}


def test_repeating_a_quote_does_not_prolong_it() -> None:
    """Else a customer who asks every week would keep the terms of long ago."""
    plan = a_plan(an_action("isa", "terms: {rate: 4.2, hold: 14d}"))
    quote = Quoted({"rate": 3.9}, int(NOW.timestamp()) + 60)
    assert decided(plan, None, a_customer(plan, quoted={"isa": quote})).quotes == {0: quote}


def test_nothing_is_held_where_no_term_is_known_or_nothing_is_shown() -> None:
    """What was not quoted cannot be repeated."""
    plan = a_plan(an_action("isa", "terms: {limit: 3 * income, hold: 14d}", places=["branch.*"]))
    assert decided(plan, a_question(plan, "branch.card")).quotes == {}
    assert decided(plan, a_question(plan, "web.hero"), a_customer(plan, income=2500)).quotes == {}


def test_files_of_one_action_agree_on_how_long_terms_are_held() -> None:
    """A quote outlives the window of the file that made it."""
    early = an_action("isa", "terms: {rate: 1, hold: 14d}\nvalid: {to: 2026-01-31}")
    late = an_action("isa", "terms: {rate: 2}\nvalid: {from: 2026-02-01}")
    found = problems_of(early, {"actions/isa_later.yaml": late["actions/isa.yaml"]})
    assert any("the files of `isa` must agree on `terms.hold`" in problem for problem in found)
