"""What is said of slips that everybody makes once: days that do not exist, words for units, a forgotten indentation."""

import pytest

from engine.compiler.parse import ParseError, parse
from engine.ruletests import run_rule_tests
from tests.builders import a_bundle, a_theme, a_trigger, an_action, problems_of

TEST = "tests: [{name: t, %s ask: {channel: web, placement: hero}, expect: {offer: isa}}]"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("when: {renews_on: 2026-02-30}", "`renews_on` is a date that does not exist"),
        ("when: {renews_on: '>= 2026-02-30'}", "`renews_on` is a date that does not exist"),
        ("when: {seen_at: '>= 2026-02-30T10:00:00Z'}", "`seen_at` is a date that does not exist"),
        ("when: {renews_on: soon}", "`renews_on` must be a date such as 2026-01-31"),
        (
            "when: {renews_on: in 60 days}",
            "such as 2026-01-31; write `in next 60d`, or `within 60d` for the last 60 days",
        ),
        ("when: {renews_on: within 60 days}", "`60 days` is not a duration; write `60d`"),
        ("history: [{seen: quote, in: 2 weeks}]", "a duration of at most 100 years; write `14d`"),
        ("history: [{seen: quote, in: 1 month}]", "a duration of at most 100 years; write `1mo`"),
    ],
)
def test_slips_in_conditions_are_told_as_what_they_are(lines: str, said: str) -> None:
    (problem,) = problems_of(an_action("isa"), a_trigger("t", f"{lines}\npromote: {{isa: 2}}"))
    assert problem.endswith(said)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("given: {renews_on: 2026-02-30},", "`renews_on` is a date that does not exist"),
        ("now: 2026-02-30,", "`now` is a date that does not exist"),
        ("events: [{t: 2026-02-30, event: quote}],", "`t: 2026-02-30` is a date that does not exist"),
    ],
)
def test_days_that_do_not_exist_are_called_so_in_tests(given: str, said: str) -> None:
    (result,) = run_rule_tests(a_bundle(an_action("isa", TEST % given)))
    assert said in str(result.problems[0])


def test_key_that_was_to_stand_below_an_empty_one_hints_at_its_indentation() -> None:
    (problem,) = problems_of(an_action("isa", "suitable:\nwhen: {age: 5}"))
    assert problem.endswith("`when`; does it belong to `suitable` above? then indent it below")


def test_nobody_matches_names_both_places_though_a_need_stands_between() -> None:
    """The need may stand in another file."""
    home = a_theme(
        "home", "needs: [{need: home, when: {age: at least 60}}]\nactive: {needs.home: true}\njourney: [isa]"
    )
    young = a_trigger("young", "when: {needs.home: true, age: under 25}\npromote: {isa: 2}")
    told = [each for each in problems_of(an_action("isa"), home, young) if "no customer" in each]
    assert [each.partition("match: ")[2] for each in told] == [
        "line 3 asks `needs.home: true`, line 3 asks `age: under 25`, "
        "rules/thematic/home.yaml:3 asks `age: at least 60`"
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('action: a\ntitle: "one\nowner: x\nversion: 1\ngroup: "savings"\nvalue: 3\n', "2:8"),
        ("action: a\ntitle: 'one\nowner: x\nversion: 1\ngroup: 'savings'\nvalue: 3\n", "2:8"),
        ('action: a\ntreatments:\n  web.hero: {headline: "x, body: y}\n  atm.receipt: {headline: "z"}\n', "3:24"),
        ('tests:\n  - {name: a, given: {x: "b}, ask: {c: d}}\n  - {name: "c", given: {x: b}}\n', "2:26"),
    ],
)
def test_quote_that_a_later_one_seems_to_close_is_told_where_it_opens(text: str, place: str) -> None:
    """Not where the next text would begin."""
    with pytest.raises(ParseError) as refused:
        parse("f.yaml", text.encode())
    assert str(refused.value.diagnostics[0]) == f"f.yaml:{place}: this quote is never closed; close it in the same line"


def test_text_after_a_closing_quote_is_told_there() -> None:
    """Where the quote closes the text that it was to close, whether or not lines above have quotes."""
    with pytest.raises(ParseError, match=r"f\.yaml:2:15: text follows the closing quote"):
        parse("f.yaml", b'title: "one"\nowner: "team" of cards\n')
