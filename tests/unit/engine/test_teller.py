"""What a teller may say of an action: plain English for every reason and every kind of cell, and nothing delicate."""

from datetime import date, timedelta

import pytest

from engine import Plan
from engine.contacts import ContactState, DeclineReason
from engine.decision import NOBODY
from engine.explain import Because, Rejection, why, why_not
from engine.facts import Consent, Natural
from engine.reasons import Reason
from engine.teller import facts_of, say, say_not
from tests.builders import (
    CATALOGUE,
    a_contact,
    a_customer,
    a_plan,
    a_question,
    a_theme,
    a_trigger,
    an_action,
    an_event,
    decided,
    the_contact_policy,
    the_guards,
)

DAY = timedelta(days=1)


def _rejection(plan: Plan, customer: object = None, place: str = "web.hero") -> tuple[Rejection, str]:
    """What is said against the ISA."""
    question = a_question(plan, place)
    decision = decided(plan, question, customer)  # type: ignore[arg-type]
    rejection = next(each for each in why_not(plan, question, decision) if each.action == "isa")
    return rejection, say_not(plan, decision, rejection)


@pytest.mark.parametrize(
    ("cells", "facts", "sentence"),
    [
        ("age: at least 18", {"age": 17}, "Cash ISA is for customers whose age is at least 18; our records show 17."),
        ("age: 18..65", {"age": 70}, "Cash ISA is for customers whose age is at most 65; our records show 70."),
        ("income: over 1_500", {"income": "1200.50"},
         "Cash ISA is for customers whose income is over £1,500.00; our records show £1,200.50."),
        ("trend: under 0.25", {"trend": 0.5},
         "Cash ISA is for customers whose trend is under 0.2500; our records show 0.5000."),
        ("age: [21, 22]", {"age": 30}, "Cash ISA is for customers whose age is 21 or 22; our records show 30."),
        ("age: not 17", {"age": 17}, "Cash ISA is not for customers whose age is 17; our records show 17."),
        ("rent: '< 0.5 * income'", {"rent": 900, "income": 1500},
         "Cash ISA is for customers whose rent is under 0.5 times the income; our records show £900.00; "
         "income is £1,500.00."),
        ("rent: '<= income - 100'", {"rent": 900, "income": 950},
         "Cash ISA is for customers whose rent is at most the income less 100; our records show £900.00; "
         "income is £950.00."),
        ("work: [employed, retired]", {"work": "student"},
         "Cash ISA is for customers whose work is employed or retired; our records show student."),
        ("work: not student", {"work": "student"},
         "Cash ISA is not for customers whose work is student; our records show student."),
        ("verified: true", {"verified": False},
         "Cash ISA is for customers whose “verified” is yes; our records show no."),
        ("nickname: Jo", {"nickname": "Al"}, "Cash ISA is for customers whose nickname is Jo; our records show Al."),
        ("renews_on: in next 30d", {"renews_on": date(2026, 3, 1)},
         "Cash ISA is for customers whose “renews on” is in the next 30 days; our records show 1 March 2026."),
        ("renews_on: within 1y", {"renews_on": date(2024, 3, 1)},
         "Cash ISA is for customers whose “renews on” is in the last year; our records show 1 March 2024."),
        ("renews_on: older than 2y", {"renews_on": date(2026, 1, 1)},
         "Cash ISA is for customers whose “renews on” is more than 2 years ago; our records show 1 January 2026."),
        ("renews_on: '>= 2026-06-30'", {"renews_on": date(2026, 1, 1)},
         "Cash ISA is for customers whose “renews on” is on or after 30 June 2026; our records show 1 January 2026."),
        ("age: present", {}, "Cash ISA needs your age on our records."),
        ("age: missing", {"age": 17}, "Cash ISA is for customers without age on our records."),
        ("holds.isa: false", {"holds": ["isa"]}, "You hold “ISA” with us already."),
        ("holds.cover: true", {}, "Cash ISA is for customers who hold “Cover” with us."),
        ("segments.affluent: true", {}, "Cash ISA is for customers in the segment “affluent”."),
        ("groups.staff: false", {"groups": ["staff"]}, "Cash ISA is not for customers in the group “staff”."),
        ("history: [{seen: quote, in: 30d}]", {},
         "Cash ISA follows “quote” in the last 30 days; there is none on our records."),
        ("history: [{seen: salary, in: 1y, at_least: 2}]", {},
         "Cash ISA follows “salary” at least 2 times in the last year; there is none on our records."),
        ("history: [{ever: quote}]", {}, "Cash ISA follows “quote” at any time; there is none on our records."),
        ("history: [{last: salary, ago: 40d..7mo}]", {},
         "Cash ISA is for customers whose last “salary” was 40 days to 7 months ago."),
        ("history: [{seen: policy, since: quote}]", {}, "Cash ISA follows “policy” after “quote”."),
        ("age: at least 18", {}, "Before we can offer Cash ISA we need to know your age."),
        ("rent: '< 0.5 * income'", {}, "Before we can offer Cash ISA we need to know your rent and your income."),
        ("rent: '< 0.5 * income'", {"rent": 9}, "Before we can offer Cash ISA we need to know your income."),
    ],
)  # fmt: skip
def test_every_kind_of_cell_has_its_sentence(cells: str, facts: dict[str, Natural], sentence: str) -> None:
    plan = a_plan(an_action("isa", f"eligible: {{when: {{{cells}}}}}", title="Cash ISA"))
    assert _rejection(plan, a_customer(plan, facts))[1] == sentence


def test_a_title_in_the_plural_gets_its_verb() -> None:
    from_catalogue = (
        "debits: {title: Number of direct debits, type: integer}\n  kids: {title: Children at home, type: integer}"
    )
    catalogue = CATALOGUE.replace("attributes:\n", f"attributes:\n  {from_catalogue}\n")
    for fact, sentence in (
        ("debits", "Fraud alerts by text are for customers whose number of direct debits is at least 2"),
        ("kids", "Fraud alerts by text are for customers whose children at home are at least 2"),
    ):
        action = an_action("isa", f"eligible: {{when: {{{fact}: at least 2}}}}", title="Fraud alerts by text")
        plan = a_plan(action, {"catalogue.yaml": catalogue})
        assert _rejection(plan, a_customer(plan, {fact: 1}))[1] == f"{sentence}; our records show 1."


def test_an_event_that_must_not_have_happened_is_waited_out() -> None:
    plan = a_plan(an_action("isa", "eligible: {history: [{not_seen: quote, in: 30d}]}", title="Cash ISA"))
    customer = a_customer(plan, events=[an_event(plan, "quote", 3 * DAY)])
    rejection, sentence = _rejection(plan, customer)
    assert sentence == "Cash ISA waits for a while after “quote”."
    cause = rejection.because[0].cause
    assert cause is not None
    assert facts_of(plan, decided(plan, customer=customer).row, cause) == {"quote": "last on 2 January 2026"}


def test_a_history_that_does_not_reach_back_is_said_as_such() -> None:
    plan = a_plan(an_action("isa", "eligible: {history: [{not_seen: quote, in: 1y}]}", title="Cash ISA"))
    sentence = _rejection(plan, a_customer(plan, kept_since=1_767_000_000))[1]
    assert sentence == "For Cash ISA we look back for “quote”, and our records do not go back far enough."


@pytest.mark.parametrize(
    ("catalogued", "cells"),
    [
        ("on_register: {title: On a register, type: boolean, private: true}", "on_register: false"),
        ("sex: {title: Sex, type: category, values: [f, m], protected: audit_only}", "sex: f"),
    ],
)
def test_registers_and_protected_facts_are_never_said_aloud(catalogued: str, cells: str) -> None:
    catalogue = CATALOGUE.replace("attributes:\n", f"attributes:\n  {catalogued}\n")
    name = cells.partition(":")[0]
    value: Natural = True if name == "on_register" else "m"
    action = an_action("isa", f"eligible: {{when: {{{cells}}}}}", title="Cash ISA")
    plan = a_plan(action, {"catalogue.yaml": catalogue})
    assert _rejection(plan, a_customer(plan, {name: value}))[1] == "Cash ISA does not fit at the moment."
    assert _rejection(plan, a_customer(plan))[1] == "Cash ISA does not fit at the moment."


def test_needs_are_never_said_aloud() -> None:
    theme = a_theme("home", "needs: [{need: home, when: {verified: true}}]\nactive: {needs.home: true}\njourney: [isa]")
    plan = a_plan(an_action("isa", "suitable: {when: {needs.home: true}}", title="Cash ISA"), theme)
    assert _rejection(plan, a_customer(plan, verified=False))[1] == "Cash ISA does not fit at the moment."


def test_what_compliance_guards_is_not_said_but_missing_consent_is() -> None:
    guard = "{guard: flagged, title: Flagged, stops: {all: true}, when: {flagged: true}}"
    plan = a_plan(the_guards(guard), an_action("isa", title="Cash ISA"))
    assert _rejection(plan, a_customer(plan, flagged=True))[1] == "We cannot offer Cash ISA at the moment."
    refusing = a_customer(plan, flagged=False, consent=Consent(version=1))
    rejection, sentence = _rejection(plan, refusing)
    assert sentence == "You have not agreed to offers here, so we make you none."
    assert rejection.because[0].cause is not None
    assert rejection.because[0].cause.atom.text == "consent.marketing: true"


@pytest.mark.parametrize(
    ("state", "reason", "sentence"),
    [
        (
            ContactState.DECLINED,
            DeclineReason.NOT_NOW,
            "You said no to Cash ISA, and we leave it at that until",
        ),
        (
            ContactState.LATER,
            DeclineReason.NONE,
            "You asked us to come back to Cash ISA later, so we let it rest",
        ),
        (
            ContactState.ACCEPTED,
            DeclineReason.NONE,
            "You said yes to Cash ISA, so we do not bring it up again until",
        ),
    ],
)
def test_an_answer_rests_the_action_until_a_day(state: ContactState, reason: DeclineReason, sentence: str) -> None:
    policy = the_contact_policy("cooling_off: {after_decline: {default: 30d, not_now: 14d}, after_accept: 90d}\n")
    plan = a_plan(policy, an_action("isa", title="Cash ISA"))
    customer = a_customer(plan, contacts=[a_contact(plan, "isa", DAY, state=state, reason=reason)])
    rejection, said = _rejection(plan, customer)
    assert said.startswith(sentence)
    assert rejection.because[0].until is not None


def test_what_was_ignored_rests_as_well() -> None:
    policy = the_contact_policy("cooling_off: {after_ignored: {impressions: 2, in: 30d, for: 14d}}\n")
    plan = a_plan(policy, an_action("isa", title="Cash ISA"))
    customer = a_customer(plan, contacts=[a_contact(plan, "isa", ago * DAY) for ago in (2, 3)])
    said = _rejection(plan, customer)[1]
    assert said.startswith("We have shown you Cash ISA often enough without an answer, and let it rest until ")


def test_nothing_is_claimed_of_somebody_who_is_not_known() -> None:
    """They have refused nothing, and nobody has looked into their records."""
    plan = a_plan(an_action("isa", "eligible: {when: {age: at least 18}}", title="Cash ISA"))
    decision = decided(plan, customer=NOBODY)
    for reason, about in ((Reason.GUARD, ("consent.marketing",)), (Reason.NOT_ELIGIBLE, ())):
        rejection = Rejection(action="isa", reason=reason, because=(Because(code=reason.code, about=about),))
        said = say_not(plan, decision, rejection, known=False)
        assert said == "We do not know you as a customer yet, so we cannot offer Cash ISA."


def test_every_reason_has_a_sentence() -> None:
    """So that a new stage cannot be forgotten."""
    plan = a_plan(an_action("isa", title="Cash ISA"))
    decision = decided(plan, customer=NOBODY)
    for reason in Reason:
        if reason in (Reason.OPEN, Reason.CHOSEN):
            continue
        said = say_not(plan, decision, Rejection(action="isa", reason=reason, because=()))
        assert said.endswith(".")
        assert "{" not in said


def test_what_is_shown_is_put_down_to_what_speaks_for_it() -> None:
    trigger = a_trigger("quoted", "title: Asked for a quote\nhistory: [{seen: quote, in: 30d}]\npromote: {isa: 2}")
    plan = a_plan(trigger, an_action("isa", title="Cash ISA"))
    question = a_question(plan)
    for events, sentence in (
        ([an_event(plan, "quote", DAY)], "We thought of Cash ISA for you: asked for a quote."),
        ([], "Cash ISA is what suits you best at the moment."),
    ):
        decision = decided(plan, question, a_customer(plan, events=events))
        (candidate,) = decision.scored
        assert say(plan, candidate, why(plan, question, decision, candidate)) == sentence


FAMILY = "title: Soon a family\nneeds: [{need: house, when: {tenure: at least 1}}]\nactive: {needs.house: true}"
GENERAL = "Cash ISA is what suits you best at the moment."


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("history: [{seen: quote, in: 30d}]", True),
        ("when: {request.channel: branch, tenure: at least 1}", True),
        ("when: {tenure: at least 1, income: at least 1}", False),
        ("when: {needs.house: true}", False),
        ("when: {any: [{needs.house: true}, {tenure: at least 1}]}", False),
        ("history: [{seen: refusal, in: 30d}]", False),
        ("when: {any: [{tenure: at least 1}, {history: [{not_seen: quote, since: refusal}]}]}", False),
    ],
)
def test_title_that_may_hint_at_something_private_is_never_said_aloud(rule: str, told: bool) -> None:
    """What is inferred, and what the catalogue calls private, stays with the bank."""
    catalogue = {"catalogue.yaml": CATALOGUE.replace("events:", "events:\n  refusal: {keep: 400d, private: true}")}
    house = a_theme("house", f"{FAMILY}\njourney: [loan]")
    trigger = a_trigger("asked", f"title: Something about you\n{rule}\npromote: {{isa: 2}}")
    actions = an_action("isa", title="Cash ISA"), an_action("loan", "applicable: {when: {age: 1}}", group="loans")
    plan = a_plan(catalogue, house, trigger, *actions)
    question = a_question(plan, "branch.card")
    events = [an_event(plan, "quote", DAY), an_event(plan, "refusal", 2 * DAY)]
    decision = decided(plan, question, a_customer(plan, tenure=3, income=500_000, events=events))
    (candidate,) = decision.scored
    because = why(plan, question, decision, candidate)
    assert [each.code for each in because] == ["trigger"]
    particular = "We thought of Cash ISA for you: something about you."
    assert say(plan, candidate, because) == (particular if told else GENERAL)


def test_title_of_a_theme_is_never_said_aloud() -> None:
    """It names what was inferred."""
    plan = a_plan(a_theme("house", f"{FAMILY}\njourney: [isa]"), an_action("isa", title="Cash ISA", gives="isa"))
    question = a_question(plan)
    decision = decided(plan, question, a_customer(plan, tenure=3))
    (candidate,) = decision.scored
    because = why(plan, question, decision, candidate)
    assert [each.code for each in because] == ["theme"]
    assert say(plan, candidate, because) == GENERAL
