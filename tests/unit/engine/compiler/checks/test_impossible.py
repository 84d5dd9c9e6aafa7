"""A condition that can never hold is an error that names every place without which it could."""

import pytest

from tests.builders import a_theme, a_trigger, an_action, problems_of, the_guards


def test_both_places_are_named() -> None:
    """With what each of them asks."""
    (problem,) = problems_of(
        an_action("isa", "eligible: {when: {age: at least 60}}\nsuitable: {when: {age: under 25}}")
    )
    place, _, told = problem.partition(": ")
    assert place == "rules/actions/isa.yaml:6:24"
    assert told == "no customer can match: line 5 asks `age: at least 60`, line 6 asks `age: under 25`"


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ("{age: over 120}", ["age: over 120"]),
        ("{age: missing, verified: true, all: [{age: at least 18}]}", ["age: missing", "age: at least 18"]),
        ("{age: under 20, any: [{age: 30}, {age: over 40}]}", ["age: under 20", "age: 30 or age: over 40"]),
        ("{work: 'not [employed, student, retired]'}", ["not (work: [employed, student, retired])"]),
        ("{holds: isa, none: [{holds.isa: true}]}", ["holds: isa", "not (holds.isa: true)"]),
        ("{holds: missing, holds.isa: false}", ["holds: missing", "not (holds.isa: true)"]),
        ("{renews_on: within 30d, all: [{renews_on: in next 30d}, {renews_on: not within 1d}]}", ["renews_on: within"]),
        ("{history: [{seen: quote, in: 30d}, {last: quote, ago: 40d..90d}]}", ["seen: quote, in: 30d", "last: quote"]),
        ("{history: [{seen: quote, in: 30d, at_least: 2}, {not_seen: quote, in: 90d}]}", ["at_least: 2", "in: 90d"]),
        (
            "{request.channel: atm, request.moment: page_viewed}",
            ["request.channel: atm", "request.moment: page_viewed"],
        ),
        ("{needs.young: true, age: over 40}", ["needs.young: true", "age: over 40"]),
    ],
)
def test_contradiction_is_found_in_every_kind_of_cell(block: str, told: list[str]) -> None:
    """Among numbers, words, sets, dates and events, through alternatives, negations and needs."""
    theme = a_theme(
        "young", "needs: [{need: young, when: {age: under 30}}]\nactive: {needs.young: true}\njourney: [loan]"
    )
    problems = problems_of(an_action("isa", f"eligible: {{when: {block}}}"), an_action("loan", gives="loan"), theme)
    (problem,) = [each for each in problems if "no customer can match" in each]
    assert [each for each in told if each not in problem] == []


@pytest.mark.parametrize(
    "block",
    [
        "{age: at least 60, income: under 1_000}",
        "{renews_on: within 30d, all: [{renews_on: in next 30d}]}",
        "{history: [{seen: quote, in: 30d}, {last: quote, ago: 20d..90d}]}",
        "{history: [{seen: quote, in: 30d}, {last: quote, ago: 1mo..90d}]}",
        "{history: [{seen: quote, in: 30d}, {seen: policy, in: 30d}]}",
        "{income: '< 0.5 * rent', all: [{income: '> 2 * rent'}]}",
        "{left_over: over 100, outgoings: under 50}",
        "{request.channel: web, request.moment: page_viewed}",
    ],
)
def test_what_may_hang_on_something_else_is_not_judged(block: str) -> None:
    """The check may stay silent, but it is never wrong: a month may be shorter than 30 days, or longer."""
    assert problems_of(an_action("isa", f"eligible: {{when: {block}}}")) == []


def test_every_kind_of_rule_is_looked_at() -> None:
    """Themes, triggers with their moments, guards, needs, rows of a value, and treatments on their channel."""
    never = "{age: over 60, all: [{age: under 18}]}"
    table = f"{{table: [{{when: {never}, then: 5}}, {{then: 1}}]}}"
    shown = "treatments:\n  web.hero: {headline: x}\n  atm.idle: {headline: x, when: {request.channel: web}}"
    problems = problems_of(
        an_action("isa", shown, value=table),
        an_action("loan"),
        a_theme(
            "home",
            f"needs: [{{need: home, when: {never}}}]\nactive: {never}\njourney: [isa]\naccept_counts: 90d",
        ),
        a_trigger("t", "when: {request.moment: page_viewed}\non: {moment: [card_inserted]}\npromote: {loan: 2}"),
        a_trigger("s", "history: [{last: quote, ago: 60d..90d}]\nsuppress: {actions: [loan], for: 30d}"),
        the_guards("{guard: g, stops: {all: true}, when: {age: present, none: [{age: present}]}}"),
    )
    places = sorted(each.partition(": ")[0].rpartition(":")[0] for each in problems if "no customer can match" in each)
    assert places == [
        "rules/actions/isa.yaml:4",
        "rules/actions/isa.yaml:7",
        "rules/customized/s.yaml:3",
        "rules/customized/t.yaml:3",
        "rules/policy/guards.yaml:4",
        "rules/thematic/home.yaml:3",
        "rules/thematic/home.yaml:4",
    ]


def test_nothing_is_concluded_from_a_file_that_could_not_be_read() -> None:
    """What is wrong reads as true, so its negation would never hold."""
    problems = problems_of(an_action("isa", "suitable: {unless: [{agee: 18}]}"))
    assert problems == ["rules/actions/isa.yaml:5:22: unknown fact `agee`; did you mean `age`?"]


def test_too_many_cases_are_said_aloud() -> None:
    """Beyond 10,000 boxes nothing is claimed."""
    facts = ["age", "tenure", "income", "rent", "trend", "now.hour", "now.day_of_month", "context.cash"]
    hard = ", ".join(f"{{any: [{', '.join(f'{{{fact}: {number}}}' for fact in facts)}]}}" for number in range(1, 10))
    problems = problems_of(an_action("isa", f"eligible: {{when: {{all: [{hard}]}}}}"))
    assert any("warning [not_checked]: not checked for" in each for each in problems), problems
