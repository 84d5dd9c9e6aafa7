"""Treatments: the first in file order that fits the customer, the place, the day and the language."""

from datetime import UTC, date, datetime

import pytest

from engine import Plan, Snapshot
from engine.facts import Natural
from engine.wording import render
from tests.builders import CHANNELS, NOW, a_customer, a_plan, a_question, an_action, decided, problems_of, reason_for


def dressed(
    treatments: str, facts: dict[str, Natural] | None = None, place: str = "web.hero", locale: str = "en-GB"
) -> str:
    """The id of the treatment in which an ISA is shown, or why it is not."""
    plan = a_plan(an_action("isa", f"treatments:\n{treatments}"))
    decision = decided(plan, a_question(plan, place, locale=locale), a_customer(plan, facts))
    found = [option.treatment.id for each in decision.filled for option in each.options]
    return str(found[0]) if found else reason_for(plan, decision, "isa")


def rendered(text: str, facts: dict[str, Natural]) -> object:
    """A headline on the web with its placeholders filled in."""
    plan = a_plan(an_action("isa", f'treatments:\n  web.hero: {{headline: "{text}"}}'))
    decision = decided(plan, customer=a_customer(plan, facts))
    return render(plan, decision.filled[0].options[0].treatment, decision.row)["headline"]


# --- where -----------------------------------------------------------------------------------------------------------


def test_treatment_is_for_a_placement_or_a_whole_channel() -> None:
    """`channel.*` fits every placement of its channel and no other."""
    assert dressed("  web.hero: {headline: x}") == "isa/web.hero"
    assert dressed("  web.*: {headline: x}") == "isa/web.*"
    assert dressed("  web.footer: {headline: x}") == "no_treatment"
    assert dressed("  branch.*: {headline: x}") == "no_treatment"


def test_the_first_that_fits_wins() -> None:
    """In file order, a placement's own before or after the channel's."""
    assert dressed("  web.*: {headline: x}\n  web.hero: {headline: y}") == "isa/web.*"
    assert dressed("  web.hero: {headline: y}\n  web.*: {headline: x}") == "isa/web.hero"


def test_action_shows_where_one_of_the_placements_asked_for_fits() -> None:
    """It has no treatment only where none of them does."""
    plan = a_plan(an_action("isa", "treatments:\n  web.footer: {headline: x}"))
    decision = decided(plan, a_question(plan, "web.hero", "web.footer"))
    assert [[option.treatment.id for option in each.options] for each in decision.filled] == [[], ["isa/web.footer"]]


def test_placement_accepts_some_groups_only() -> None:
    """An action of another group does not fit there, whatever its treatments."""
    channels = CHANNELS.replace("hero: {precedence: 1,", "hero: {precedence: 1, accepts: {groups: [loans]},")
    plan = a_plan({"channels.yaml": channels}, an_action("isa"), an_action("loan", group="loans"))
    decision = decided(plan, a_question(plan, "web.hero"))
    assert reason_for(plan, decision, "isa") == "no_treatment"
    assert reason_for(plan, decision, "loan") == "chosen"


def test_treatment_may_ask_for_its_placement() -> None:
    """`channel.*` with a condition on `placement` differs from place to place."""
    by_place = """\
  web.*:
    - {id: big, when: {placement: hero}, headline: x}
    - {id: elder, when: {placement: not hero, age: over 60}, headline: x}
    - {id: any, when: {any: [{placement: [hero, footer]}, {age: 3}]}, headline: x}
"""
    assert dressed(by_place) == "isa/web.*/big"
    assert dressed(by_place, {"age": 61}, "web.footer") == "isa/web.*/elder"
    assert dressed(by_place, {"age": 30}, "web.footer") == "isa/web.*/any"


def test_placement_is_for_treatments_alone() -> None:
    """An action is eligible or not, wherever it would show."""
    (problem,) = problems_of(an_action("isa", "eligible: {when: {placement: hero}}"))
    assert problem == "rules/actions/isa.yaml:5:19: only a treatment can ask for its `placement`"
    (problem,) = problems_of(an_action("isa", "treatments: {web.*: {headline: x, when: {placement: heros}}}"))
    assert "unknown value of `placement` `heros`; did you mean `hero`?" in problem


# --- variants --------------------------------------------------------------------------------------------------------

VARIANTS = """\
  web.hero:
    - {id: young, when: {age: under 30}, headline: x}
    - {id: welsh, locale: cy-GB, headline: x}
    - {id: over, valid: {to: 2026-01-04}, headline: x}
    - {id: soon, valid: {from: 2026-01-06}, headline: x}
    - {id: named, headline: "Hello {nickname}"}
    - {headline: x}
"""


@pytest.mark.parametrize(
    ("facts", "locale", "variant"),
    [
        ({"age": 20, "nickname": "Ann"}, "cy-GB", "isa/web.hero/young"),
        ({"age": 30, "nickname": "Ann"}, "cy-GB", "isa/web.hero/welsh"),
        ({"age": 30, "nickname": "Ann"}, "en-GB", "isa/web.hero/named"),
        ({"nickname": "Ann"}, "en-GB", "isa/web.hero/named"),
        ({"age": 30}, "en-GB", "isa/web.hero/6"),
    ],
)
def test_variant_fits_the_customer_the_language_and_the_day(
    facts: dict[str, Natural], locale: str, variant: str
) -> None:
    """An unknown condition or an unknown placeholder does not fit, and the next is tried."""
    assert dressed(VARIANTS, facts, locale=locale) == variant


@pytest.mark.parametrize(
    ("valid", "fits"),
    [
        ("{from: 2026-01-05}", True),
        ("{to: 2026-01-05}", True),
        ("{from: 2026-01-06}", False),
        ("{to: 2026-01-04}", False),
    ],
)
def test_validity_includes_both_days(valid: str, fits: bool) -> None:
    """In the bank's zone."""
    found = dressed(f"  web.hero: {{headline: x, valid: {valid}}}")
    assert found == ("isa/web.hero" if fits else "no_treatment")


def test_treatment_with_an_unknown_placeholder_does_not_fit() -> None:
    """Nobody is greeted by a gap."""
    treatments = '  web.hero: {headline: "Hello", body: "After {months_left} months, {nickname}"}'
    known: dict[str, Natural] = {"nickname": "Ann", "renews_on": date(2026, 9, 5)}
    assert dressed(treatments, known) == "isa/web.hero"
    assert dressed(treatments, {"nickname": "Ann"}) == "no_treatment"
    assert dressed(treatments) == "no_treatment"


def test_one_treatment_alone_goes_by_its_place() -> None:
    """Also where the place ends in a digit; only variants go by their own ids."""
    channels = CHANNELS.replace("hero:", "slot1:")
    plan = a_plan({"channels.yaml": channels}, an_action("isa", "treatments:\n  web.slot1: {id: only, headline: x}"))
    decision = decided(plan, a_question(plan, "web.slot1"))
    assert decision.filled[0].options[0].treatment.id == "isa/web.slot1"


def test_action_without_a_treatment_is_not_scored() -> None:
    """It ends before the model is asked."""
    plan = a_plan(an_action("isa", "treatments:\n  atm.idle: {headline: x}"))
    assert decided(plan).scored == ()


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "facts", "shown"),
    [
        ("{rent} a month", {"rent": "1234.5"}, "£1,234.50 a month"),
        ("since {renews_on}", {"renews_on": date(2026, 3, 1)}, "since 1 March 2026"),
        ("{age} years, {age}", {"age": 41}, "41 years, 41"),
        ("{trend} up", {"trend": "0.25"}, "0.2500 up"),
        ("{verified}", {"verified": True}, "yes"),
        ("{work}", {"work": "retired"}, "retired"),
        ("{nickname}", {"nickname": "<b>Ann</b>"}, "<b>Ann</b>"),
        ("{request.channel}", {}, "web"),
        ("{seen_at}", {"seen_at": datetime(2026, 1, 4, tzinfo=UTC)}, "4 January 2026"),
    ],
)
def test_placeholders_are_put_into_words(text: str, facts: dict[str, Natural], shown: str) -> None:
    """As people read them in British English; escaping is the business of what shows them."""
    assert rendered(text, facts) == shown


def test_content_without_placeholders_is_given_as_it_is() -> None:
    """Lists and nested texts of staff cards included."""
    card = '  branch.card: {inquire: "Why?", objections: [{says: "No {nickname}", answer: x}]}'
    plan = a_plan(an_action("isa", f"treatments:\n{card}"))
    decision = decided(plan, a_question(plan, "branch.card"), a_customer(plan, nickname="Ann"))
    content = render(plan, decision.filled[0].options[0].treatment, decision.row)
    assert content == {"inquire": "Why?", "objections": [{"says": "No Ann", "answer": "x"}]}


def test_leads_to_says_what_accepting_creates() -> None:
    """An appointment instead of an order; it is no part of the content."""
    plan = a_plan(an_action("isa", "treatments:\n  web.hero: {headline: x, leads_to: {branch: appointment}}"))
    treatment = decided(plan).filled[0].options[0].treatment
    assert treatment.leads_to == {"branch": "appointment"}
    assert treatment.content == {"headline": "x"}


@pytest.mark.parametrize(
    ("treatments", "problem"),
    [
        ("  web.hero: {}", "has no content"),
        ("  web.heros: {headline: x}", "unknown placement of `web` `heros`; did you mean `hero`?"),
        ("  wap.hero: {headline: x}", "unknown channel `wap`"),
        ('  web.hero: {headline: "{nick}"}', "unknown fact `nick`; did you mean `nickname`?"),
        ('  atm.idle: {headline: "{income}"}', "the private fact `income` must not appear on `atm`"),
        ("  web.hero: {headline: x, arm: a}", "unknown arm of an experiment here `a`"),
        ("  web.hero: {headline: x, valid: {from: 2026-02-01, to: 2026-01-01}}", "the validity ends before it begins"),
        (
            "  web.hero: {headline: x, leads_to: {brnch: appointment}}",
            "unknown channel `brnch`; did you mean `branch`?",
        ),
        ("  web.hero: {headline: x, leads_to: {branch: party}}", "`leads_to` must name one of appointment, callback"),
        ("  web.hero: [{id: a, headline: x}, {id: a, headline: y}]", "the treatment `a` stands here twice"),
    ],
)
def test_treatment_that_cannot_be_shown_is_refused(treatments: str, problem: str) -> None:
    """With a suggestion where there is one."""
    assert any(problem in each for each in problems_of(an_action("isa", f"treatments:\n{treatments}")))


def test_what_is_made_of_private_facts_is_private() -> None:
    """A difference of income and rent tells something of both."""
    shows = '  atm.idle: {headline: "{left_over} to spare"}'
    (problem,) = problems_of(an_action("isa", f"treatments:\n{shows}"))
    assert "the private fact `left_over` must not appear on `atm`" in problem


def test_treatments_hold_what_the_snapshot_says_at_that_time() -> None:
    """A day later another variant may fit: nothing is kept between decisions."""
    plan: Plan = a_plan(an_action("isa", f"treatments:\n{VARIANTS}"))
    customer: Snapshot = a_customer(plan, age=30)
    for day, variant in ((4, "over"), (5, "6"), (6, "soon")):
        decision = decided(plan, customer=customer, now=NOW.replace(day=day))
        assert str(decision.filled[0].options[0].treatment.id) == f"isa/web.hero/{variant}"
