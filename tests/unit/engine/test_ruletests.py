"""The tests that rule files carry: what they start from, what they ask, and what they say when they fail."""

from collections.abc import Mapping

import pytest

from engine.ruletests import RuleTestResult, check_rule_tests, run_rule_tests
from tests.builders import (
    a_bundle,
    a_theme,
    a_trigger,
    an_action,
    problems_of,
    the_arbitration,
    the_contact_policy,
    the_guards,
)

PERSONAS = {
    "personas.yaml": """\
personas:
  typical:
    {age: 40, rent: 500, income: 2_000, work: employed, consent.marketing: true, holds: [current_account], groups: [],
     segments: [mass]}
  student: {age: 20, work: student, consent.marketing: [web], holds: [], groups: [], segments: []}
"""
}
ASK = "ask: {channel: web, placement: hero, moment: page_viewed}"


def run(*parts: Mapping[str, str]) -> dict[str, RuleTestResult]:
    """The results by name."""
    return {result.name: result for result in run_rule_tests(a_bundle(PERSONAS, *parts))}


def outcome(lines: str, test: str, *parts: Mapping[str, str], **keys: str) -> RuleTestResult:
    """How one test of an ISA ends; the test asks on the web unless it says otherwise."""
    ask = "" if "ask:" in test else f"\n    {ASK}"
    tests = "tests:\n  - name: one\n" + "\n".join(f"    {line}" for line in test.splitlines()) + ask
    (result,) = run(an_action("isa", f"{lines}\n{tests}" if lines else tests, **keys), *parts).values()
    return result


def problem_of(test: str, lines: str = "") -> str:
    """The one problem in a test."""
    (problem,) = outcome(lines, test).problems
    return str(problem)


# --- what a test starts from -----------------------------------------------------------------------------------------


def test_test_starts_from_the_typical_persona() -> None:
    """Consenting and marketable; `given` overrides, `missing` takes away."""
    lines = "eligible: {when: {age: at least 18, work: employed}}"
    assert outcome(lines, "expect: {offer: isa}").passed
    assert outcome(lines, "given: {age: 17}\nexpect: {not_offer: isa, because: age}").passed
    assert outcome(lines, "given: {age: missing}\nexpect: {not_offer: isa, because: age}").passed
    assert outcome(lines, "persona: student\nexpect: {not_offer: isa, because: work}").passed


@pytest.mark.parametrize(
    ("given", "cell", "holds"),
    [
        ("holds.isa: true", "holds: all of [isa, current_account]", True),
        ("holds.current_account: false", "holds.current_account: true", False),
        ("holds: [loan], holds.isa: true", "holds: all of [isa, loan]", True),
        ("holds: [loan]", "holds.current_account: true", False),
        ("holds: missing", "holds: missing", True),
        ("groups.staff: true", "groups.staff: true", True),
        ("segments.affluent: true", "segments: all of [mass, affluent]", True),
        ("consent.marketing: true", "consent.marketing: true", True),
        ("context.cash: 300", "context.cash: at least 300", True),
        ("context.cash: 299.99", "context.cash: at least 300", False),
        ("rent: 1_500.50", "rent: 1500.5", True),
        ("renews_on: 2026-02-01", "renews_on: in next 30d", True),
        ("seen_at: '2026-01-05T11:00:00Z'", "seen_at: within 2h", True),
        ("nickname: Ann", "nickname: Ann", True),
        ("verified: true", "verified: true", True),
    ],
)
def test_given_takes_natural_values(given: str, cell: str, holds: bool) -> None:
    """Of attributes, sets and their members, consent and the request's context."""
    expected = "offer: isa" if holds else "not_offer: isa, because: not_eligible"
    result = outcome(
        f"eligible: {{when: {{{cell.partition(': ')[0]}: '{cell.partition(': ')[2]}'}}}}",
        f"given: {{{given}}}\nexpect: {{{expected}}}",
    )
    assert result.passed, result


def test_consent_may_be_given_by_channel() -> None:
    """For all alike, or a list of channels; what is not listed is refused."""
    assert outcome("", "given: {consent.marketing: [atm]}\nexpect: {not_offer: isa, because: consent}").passed
    assert outcome("", "given: {consent.marketing: [web]}\nexpect: {offer: isa}").passed
    assert outcome("", "given: {consent.marketing: missing}\nexpect: {not_offer: isa, because: guard}").passed


def test_objection_may_be_given() -> None:
    """As a fact of consent."""
    guard = the_guards("{guard: objection, when: {consent.profiling_objection: true}, effect: no_profiling}")
    trigger = a_trigger("rich", "when: {age: 40}\npromote: {isa: 2}")
    test = "given: {consent.profiling_objection: true}\nexpect: {not_offer: isa, because: objection}"
    assert outcome("", test, guard, trigger, show="only_when_promoted").passed


def test_events_are_counted_back_from_now() -> None:
    """With their fields, or on a day at noon, or at an instant."""
    lines = "eligible: {history: [{seen: salary, in: 30d, at_least: 2, where: {amount: at least 100}}]}"
    for events, expected in (
        ("[{t: -30d, event: salary, amount: 1_000}, {t: -1h, event: salary, amount: 100}]", "offer: isa"),
        (
            "[{t: -31d, event: salary, amount: 100}, {t: 0d, event: salary, amount: 100}]",
            "not_offer: isa, because: salary",
        ),
        (
            "[{t: 2025-12-06, event: salary, amount: 100}, {t: '2026-01-05T12:00', event: salary, amount: 100}]",
            "offer: isa",
        ),
        ("[{t: -1mo, event: salary, amount: 100}, {t: -1d, event: salary}]", "not_offer: isa"),
    ):
        result = outcome(lines, f"events: {events}\nexpect: {{{expected}}}")
        assert result.passed, result


def test_contacts_may_be_given() -> None:
    """What was offered before and what the customer answered."""
    policy = the_contact_policy("cooling_off: {after_decline: {default: 30d, not_now: 3d}}\n")
    for contact, expected in (
        ("{t: -4d, action: isa, outcome: decline, reason: not_now}", "offer: isa"),
        ("{t: -2d, action: isa, outcome: decline, reason: not_now}", "not_offer: isa, because: cooling_off"),
        ("{t: -20d, action: isa, outcome: decline, channel: branch}", "not_offer: isa, because: cooling_off"),
        ("{t: -20d, action: isa}", "offer: isa"),
    ):
        assert outcome("", f"contacts: [{contact}]\nexpect: {{{expected}}}", policy).passed


def test_lasting_need_may_have_held_before() -> None:
    """Others follow from what is given."""
    theme = a_theme(
        "home",
        "needs:\n  - {need: home, when: {verified: true}, lasts: 30d}\n  - {need: now, when: {verified: true}}\n"
        "active: {needs.home: true}\njourney: [isa]\naccept_counts: 90d",
    )
    for days, expected in ((30, "offer: isa"), (31, "not_offer: isa, because: home")):
        test = f"given: {{needs.home: -{days}d}}\nexpect: {{{expected}}}"
        assert outcome("", test, theme, show="only_when_promoted").passed
    (problem,) = outcome("", "given: {needs.now: true}\nexpect: {offer: isa}", theme).problems
    assert "`needs.now` is inferred, so it cannot be set; give what it follows from" in str(problem)


# --- when and where --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("valid", "now", "hour", "weekday", "day"),
    [
        (None, None, 12, "monday", 5),
        ("{from: 2026-03-29}", None, 12, "sunday", 29),
        ("{to: 2025-06-30}", None, 12, "monday", 30),
        (None, "2026-07-04", 12, "saturday", 4),
        (None, "'2026-07-04T09:30'", 9, "saturday", 4),
        (None, "'2026-07-04T23:30:00Z'", 0, "sunday", 5),
    ],
)
def test_now_is_noon_unless_it_is_set(valid: str | None, now: str | None, hour: int, weekday: str, day: int) -> None:
    """On the first day that the rule counts, else on 5 January 2026, in the bank's zone."""
    lines = f"eligible: {{when: {{now.hour: {hour}, now.weekday: {weekday}, now.day_of_month: {day}}}}}"
    result = outcome(
        lines, (f"now: {now}\n" if now else "") + "expect: {offer: isa}", **({"valid": valid} if valid else {})
    )
    assert result.passed, result


def test_ask_names_channel_moment_placements_and_language() -> None:
    """Without placements all of the channel's are asked for, without a moment none is known."""
    lines = "eligible: {when: {request.moment: missing}}\ntreatments:\n  web.footer: {headline: x, locale: cy-GB}"
    assert outcome(lines, "ask: {channel: web, locale: cy-GB}\nexpect: {offer: isa}").passed
    assert outcome(lines, "ask: {channel: web}\nexpect: {not_offer: isa, because: no_treatment}").passed
    assert outcome(lines, "ask: {channel: web, placement: hero, locale: cy-GB}\nexpect: {not_offer: isa}").passed
    assert outcome(lines, "ask: {channel: web, placements: [footer, hero], locale: cy-GB}\nexpect: {offer: isa}").passed


# --- candidates and scores -------------------------------------------------------------------------------------------


def test_candidates_are_the_actions_that_the_file_names() -> None:
    """`against: all` lets every action compete."""
    dearer = an_action("loan", group="loans", value="500")
    assert outcome("", "expect: {offer: isa}", dearer).passed
    assert outcome("", "against: all\nexpect: {not_offer: isa, because: outranked}", dearer).passed
    assert outcome("", "against: all\nexpect: {offer: loan}", dearer).passed
    tests = f"tests:\n  - {{name: one, {ASK}, expect: {{offer: loan}}}}"
    trigger = a_trigger("both", f"when: {{age: 40}}\npromote: {{isa: 1.2, loan: 1.1}}\n{tests}")
    assert run(an_action("isa"), dearer, trigger)["one"].passed


def test_propensity_is_a_twentieth_unless_the_test_says_otherwise() -> None:
    """For all actions, or by action."""
    outbound = "ask: {channel: phone, placement: card, moment: outbound}\n"
    worthless = "expect: {not_offer: isa, because: not_worth_contact}"
    assert outcome("", f"{outbound}expect: {{offer: isa}}", value="6.01").passed
    assert outcome("", outbound + worthless, value="6.00").passed
    assert outcome("", f"{outbound}propensity: 0.04\n{worthless}", value="6.01").passed
    dearer = an_action("loan", group="loans", value="500")
    assert outcome("", "against: all\npropensity: {loan: 0.001}\nexpect: {offer: isa}", dearer).passed


def test_exploration_is_off() -> None:
    """The best-ranked action wins, whatever the bundle explores."""
    actions = [an_action(f"loan_{at}", group="loans", value="99") for at in range(8)]
    assert outcome(
        "", "against: all\nexpect: {offer: isa}", *actions, the_arbitration("exploration: {bound: 0.5}\n")
    ).passed


# --- like ------------------------------------------------------------------------------------------------------------


def test_like_takes_over_what_another_test_says() -> None:
    """`given` and `ask` key by key, all `events`; `expect` is its own; the order of tests does not matter."""
    tests = f"""\
eligible: {{when: {{age: at least 18, verified: true}}, history: [{{seen: quote, in: 30d, at_least: 2}}]}}
tests:
  - name: grandchild
    like: child
    given: {{age: 17}}
    expect: {{not_offer: isa, because: age}}
  - name: parent
    given: {{age: 30, verified: true}}
    events: [{{t: -1d, event: quote}}]
    {ASK}
    expect: {{not_offer: isa, because: quote}}
  - name: child
    like: parent
    events: [{{t: -2d, event: quote}}]
    ask: {{placement: footer}}
    expect: {{offer: isa}}
"""
    results = run(an_action("isa", tests))
    assert {name: result.passed for name, result in results.items()} == {
        "grandchild": True,
        "parent": True,
        "child": True,
    }


# --- because ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "because",
    ["not_eligible", "rent", "income", "[not_eligible, rent]"],
)
def test_because_names_what_the_explanation_names(because: str) -> None:
    """A stage, or a fact of the condition that decided."""
    lines = "eligible: {when: {age: 40, rent: '> 0.5 * income'}}"
    assert outcome(lines, f"expect: {{not_offer: isa, because: {because}}}").passed


def test_because_may_say_why_an_action_is_offered() -> None:
    """The theme, trigger or event that speaks for it."""
    trigger = a_trigger("quoted", "history: [{seen: quote, in: 30d}]\npromote: {isa: 2}")
    for because, passed in (("quote", True), ("quoted", True), ("trigger", True), ("age", False)):
        test = f"events: [{{t: -1d, event: quote}}]\nexpect: {{offer: isa, because: {because}}}"
        assert outcome("", test, trigger).passed is passed


# --- failures --------------------------------------------------------------------------------------------------------


def test_failing_test_says_stage_rule_place_and_detail() -> None:
    """Enough to know which line to change."""
    result = outcome("eligible: {when: {age: at least 65}}", "expect: {offer: isa}")
    (failure,) = result.failures
    assert str(failure) == (
        "`isa` was not offered; `isa` was stopped as not_eligible: action/isa (rules/actions/isa.yaml:5:24) "
        "`age: at least 65` does not hold: age is 40"
    )
    assert failure.diff() == (
        "- expected: offer `isa`",
        "+ got:      no offer",
        "  decided:  `isa` was stopped as not_eligible: action/isa (rules/actions/isa.yaml:5:24) "
        "`age: at least 65` does not hold: age is 40",
    )
    assert not result.passed
    assert str(result.span) == "rules/actions/isa.yaml:7:5"


def test_failing_test_says_what_came_instead() -> None:
    """Another action, or the one that should not."""
    dearer = an_action("loan", group="loans", value="500")
    (failure,) = outcome("", "against: all\nexpect: {offer: isa}", dearer).failures
    assert failure.got == "`loan` on web.hero"
    assert str(failure).startswith("`isa` was not offered (`loan` instead); `isa` was stopped as outranked")
    (failure,) = outcome("", "expect: {not_offer: isa}").failures
    assert str(failure) == "`isa` was offered on web.hero"
    assert failure.diff()[:2] == ("- expected: no offer of `isa`", "+ got:      `isa` on web.hero")


def test_wrong_reason_is_a_failure() -> None:
    """An action that is not offered for another reason passes no test."""
    (failure,) = outcome("eligible: {when: {age: at least 65}}", "expect: {not_offer: isa, because: rent}").failures
    assert str(failure).startswith("expected because `rent`, but `isa` was stopped as not_eligible")
    assert failure.expected == "no offer of `isa` because `rent`"


# --- mistakes in tests -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("given: {agee: 1}\nexpect: {offer: isa}", "7:13: unknown fact `agee`; did you mean `age`?"),
        ("given: {age: 121}\nexpect: {offer: isa}", "7:18: `age` must lie in 0..120"),
        ("events: [{t: -5m, event: quote}]\nexpect: {offer: isa}", "7:18: `t` must say how long ago, not `-5m`"),
        ("gven: {age: 3}\nexpect: {offer: isa}", "7:5: unknown key in a test `gven`; did you mean `given`?"),
        ("given: {age: 30}", "6:5: a test needs `expect`"),
    ],
)
def test_mistake_in_a_test_is_a_diagnostic_with_its_place(test: str, problem: str) -> None:
    """The test is not run, and keeps no bundle from serving."""
    assert problem in problem_of(test)


def test_action_that_is_no_candidate_cannot_be_expected() -> None:
    """It would never be offered, whatever the rules say."""
    (problem,) = outcome("", "expect: {not_offer: loan}", an_action("loan")).problems
    assert "`loan` is no candidate in this file's tests; only actions that the file names are candidates" in str(
        problem
    )


def test_tests_need_a_name_of_their_own() -> None:
    """So that a report can name them."""
    same = f"  - {{name: a, {ASK}, expect: {{offer: isa}}}}"
    tests = f"tests:\n  - {{{ASK}, expect: {{offer: isa}}}}\n{same}\n{same}"
    found = [str(each) for each in check_rule_tests(a_bundle(PERSONAS, an_action("isa", tests)))]
    assert [each.partition(": ")[2] for each in found] == [
        "a test needs a `name`",
        "the test `a` stands here twice; give it another name",
    ]


@pytest.mark.parametrize("tests", ["tests: {name: a}", "tests: all"])
def test_tests_are_a_list(tests: str) -> None:
    """Anything else is said once."""
    (problem,) = check_rule_tests(a_bundle(PERSONAS, an_action("isa", tests)))
    assert "`tests` must be a list" in str(problem)


def test_mistake_in_a_persona_is_found_where_it_stands() -> None:
    """Once, however many tests start from it."""
    personas = {"personas.yaml": "personas:\n  typical: {age: old, consent.marketing: true}\n"}
    tests = f"tests:\n  - {{name: a, {ASK}, expect: {{offer: isa}}}}\n  - {{name: b, {ASK}, expect: {{offer: isa}}}}"
    (problem,) = check_rule_tests(a_bundle(personas, an_action("isa", tests)))
    assert str(problem) == "rules/personas.yaml:2:18: `age` must be a number"


def test_bundle_with_mistaken_tests_compiles() -> None:
    """Tests are advice; rules decide."""
    assert problems_of(an_action("isa", "tests: [{name: a, given: {agee: 1}}]")) == []
