"""Why an action was chosen and why not, with the rule, its file and line, and what decided in words."""

from datetime import date, timedelta

import pytest

from engine import Decision, Plan
from engine.contacts import ContactState, DeclineReason
from engine.decision import NOBODY
from engine.explain import Because, why, why_not
from engine.facts import Consent, Natural
from tests.builders import (
    SteadyScorer,
    a_contact,
    a_customer,
    a_plan,
    a_question,
    a_theme,
    a_trigger,
    an_action,
    an_event,
    decided,
    the_arbitration,
    the_contact_policy,
    the_guards,
)

DAY = timedelta(days=1)
TRIGGER = a_trigger(
    "quoted",
    "title: Asked for a quote\nhistory: [{seen: quote, in: 30d}, {not_seen: policy, in: 60d}]\npromote: {isa: 2}",
)


def because_of(plan: Plan, decision: Decision, action: str = "isa", place: str = "web.hero") -> tuple[Because, ...]:
    """What is said against an action."""
    rejections = {each.action: each for each in why_not(plan, a_question(plan, place), decision)}
    return rejections[action].because


def told(plan: Plan, facts: dict[str, Natural] | None = None) -> str:
    """The one reason against an ISA, in a line."""
    (because,) = because_of(plan, decided(plan, customer=a_customer(plan, facts)))
    return f"{because.code} {because.place}: {because.detail}"


# --- engagement ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "facts", "detail"),
    [
        ("age: at least 18", {"age": 17}, "`age: at least 18` does not hold: age is 17"),
        ("age: at least 18", {}, "`age: at least 18` is not known"),
        ("age: not 17", {"age": 17}, "`age: 17` holds: age is 17"),
        ("age: missing", {"age": 17}, "`age: present` holds"),
        ("age: present", {}, "`age: present` does not hold"),
        ("rent: '< 0.5 * income'", {"rent": 900, "income": "1500.50"},
         "`rent: < 0.5 * income` does not hold: rent is £900.00, income is £1,500.50"),
        ("work: [employed]", {"work": "student"}, "`work: [employed]` does not hold: work is student"),
        ("holds.isa: false", {"holds": ["isa"]}, "`holds.isa: true` holds"),
        ("holds.isa: true", {"holds": []}, "`holds.isa: true` does not hold"),
        ("renews_on: in next 30d", {"renews_on": date(2026, 3, 1)},
         "`renews_on: in next 30d` does not hold: renews_on is 1 March 2026"),
        ("history: [{seen: quote, in: 30d}]", {}, "`seen: quote, in: 30d` does not hold"),
    ],
)  # fmt: skip
def test_cell_that_decided_is_named_with_what_was_found(cells: str, facts: dict[str, Natural], detail: str) -> None:
    """With its place in the file."""
    plan = a_plan(an_action("isa", f"eligible: {{when: {{{cells}}}}}"))
    assert told(plan, facts).startswith("not_eligible rules/actions/isa.yaml:5:")
    assert told(plan, facts).endswith(f": {detail}")


def test_first_false_condition_in_file_order_decides_before_the_first_unknown() -> None:
    """Whatever stands first, unless something is plainly false."""
    plan = a_plan(an_action("isa", "suitable: {when: {age: at least 18, tenure: at least 2, verified: true}}"))
    for facts, about in (
        ({}, "age"),
        ({"age": 30}, "tenure"),
        ({"tenure": 1}, "tenure"),
        ({"verified": False, "tenure": 1}, "tenure"),
        ({"verified": False}, "verified"),
    ):
        (because,) = because_of(plan, decided(plan, customer=a_customer(plan, facts)))
        assert because.about == (about,)


@pytest.mark.parametrize("first", ["when", "history", "unless"])
def test_file_order_holds_between_when_history_and_unless(first: str) -> None:
    """What the author wrote first is named first."""
    parts = {
        "when": "when: {age: at least 18}",
        "history": "history: [{ever: salary}]",
        "unless": "unless: [{verified: false}]",
    }
    lines = [parts.pop(first), *parts.values()]
    plan = a_plan(an_action("isa", "eligible:\n" + "\n".join(f"  {line}" for line in lines)))
    (because,) = because_of(plan, decided(plan, customer=a_customer(plan, age=10, verified=False)))
    assert because.about == ({"when": "age", "history": "salary", "unless": "verified"}[first],)


# --- guards, suppressions, contact policy ----------------------------------------------------------------------------


def test_guards_are_named_with_the_facts_behind_them() -> None:
    """All that stop the action, in file order; what is not known is said."""
    flagged = "{guard: flagged, title: Flagged, stops: {all: true}, when: {any: [{flagged: true}, {verified: false}]}}"
    plan = a_plan(the_guards(flagged))
    consent, guard = because_of(plan, decided(plan, customer=NOBODY))
    assert (consent.rule, consent.about) == ("guard/consent", ("consent.marketing",))
    assert consent.detail == guard.detail == "a fact that it needs is not known"
    assert (guard.title, guard.about) == ("Flagged", ("flagged", "verified"))
    (guard,) = because_of(plan, decided(plan, customer=a_customer(plan, flagged=True, verified=True)))
    assert (guard.about, guard.detail) == (("flagged",), None)
    assert str(guard.place) == "rules/policy/guards.yaml:4:5"


def test_suppression_names_its_trigger_and_event() -> None:
    """The marketer sees which file to open."""
    trigger = a_trigger("complaint", "history: [{seen: complaint, in: 30d}]\nsuppress: {actions: [isa], for: 30d}")
    plan = a_plan(an_action("isa"), trigger)
    customer = a_customer(plan, events=[an_event(plan, "complaint", DAY)])
    (because,) = because_of(plan, decided(plan, customer=customer))
    assert (because.code, because.rule, because.about) == ("suppressed", "trigger/complaint", ("complaint",))


def test_contact_policy_names_the_cap_or_the_answer() -> None:
    """With the place of the rule."""
    policy = the_contact_policy(
        "caps:\n  - {cap: weekly, per: customer, limit: 1, in: 7d}\ncooling_off: {after_decline: {default: 30d}}\n"
    )
    plan = a_plan(policy)
    (cap,) = because_of(plan, decided(plan, customer=a_customer(plan, contacts=[a_contact(plan, "isa")])))
    assert (cap.code, cap.rule, cap.detail) == ("capped", "cap/weekly", "the cap of 1 is reached")
    assert str(cap.place) == "rules/policy/contact.yaml:2:5"
    declined = a_contact(plan, "isa", state=ContactState.DECLINED, reason=DeclineReason.NOT_NOW)
    (answer,) = because_of(plan, decided(plan, customer=a_customer(plan, contacts=[declined])))
    assert (answer.code, answer.detail) == ("cooling_off", "declined: not_now")


# --- no reason now ---------------------------------------------------------------------------------------------------


def test_missing_reason_names_every_trigger_that_could_give_one() -> None:
    """Each with what keeps it back."""
    plan = a_plan(
        an_action("isa", show="only_when_promoted", gives="isa"),
        TRIGGER,
        a_trigger("visit", "when: {verified: true}\npromote: {isa: 1.2}", on="{moment: [page_viewed]}"),
        a_trigger("over", "when: {verified: true}\npromote: {isa: 1.2}", valid="{to: 2026-01-04}"),
        a_trigger("other", "when: {verified: true}\npromote: {loan: 1.2}"),
        an_action("loan", group="loans"),
        a_theme("home", "active: {flagged: true}\njourney: [isa]"),
        a_theme("work", "active: {verified: true}\njourney: [loan, isa]"),
        a_theme("past", "active: {verified: true}\njourney: [isa]", valid="{to: 2026-01-04}"),
    )
    events = [an_event(plan, "quote", DAY), an_event(plan, "policy", DAY)]
    customer = a_customer(plan, verified=True, flagged=False, events=events)
    found = because_of(plan, decided(plan, customer=customer))
    assert {(each.rule, each.code, each.detail) for each in found} == {
        ("trigger/over", "outside_validity", "it is not valid today"),
        ("trigger/quoted", "no_reason_now", "`seen: policy, in: 60d` holds"),
        ("trigger/visit", "not_for_this_moment", "it counts at these moments only: page_viewed"),
        ("theme/home", "no_reason_now", "`flagged: true` does not hold: flagged is no"),
        ("theme/past", "outside_validity", "it is not valid today"),
        ("theme/work", "journey_not_reached", "it is not this theme's next step"),
    }


def test_objection_to_profiling_is_the_reason_for_having_none() -> None:
    """Not the triggers, which were not asked."""
    guard = "{guard: objection, when: {consent.profiling_objection: true}, effect: no_profiling}"
    plan = a_plan(an_action("isa", show="only_when_promoted"), TRIGGER, the_guards(guard))
    consent = Consent(version=1, allowed_by_purpose={"marketing": {"web": True}}, profiling_objection=True)
    (because,) = because_of(plan, decided(plan, customer=a_customer(plan, consent=consent)))
    assert (because.code, because.rule) == ("no_profiling", "guard/objection")


# --- why -------------------------------------------------------------------------------------------------------------


def test_chosen_action_names_its_theme_triggers_and_levers() -> None:
    """In that order, with the facts and events behind them."""
    plan = a_plan(
        an_action("isa", gives="isa"),
        TRIGGER,
        a_theme("home", "title: A home\nactive: {verified: true}\njourney: [isa]"),
        the_arbitration("levers:\n  - {lever: season, percent: 10}\n"),
    )
    customer = a_customer(plan, verified=True, events=[an_event(plan, "quote", DAY)])
    decision = decided(plan, customer=customer)
    found = why(plan, a_question(plan), decision, decision.ranking[0])
    assert [(each.code, each.rule, each.about) for each in found] == [
        ("theme", "theme/home", ("verified",)),
        ("trigger", "trigger/quoted", ("quote", "policy")),
        ("lever", "lever/season", ()),
    ]
    assert found[1].title == "Asked for a quote"


def test_action_that_nothing_speaks_for_ranked_by_its_value() -> None:
    """That is a reason too."""
    plan = a_plan()
    decision = decided(plan)
    (because,) = why(plan, a_question(plan), decision, decision.ranking[0])
    assert because.code == "ranked_by_value"


def test_outranked_action_is_told_its_place_and_factors() -> None:
    """So that it can be held against the one that was chosen."""
    plan = a_plan(an_action("isa", value="40"), an_action("loan"))
    (because,) = because_of(plan, decided(plan, scorer=SteadyScorer(plan, {"isa": 0.25, "loan": 0.2})))
    assert because.detail == "ranked 2 of 2: priority 10.0000 = 0.2500 x 40.00 x 1.00 x 1.00"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (an_action("isa", valid="{to: 2026-01-04}"), "outside_validity"),
        (an_action("isa", places=["atm.idle"]), "no_treatment"),
        (an_action("isa", value="0"), "not_worth_contact"),
    ],
)
def test_plain_reasons_come_with_a_sentence(action: dict[str, str], code: str) -> None:
    """Where no single rule decided."""
    plan = a_plan(action)
    (because,) = because_of(plan, decided(plan))
    assert because.code == code
    assert because.detail
