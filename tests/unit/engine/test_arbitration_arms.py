"""Arms of arbitration and the holdout of all offers: what each leaves out, what binds in all, and what is recorded."""

from collections import Counter
from datetime import timedelta
from itertools import count, islice

import pytest

from engine import Decision, Plan
from engine.actions import Tier
from engine.decision import WHOLE
from engine.experiments import arm_of
from engine.explain import why, why_not
from engine.plan import ArbitrationArm
from engine.ruletests import run_rule_tests
from tests.builders import (
    SteadyScorer,
    a_bundle,
    a_customer,
    a_plan,
    a_question,
    a_theme,
    a_trigger,
    an_action,
    an_event,
    decided,
    offered,
    problems_of,
    ranked,
    reasons,
    shown,
    the_arbitration,
    the_contact_policy,
    the_guards,
)

KEY = b"a key of this test"
FIVE = (
    "{experiment: arms, of: arbitration, arms: {as_is: 20%, random_relevant: 20%, no_propensity: 20%, no_levers: 20%, "
    "engagement_only: 20%}}"
)
HELD_OUT = "{experiment: everyone, title: Do offers pay, of: all_offers, arms: {offers: 90%, holdout: 10%}}"
PROPENSITIES = {"isa": 0.01, "loan": 0.30, "card": 0.05, "fund": 0.05}


def experiments(*lines: str) -> dict[str, str]:
    """`policy/experiments.yaml`."""
    return {"policy/experiments.yaml": "experiments:\n" + "".join(f"  - {line}\n" for line in lines)}


def a_bank(*lines: str, more: dict[str, str] | None = None) -> Plan:
    """A bank with five offers and a service: one offer needs a reason, one is for nobody, a lever pushes one."""
    return a_plan(
        an_action("isa", value=200),
        an_action("loan", value=100, group="loans"),
        an_action("card", value=150, group="cards"),
        an_action("fund", value=120, group="funds", show="only_when_promoted"),
        an_action("pension", "eligible: {when: {age: at least 60}}", value=900, group="pensions"),
        an_action("notice", value=1, group="notices", tier="service", show="only_when_promoted"),
        the_arbitration("levers:\n  - {lever: push_cards, percent: 100, actions: [card]}\n"),
        a_trigger("asked", "history: [{seen: quote, in: 30d}]\npromote: {fund: 1.5, notice: 1.5}"),
        experiments(*(lines or (FIVE,))),
        more or {},
    )


def customer_in(plan: Plan, arm: str, experiment: int = 0, number: int = 0) -> str:
    """A customer of an arm."""
    everybody = (f"C{at:07d}" for at in count())
    found = (each for each in everybody if arm_of(plan.experiments[experiment], each, KEY) == arm)
    return next(islice(found, number, None))


def decided_in(plan: Plan, arm: str, *places: str, age: int = 40, number: int = 0, items: int = 1) -> Decision:
    """The decision for a customer of an arm of the first experiment."""
    question = a_question(plan, *(places or ("web.hero",)), customer=customer_in(plan, arm, number=number), count=items)
    scorer = SteadyScorer(plan, PROPENSITIES, positives=100)
    return decided(plan, question, a_customer(plan, age=age), scorer=scorer, key=KEY)


def test_arm_as_is_chooses_as_without_the_experiment() -> None:
    """It is what the others are held against."""
    plain, plan = a_bank("{experiment: e, of: loan@web.hero, arms: {a: 99%, holdout: 1%}}"), a_bank()
    customer = customer_in(plan, "as_is")
    assert arm_of(plain.experiments[0], customer, KEY) == "a"
    question = a_question(plain, customer=customer)
    before = decided(plain, question, a_customer(plain, age=40), scorer=SteadyScorer(plain, PROPENSITIES), key=KEY)
    assert ranked(plan, decided_in(plan, "as_is")) == ranked(plain, before) == ["loan", "card", "isa"]


def test_without_levers_offers_rank_by_what_they_are_worth() -> None:
    """The push of cards counts for everybody else."""
    plan = a_bank(more=the_arbitration("levers:\n  - {lever: push_isa, percent: 100, actions: [isa, card]}\n"))
    by_arm = {arm: decided_in(plan, arm) for arm in ("as_is", "no_levers")}
    levers = {
        arm: {plan.actions[each.action].id: each.lever for each in found.ranking} for arm, found in by_arm.items()
    }
    assert levers["as_is"] == {"loan": 1.0, "card": 2.0, "isa": 2.0}
    assert set(levers["no_levers"].values()) == {1.0}


def test_without_propensity_offers_rank_by_value_weight_and_lever() -> None:
    """Here the card at 150 with its lever of 2, then the ISA at 200."""
    decision = decided_in(a_bank(), "no_propensity")
    assert ranked(a_bank(), decision) == ["card", "isa", "loan"]
    assert [each.priority for each in decision.ranking] == [30_000, 20_000, 10_000]


def test_random_relevant_offer_is_as_likely_as_any_that_has_a_reason() -> None:
    """The fund has none, so that it stays out; the chance of each other is a third, and recorded."""
    plan, winners = a_bank(), Counter[str]()
    for number in range(300):
        decision = decided_in(plan, "random_relevant", number=number)
        (option,) = decision.filled[0].options
        winners[plan.actions[option.candidate.action].id] += 1
        assert option.chance == pytest.approx(1 / 3)
        assert reasons(plan, decision)["fund"] == "no_reason_now"
    assert set(winners) == {"isa", "loan", "card"}
    assert min(winners.values()) > 300 / 3 - 5 * (300 * 2 / 9) ** 0.5


def test_engagement_only_needs_no_reason_and_weighs_none() -> None:
    """But what a customer may not have stays out, and services need their reason in every arm."""
    theme = a_theme("growing", "active: {age: at least 18}\njourney: [isa, loan]\nweight: 3\nstrict: true")
    plan, winners = a_bank(more=theme), Counter[str]()
    for number in range(200):
        decision = decided_in(plan, "engagement_only", number=number)
        (option,) = decision.filled[0].options
        winners[plan.actions[option.candidate.action].id] += 1
        assert (option.candidate.weight, option.candidate.lever, option.candidate.theme) == (1.0, 1.0, None)
        assert option.chance == pytest.approx(1 / 4)
        assert reasons(plan, decision) | {"isa": "", "loan": "", "card": "", "fund": ""} == {
            **dict.fromkeys(("isa", "loan", "card", "fund"), ""),
            "pension": "not_eligible",
            "notice": "no_reason_now",
        }
    assert set(winners) == {"isa", "loan", "card", "fund"}
    assert reasons(plan, decided_in(plan, "as_is"))["loan"] == "journey_not_reached"


@pytest.mark.parametrize("arm", [str(each) for each in ArbitrationArm])
def test_guards_suppressions_caps_and_tiers_bind_in_every_arm(arm: str) -> None:
    """An experiment chooses among what may be offered; it never adds to that."""
    plan = a_bank(
        more={
            **the_guards("{guard: minors, stops: {groups: [savings]}, when: {age: under 50}}"),
            **a_trigger("sore", "history: [{seen: complaint, in: 30d}]\nsuppress: {actions: [loan], for: 30d}"),
            **a_trigger("news", "when: {age: at least 18}\npromote: {notice: 1.5}"),
            **the_contact_policy("caps:\n  - {cap: none_of_cards, per: group, groups: [cards], limit: 0, in: 7d}\n"),
        }
    )
    for number in range(20):
        customer = a_customer(plan, age=40, events=[an_event(plan, "complaint", timedelta(days=2))])
        question = a_question(plan, "web.hero", "web.footer", customer=customer_in(plan, arm, number=number), count=3)
        decision = decided(plan, question, customer, key=KEY)
        found = reasons(plan, decision)
        assert [found[each] for each in ("isa", "card", "loan", "pension")] == [
            "guard",
            "capped",
            "suppressed",
            "not_eligible",
        ]
        assert shown(plan, decision)["hero"][0] == "notice"


@pytest.mark.parametrize("arm", [str(each) for each in ArbitrationArm])
def test_chances_of_each_slot_are_whole_in_every_arm(arm: str) -> None:
    """What is not left to chance has the probability 1."""
    plan = a_bank(more=the_arbitration("exploration: {bound: 0.05}\n"))
    decision = decided_in(plan, arm, "web.footer", items=3)
    for option in decision.filled[0].options:
        assert option.draw is not None
        assert sum(option.draw.weights) == WHOLE
        assert 0 < option.chance <= 1


def test_explanation_tells_the_arm_and_only_factors_that_counted() -> None:
    """A lever that was let go is no reason, and neither is a value that nothing was ranked by."""
    plan = a_bank()
    told = {}
    for arm in ArbitrationArm:
        decision = decided_in(plan, arm)
        question = a_question(plan, customer=customer_in(plan, arm))
        card = next(each for each in decision.ranking if plan.actions[each.action].id == "card")
        told[arm] = [each.rule or each.code for each in why(plan, question, decision, card)]
    assert told == {
        "as_is": ["lever/push_cards", "experiment/arms"],
        "random_relevant": ["lever/push_cards", "experiment/arms"],
        "no_propensity": ["lever/push_cards", "experiment/arms"],
        "no_levers": ["experiment/arms"],
        "engagement_only": ["experiment/arms"],
    }
    rejections = why_not(plan, a_question(plan), decided_in(plan, "no_propensity"))
    loan = next(each for each in rejections if each.action == "loan")
    assert "priority 100.0000 = 100.00 x 1.00 x 1.00" in str(loan.because[0].detail)


# --- the holdout of all offers ---------------------------------------------------------------------------------------


def test_customers_held_out_see_no_offer_and_reserve_nothing() -> None:
    """The placement's fallback shows; what would have been shown is known."""
    plan = a_bank(HELD_OUT)
    decision = decided_in(plan, "holdout", "web.hero", "web.footer")
    assert offered(plan, decision) == []
    assert decision.new_contacts == ()
    assert [plan.actions[each.options[0].candidate.action].id for each in decision.ghosts] == ["loan", "card"]
    assert reasons(plan, decision) == {
        "isa": "holdout",
        "loan": "holdout",
        "card": "holdout",
        "fund": "no_reason_now",
        "pension": "not_eligible",
        "notice": "no_reason_now",
    }


def test_ghost_is_what_others_like_the_customer_are_shown() -> None:
    """The same order, with the same chances."""
    plan = a_bank(HELD_OUT)
    ghosts = [option.candidate.action for each in decided_in(plan, "holdout").ghosts for option in each.options]
    shown_to_others = [option.candidate.action for each in decided_in(plan, "offers").filled for option in each.options]
    assert ghosts == shown_to_others
    assert decided_in(plan, "offers").ghosts == ()


def test_services_are_shown_to_those_held_out_of_offers() -> None:
    """A bank has to tell what it has to tell."""
    plan = a_bank(HELD_OUT, more=a_trigger("news", "when: {age: at least 18}\npromote: {notice: 1.5}"))
    decision = decided_in(plan, "holdout", "web.hero", "web.footer")
    assert shown(plan, decision) == {"hero": ["notice"], "footer": []}
    assert len(decision.new_contacts) == 1


def test_explanation_of_what_is_held_out_says_where_it_would_have_been_shown() -> None:
    """With the experiment's own line."""
    plan = a_bank(HELD_OUT)
    question = a_question(plan, customer=customer_in(plan, "holdout"))
    told = {each.action: each.because for each in why_not(plan, question, decided_in(plan, "holdout"))}
    assert told["loan"][0].rule == "experiment/everyone"
    assert told["loan"][0].detail == "the customer is in the arm `holdout`; it would have been shown at hero, rank 1"
    assert told["isa"][0].detail == "the customer is in the arm `holdout`; it would not have been shown now"


def test_holdout_of_all_offers_is_the_same_on_every_channel_and_day() -> None:
    """It is drawn for the customer, by a hash that no other experiment shares."""
    plan = a_bank(HELD_OUT, FIVE)
    customer = customer_in(plan, "holdout")
    places = ("atm.idle", "web.hero", "branch.card", "phone.card")
    found = [decided(plan, a_question(plan, place, customer=customer), key=KEY) for place in places]
    assert {each.arms[0] for each in found} == {"holdout"}
    people = [f"C{number:07d}" for number in range(4_000)]
    both = sum(
        arm_of(plan.experiments[0], each, KEY) == "holdout" and arm_of(plan.experiments[1], each, KEY) == "as_is"
        for each in people
    )
    assert both == pytest.approx(80, abs=45)


def test_rule_tests_are_decided_as_the_engine_decides() -> None:
    """No test of a rule depends on which arm its customer would be in."""
    tests = "tests:\n  - {name: shows, ask: {channel: web, placement: hero}, expect: {offer: isa}}\n"
    action = an_action("isa", 'treatments: {web.hero: {headline: "x"}}\n' + tests)
    everyone = "{experiment: everyone, of: all_offers, arms: {offers: 1%, holdout: 99%}}"
    personas = {"personas.yaml": "personas: {typical: {given: {age: 40}, consent: {marketing: [web]}}}\n"}
    bundle = a_bundle(action, experiments(everyone, FIVE), personas)
    assert [each.failures for each in run_rule_tests(bundle)] == [()]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["{experiment: e, of: all_offers, arms: {a: 50%, b: 50%}}"], "of all offers, one arm must be `holdout`"),
        (
            ["{experiment: e, of: arbitration, arms: {as_is: 50%, no_lever: 50%}}"],
            "unknown arm of arbitration `no_lever`; did you mean `no_levers`?",
        ),
        ([HELD_OUT, HELD_OUT.replace("everyone", "again")], "the experiment `everyone` runs there at the same time"),
        (["{experiment: e, of: all_ofers, arms: {a: 50%, holdout: 50%}}"], "did you mean `all_offers`?"),
    ],
)
def test_experiments_on_all_offers_have_arms_of_fixed_meaning(lines: list[str], problem: str) -> None:
    """At their line, with what would do instead."""
    found = problems_of(an_action("isa"), experiments(*lines))
    assert any(problem in each for each in found), found


def test_tiers_above_offers_are_never_left_to_chance() -> None:
    """Services go by priority in every arm."""
    plan = a_bank(
        more={
            **an_action("reminder", value=50, group="notices", tier="service"),
            **an_action("second_reminder", value=40, group="notices", tier="service"),
        }
    )
    for arm in ArbitrationArm:
        for number in range(10):
            decision = decided_in(plan, arm, number=number)
            (option,) = decision.filled[0].options
            assert plan.actions[option.candidate.action].id == "reminder"
            assert option.candidate.tier == Tier.SERVICE
            assert (option.draw, option.chance) == (None, 1.0)
