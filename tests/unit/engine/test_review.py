"""What is found in a bundle that compiled: rules past their day, untested ones, and actions that never win."""

from collections.abc import Mapping, Sequence
from datetime import date

import pytest

from engine import compile_bundle
from engine.never_wins import ENOUGH, Tally, check_never_wins, tally
from engine.population import Encounter, generated_population
from engine.review import check_expired, check_untested, review
from engine.ruletests import run_rule_tests
from tests.builders import (
    ALL_PLACES,
    NOW,
    a_bundle,
    a_customer,
    a_plan,
    a_question,
    a_theme,
    a_trigger,
    an_action,
    rule_files,
    the_arbitration,
)

ASK = "ask: {channel: web, placement: hero, moment: page_viewed}"
PERSONAS = {"personas.yaml": "personas:\n  typical: {age: 40, consent.marketing: true, holds: [], segments: [mass]}\n"}


def found(*parts: Mapping[str, str], population: Sequence[Encounter] | None = ()) -> list[str]:
    """What a review finds; without a population nothing is said of who wins."""
    bundle = a_bundle(PERSONAS, *parts)
    return [str(each) for each in review(bundle, run_rule_tests(bundle), NOW, population).found]


def a_tested(name: str, lines: str = "", *, group: str = "savings", **keys: object) -> dict[str, str]:
    """An action with a test that sees it match."""
    return an_action(
        name, f"{lines}\ntests: [{{name: t, {ASK}, expect: {{offer: {name}}}}}]", group=group, places=ALL_PLACES, **keys
    )


# --- expired ---------------------------------------------------------------------------------------------------------


def test_rule_is_expired_the_day_after_its_last() -> None:
    """Actions, themes, triggers and levers alike."""
    valid = "{to: 2026-01-05}"
    plan = a_plan(
        an_action("isa", gives="isa", valid=valid),
        a_theme("home", "active: {age: 5}\njourney: [isa]", valid=valid),
        a_trigger("t", "when: {age: 5}\npromote: {isa: 2}", valid=valid),
        the_arbitration(f"levers:\n  - {{lever: push, percent: 5, valid: {valid}}}\n"),
    )
    assert list(check_expired(plan, date(2026, 1, 5))) == []
    told = [each.message for each in check_expired(plan, date(2026, 1, 6))]
    assert told == [f"`{rule}` ended on 2026-01-05" for rule in ("action/isa", "theme/home", "trigger/t", "lever/push")]


# --- untested --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ages", "missing"), [((), "match"), ((70,), "not match"), ((20,), "match"), ((20, 70), None)])
def test_rule_is_untested_unless_its_tests_see_it_match_and_not_match(ages: Sequence[int], missing: str | None) -> None:
    """In its own file; an action without conditions always matches."""
    tests = "".join(f"  - {{name: t{age}, given: {{age: {age}}}, {ASK}, expect: {{offer: isa}}}}\n" for age in ages)
    trigger = a_trigger("old", "when: {age: over 60}\npromote: {isa: 2}\n" + (f"tests:\n{tests}" if tests else ""))
    told = [] if missing is None else [f"no test of this file sees `trigger/old` {missing}"]
    bundle = a_bundle(PERSONAS, a_tested("isa"), trigger)
    assert [each.message for each in check_untested(bundle.plan, run_rule_tests(bundle))] == told


def test_what_a_review_finds_is_accepted_like_any_warning() -> None:
    """And an acceptance that is of no use any more is told."""
    ((path, text),) = a_trigger("old", "when: {age: over 60}\npromote: {isa: 2}").items()
    accepting = text.replace("trigger: old", "trigger: old  # accept untested, expired: nothing to see")
    (told,) = found(a_tested("isa"), {path: accepting})
    assert "warning [acceptance_of_nothing]: there is no warning `expired` in this line" in told
    bundle = a_bundle(PERSONAS, a_tested("isa"), {path: accepting})
    accepted = review(bundle, run_rule_tests(bundle), NOW, ()).accepted
    assert [(each.warning.code, each.reason) for each in accepted] == [("untested", "nothing to see")]


def test_mistakes_in_tests_are_part_of_a_review() -> None:
    """Beside the warnings of the compiler; that such tests have seen nothing is not said."""
    action = an_action("isa", f"tests: [{{name: t, given: {{agee: 4}}, {ASK}, expect: {{offer: isa}}}}]")
    told = found(action, a_theme("home", "active: {age: 5}\njourney: [isa]"))
    assert [each.partition(" ")[2].partition(" ")[0] for each in told] == ["unknown", "warning"]


# --- never wins ------------------------------------------------------------------------------------------------------


def a_population(bundle_parts: Sequence[Mapping[str, str]], size: int) -> list[Encounter]:
    """The same customer on the web, again and again."""
    plan = a_bundle(PERSONAS, *bundle_parts).plan
    question, customer = a_question(plan, "web.hero"), a_customer(plan, age=40)
    return [Encounter(request=question, snapshot=customer) for _ in range(size)]


def test_action_that_is_always_outranked_is_told_with_who_came_first() -> None:
    """Counted on the population that was handed over; propensities are drawn, so a small difference is no defeat."""
    actions = (a_tested("isa", value=1), a_tested("loan", value=9_000, group="loans"))
    (told,) = found(*actions, population=a_population(actions, ENOUGH))
    assert "warning [never_wins]: `isa` was a candidate 20 times on the reference population and never won" in told
    assert told.endswith("mostly `loan` came first: compare their values and weights")
    assert found(*actions, population=a_population(actions, ENOUGH - 1)) == []
    close = (a_tested("isa", value=90), a_tested("loan", value=100, group="loans"))
    assert found(*close, population=a_population(close, ENOUGH)) == []


def test_nothing_is_said_of_actions_that_were_hardly_candidates() -> None:
    """A population that does not reach an action proves nothing."""
    plan = a_plan(an_action("isa"))
    assert list(check_never_wins(plan, [Tally(candidate=ENOUGH - 1)])) == []
    assert list(check_never_wins(plan, [Tally(candidate=ENOUGH, chosen=1)])) == []
    assert len(list(check_never_wins(plan, [Tally(candidate=ENOUGH)]))) == 1


def test_generated_population_is_always_the_same_and_reaches_narrow_rules() -> None:
    """Values lie on either side of the bounds that rules name, and things have happened."""
    lines = "eligible: {when: {income: 7_321..7_322}, history: [{seen: quote, in: 90d}]}"
    files = rule_files(PERSONAS, a_tested("loan"), an_action("isa", lines))
    bundle = compile_bundle(files)
    people = list(generated_population(bundle, NOW))
    assert people == list(generated_population(compile_bundle(files), NOW))
    assert {each.request.channel.id for each in people} == {"atm", "web", "branch", "phone"}
    by_action = dict(zip((action.id for action in bundle.plan.actions), tally(bundle.plan, people, NOW), strict=True))
    assert all(each.candidate for each in by_action.values()), by_action
