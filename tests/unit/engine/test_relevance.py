"""Promotions, suppressions, themes and journeys: what gives a reason to show an action, and how much it weighs."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from engine import Plan
from engine.contacts import ContactState
from tests.builders import (
    NOW,
    a_contact,
    a_customer,
    a_plan,
    a_question,
    a_theme,
    a_trigger,
    an_action,
    an_event,
    decided,
    offered,
    ranked,
    reason_for,
    reasons,
    the_contact_policy,
)

VERIFIED = "{verified: true}"
DAY = timedelta(days=1)


def weight_of(plan: Plan, action: str = "isa", **facts: bool) -> float:
    """The context weight of an action, for a verified customer."""
    decision = decided(plan, customer=a_customer(plan, {"verified": True, **facts}))
    return next(each.weight for each in decision.scored if plan.actions[each.action].id == action)


def promoting(*weights: str) -> list[Mapping[str, str]]:
    """One trigger for each weight, all of them true of a verified customer."""
    return [
        a_trigger(f"trigger_{at}", f"when: {VERIFIED}\npromote: {{isa: {weight}}}") for at, weight in enumerate(weights)
    ]


def themed(*weights: str) -> list[Mapping[str, str]]:
    """One active theme for each weight."""
    return [
        a_theme(f"theme_{at}", f"active: {VERIFIED}\njourney: [isa]\nweight: {each}") for at, each in enumerate(weights)
    ]


# --- context weight --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("promotions", "themes", "weight"),
    [
        ((), (), 1.0),
        (("1.5",), (), 1.5),
        (("1.5", "2"), (), 2.0),
        (("0.5", "0.4"), (), 0.4),
        (("1.5", "2", "0.5", "0.8"), (), 2 * 0.5),
        (("1",), (), 1.0),
        ((), ("1.4",), 1.4),
        ((), ("1.4", "1.2"), 1.4),
        ((), ("0.5",), 0.5),
        (("2",), ("1.5",), 3.0),
        (("4",), ("1.5",), 5.0),
        (("5",), ("5",), 5.0),
        (("0.25",), ("0.5",), 0.2),
        (("5", "0.2"), ("0.5",), 0.5),
    ],
)
def test_context_weight_multiplies_the_strongest_of_each(
    promotions: tuple[str, ...], themes: tuple[str, ...], weight: float
) -> None:
    """Largest promotion above 1, largest theme, smallest promotion below 1; clamped to 0.2..5."""
    assert weight_of(a_plan(an_action("isa"), *promoting(*promotions), *themed(*themes))) == pytest.approx(weight)


def test_trigger_that_is_false_or_unknown_promotes_nothing() -> None:
    """What promotes needs true."""
    plan = a_plan(an_action("isa"), *promoting("2"))
    for verified in (False, None):
        decision = decided(plan, customer=a_customer(plan, verified=verified))
        assert decision.scored[0].weight == 1.0
        assert decision.promotions == ()


def test_trigger_counts_within_its_validity_only() -> None:
    """From its first day to its last."""
    for valid, weight in (
        ("{from: 2026-01-05, to: 2026-01-05}", 2.0),
        ("{to: 2026-01-04}", 1.0),
        ("{from: 2026-01-06}", 1.0),
    ):
        trigger = a_trigger("seasonal", f"when: {VERIFIED}\npromote: {{isa: 2}}", valid=valid)
        assert weight_of(a_plan(an_action("isa"), trigger)) == weight


def test_trigger_for_other_moments_stays_silent() -> None:
    """`on` names the moments; without it every moment is meant, and no moment at all."""
    lines = f"when: {VERIFIED}\npromote: {{isa: 2}}"
    plan = a_plan(an_action("isa"), a_trigger("on_pages", lines, on="{moment: [page_viewed]}"))
    customer = a_customer(plan, verified=True)
    for moment, weight in (("page_viewed", 2.0), ("session_started", 1.0), (None, 1.0)):
        assert decided(plan, a_question(plan, moment=moment), customer).scored[0].weight == weight
    always = a_plan(an_action("isa"), a_trigger("always", lines))
    assert decided(always, a_question(always), a_customer(always, verified=True)).scored[0].weight == 2.0


# --- a reason to show ------------------------------------------------------------------------------------------------


def test_action_that_shows_only_when_promoted_needs_a_reason() -> None:
    """Any promotion is one, whatever it weighs; so is being a theme's next step."""
    shy = an_action("isa", show="only_when_promoted")
    for reason in (*promoting("0.5"), *themed("1")):
        plan = a_plan(shy, reason)
        assert reason_for(plan, decided(plan, customer=a_customer(plan, verified=True)), "isa") == "chosen"
        assert reason_for(plan, decided(plan, customer=a_customer(plan, verified=False)), "isa") == "no_reason_now"


def test_no_reason_comes_after_treatment() -> None:
    """An action that has neither reason nor treatment here is told the treatment."""
    plan = a_plan(an_action("isa", show="only_when_promoted", places=["atm.idle"]), *promoting("2"))
    assert reason_for(plan, decided(plan), "isa") == "no_treatment"


# --- suppressions ----------------------------------------------------------------------------------------------------


def suppressing(lines: str) -> Plan:
    """A trigger that suppresses all savings after a complaint, or as it says."""
    return a_plan(an_action("isa"), an_action("loan", group="loans"), a_trigger("complaint", lines))


@pytest.mark.parametrize(("ago", "reason"), [(0, "suppressed"), (30, "suppressed"), (31, "chosen")])
def test_suppression_ends_after_its_last_event(ago: int, reason: str) -> None:
    """Thirty days from the last matching event."""
    plan = suppressing("history: [{seen: complaint, in: 60d}]\nsuppress: {groups: [savings], for: 30d}")
    customer = a_customer(plan, events=[an_event(plan, "complaint", days * DAY) for days in (50, ago)])
    assert reasons(plan, decided(plan, a_question(plan, "web.footer"), customer)) == {"isa": reason, "loan": "chosen"}


def test_suppression_binds_unless_it_is_false() -> None:
    """Where history or facts are not known, it excludes."""
    plan = suppressing(
        f"when: {VERIFIED}\nhistory: [{{seen: complaint, in: 60d}}]\nsuppress: {{actions: [isa], for: 30d}}"
    )
    seen = [an_event(plan, "complaint", DAY)]
    kept_lately = int((NOW - 10 * DAY).timestamp())
    for verified, events, kept_since, suppressed in (
        (True, seen, 0, True),
        (None, seen, 0, True),
        (False, seen, 0, False),
        (True, [], 0, False),
        (True, [], kept_lately, True),
        (None, [], kept_lately, True),
        (False, [], kept_lately, False),
    ):
        customer = a_customer(plan, verified=verified, events=events, kept_since=kept_since)
        found = reason_for(plan, decided(plan, customer=customer), "isa")
        assert (found == "suppressed") is suppressed


def test_suppression_for_other_moments_stays_silent() -> None:
    """A question without a moment may be any moment, so it is suppressed."""
    plan = suppressing(
        "on: {moment: [page_viewed]}\nhistory: [{ever: complaint}]\nsuppress: {actions: [isa], for: 30d}"
    )
    customer = a_customer(plan, events=[an_event(plan, "complaint", DAY)])
    for moment, reason in (("page_viewed", "suppressed"), ("session_started", "chosen"), (None, "suppressed")):
        assert reason_for(plan, decided(plan, a_question(plan, moment=moment), customer), "isa") == reason


def test_suppression_comes_after_guards_and_before_eligibility() -> None:
    """The first stage that fails gives the reason."""
    plan = a_plan(
        an_action("isa", "eligible: {when: {age: at least 18}}"),
        a_trigger("complaint", "history: [{ever: complaint}]\nsuppress: {actions: [isa], for: 30d}"),
    )
    customer = a_customer(plan, age=10, events=[an_event(plan, "complaint", DAY)])
    assert reason_for(plan, decided(plan, customer=customer), "isa") == "suppressed"
    assert reason_for(plan, decided(plan, a_question(plan), None), "isa") == "not_eligible"


# --- needs -----------------------------------------------------------------------------------------------------------


def needing(needs: str, *more: Mapping[str, str], active: str = "{needs.home: true}") -> Plan:
    """A theme with needs, whose only step is an ISA that needs a reason."""
    theme = a_theme("home", f"needs:\n{needs}\nactive: {active}\njourney: [isa]")
    return a_plan(an_action("isa", show="only_when_promoted"), theme, *more)


def test_need_is_false_where_it_is_not_inferred() -> None:
    """Never unknown: `not true` holds of somebody of whom nothing is known."""
    plan = needing("  - {need: home, when: {verified: true}}", active="{needs.home: false}")
    for verified, reason in ((None, "chosen"), (False, "chosen"), (True, "no_reason_now")):
        assert reason_for(plan, decided(plan, customer=a_customer(plan, verified=verified)), "isa") == reason


def test_needs_follow_from_needs() -> None:
    """In whatever order they are declared, across themes."""
    plan = needing(
        "  - {need: home, when: {needs.saving: true, needs.steady: true}}\n  - {need: saving, when: {verified: true}}",
        a_theme("work", "needs:\n  - {need: steady, when: {work: employed}}\nactive: {flagged: true}\njourney: [isa]"),
    )
    for verified, work, reason in (
        (True, "employed", "chosen"),
        (True, "student", "no_reason_now"),
        (False, "employed", "no_reason_now"),
    ):
        customer = a_customer(plan, verified=verified, work=work)
        assert reason_for(plan, decided(plan, customer=customer), "isa") == reason


def test_need_declared_twice_means_either() -> None:
    """In one file or in two."""
    plan = needing("  - {need: home, when: {verified: true}}\n  - {need: home, when: {work: retired}}")
    for verified, work, reason in (
        (True, "student", "chosen"),
        (False, "retired", "chosen"),
        (False, "student", "no_reason_now"),
    ):
        customer = a_customer(plan, verified=verified, work=work)
        assert reason_for(plan, decided(plan, customer=customer), "isa") == reason


@pytest.mark.parametrize(("days", "reason"), [(0, "chosen"), (30, "chosen"), (31, "no_reason_now")])
def test_lasting_need_outlives_its_condition(days: int, reason: str) -> None:
    """As long as `lasts` says, since it last held."""
    plan = needing("  - {need: home, when: {verified: true}, lasts: 30d}")
    customer = a_customer(plan, verified=False, needs={"needs.home": NOW - days * DAY})
    assert reason_for(plan, decided(plan, customer=customer), "isa") == reason


def test_needs_that_depend_on_each_other_are_refused() -> None:
    """A circle has no beginning."""
    with pytest.raises(Exception, match="depend on each other in a circle"):
        needing("  - {need: home, when: {needs.work: true}}\n  - {need: work, when: {needs.home: true}}")


# --- journeys --------------------------------------------------------------------------------------------------------

STEPS = (
    an_action("isa", gives="isa"),
    an_action("loan", gives="loan", group="loans"),
    an_action("cover", gives="cover"),
)


def journey(lines: str = "", *parts: Mapping[str, str]) -> Plan:
    """A theme that leads from an ISA over a loan to cover."""
    theme = a_theme("home", f"active: {VERIFIED}\njourney: [isa, loan, cover]\nweight: 2\n{lines}")
    return a_plan(*STEPS, theme, *parts)


def step_of(plan: Plan, question: str = "web.hero", **customer: object) -> str | None:
    """The current step, for a verified customer."""
    facts = {"verified": True, **{key: value for key, value in customer.items() if key in ("holds", "age")}}
    contacts = customer.get("contacts", ())
    decision = decided(plan, a_question(plan, question), a_customer(plan, facts, contacts=contacts))  # type: ignore[arg-type]  # tests pass what fits
    step = decision.steps[0]
    return None if step is None else str(plan.actions[step].id)


def test_current_step_is_the_first_that_is_not_done() -> None:
    """A step is done when its product is held; after the last there is none."""
    plan = journey()
    assert step_of(plan) == "isa"
    assert step_of(plan, holds=["isa"]) == "loan"
    assert step_of(plan, holds=["loan"]) == "isa"
    assert step_of(plan, holds=["isa", "loan", "cover"]) is None


def test_only_the_current_step_gets_the_themes_weight() -> None:
    """The others rank as they are."""
    plan = journey()
    decision = decided(plan, customer=a_customer(plan, verified=True, holds=["isa"]))
    weights = {str(plan.actions[each.action].id): (each.weight, each.theme) for each in decision.scored}
    assert weights == {"isa": (1.0, None), "loan": (2.0, 0), "cover": (1.0, None)}


def test_accepted_step_counts_as_done_for_a_while() -> None:
    """Until the product is there, as long as `accept_counts` says; without it an accept counts for nothing."""
    plan = journey("accept_counts: 30d")
    for state, days, step in (
        (ContactState.ACCEPTED, 30, "loan"),
        (ContactState.CONVERTED, 1, "loan"),
        (ContactState.ACCEPTED, 31, "isa"),
        (ContactState.DECLINED, 1, "isa"),
    ):
        assert step_of(plan, contacts=[a_contact(plan, "isa", days * DAY, state=state)]) == step
    strict = journey()
    assert step_of(strict, contacts=[a_contact(strict, "isa", DAY, state=ContactState.ACCEPTED)]) == "isa"


def test_step_that_guards_or_engagement_block_is_skipped() -> None:
    """The customer can never take it, so the journey goes on."""
    barred = an_action("isa", "eligible: {when: {age: at least 99}}", gives="isa")
    assert step_of(journey("", barred), age=30) == "loan"
    early = an_action("isa", gives="isa", valid="{from: 2027-01-01}")
    assert step_of(journey("", early)) == "loan"


@pytest.mark.parametrize(("if_capped", "step"), [("wait", "isa"), ("skip", "loan"), (None, "isa")])
def test_step_that_contact_policy_blocks_is_waited_for(if_capped: str | None, step: str) -> None:
    """Unless the theme says to skip."""
    capped = the_contact_policy("caps:\n  - {cap: c, per: group, groups: [savings], limit: 1, in: 30d}\n")
    lines = f"if_capped: {if_capped}" if if_capped else ""
    declined = journey(lines, the_contact_policy("cooling_off: {after_decline: {default: 30d}}\n"))
    assert step_of(declined, contacts=[a_contact(declined, "isa", DAY, state=ContactState.DECLINED)]) == step
    full = journey(lines, capped)
    assert step_of(full, contacts=[a_contact(full, "isa", DAY)]) == step


def test_step_without_a_treatment_here_is_waited_for() -> None:
    """Another place will show it."""
    plan = journey("", an_action("isa", gives="isa", places=["atm.idle"]))
    assert step_of(plan) == "isa"
    decision = decided(plan, customer=a_customer(plan, verified=True))
    assert {each.theme for each in decision.scored} == {None}


def test_strict_journey_rejects_later_steps() -> None:
    """Until their turn comes; earlier steps and others stay."""
    plan = journey("strict: true", an_action("bond"))
    question = a_question(plan, "branch.card")
    first = reasons(plan, decided(plan, question, a_customer(plan, verified=True)))
    assert first == {
        "isa": "chosen",
        "bond": "outranked",
        "loan": "journey_not_reached",
        "cover": "journey_not_reached",
    }
    second = reasons(plan, decided(plan, question, a_customer(plan, verified=True, holds=["isa"])))
    assert second["loan"] == "chosen"
    assert second["cover"] == "journey_not_reached"
    done = reasons(plan, decided(plan, question, a_customer(plan, verified=True, holds=["isa", "loan", "cover"])))
    assert "journey_not_reached" not in done.values()
    assert "journey_not_reached" not in reasons(plan, decided(plan, question)).values()


def test_the_strongest_theme_is_reported() -> None:
    """Ties go to the first id."""
    for weights, strongest in ((("1.2", "1.4"), "theme/theme_1"), (("1.4", "1.4"), "theme/theme_0")):
        plan = a_plan(an_action("isa"), *themed(*weights))
        candidate = decided(plan, customer=a_customer(plan, verified=True)).scored[0]
        assert candidate.theme is not None
        assert plan.themes[candidate.theme].head.rule == strongest


def test_themes_lift_an_offer_over_a_dearer_one() -> None:
    """That is what they are for."""
    plan = a_plan(an_action("isa", value="60"), an_action("loan", value="100"), *themed("2"))
    assert ranked(plan, decided(plan, customer=a_customer(plan, verified=True))) == ["isa", "loan"]
    assert offered(plan, decided(plan)) == ["loan"]


@pytest.mark.parametrize(
    ("history", "event", "other"),
    [
        ("{not_seen: policy, since: quote}", "quote", None),
        ("{seen: quote, since: policy}", "quote", "policy"),
    ],
)
def test_suppression_counts_from_the_event_that_came_last(history: str, event: str, other: str | None) -> None:
    """Of an abandoned quote that is the quote; of what came since something else, what came."""
    plan = a_plan(an_action("isa"), a_trigger("t", f"history: [{history}]\nsuppress: {{actions: [isa], for: 30d}}"))
    for days, outcome in ((30, "suppressed"), (31, "chosen")):
        events = [an_event(plan, event, timedelta(days=days))]
        events += [an_event(plan, other, timedelta(days=100))] if other else []
        decision = decided(plan, customer=a_customer(plan, events=events))
        assert reason_for(plan, decision, "isa") == outcome
