"""The stages together: what a request may wish for, who has profiling off, what a failing scorer leaves."""

from engine.decision import NOBODY
from engine.facts import Consent
from engine.reasons import Reason
from tests.builders import (
    BrokenScorer,
    SteadyScorer,
    a_customer,
    a_plan,
    a_question,
    a_theme,
    a_trigger,
    an_action,
    decided,
    offered,
    ranked,
    reason_for,
    reasons,
    the_guards,
)

NO_PROFILING = the_guards(
    "{guard: profiling_objection, when: {consent.profiling_objection: true}, effect: no_profiling}",
    defaults="{consent.profiling_objection: false}",
)
OBJECTING = Consent(
    version=1, allowed_by_purpose={"marketing": {"web": True, "branch": True}}, profiling_objection=True
)


def test_first_failing_stage_gives_the_reason() -> None:
    """An action that several stages would stop is told the first: guard, then engagement, then treatment."""
    failing = "eligible: {when: {age: at least 18}}\nsuitable: {when: {verified: true}}"
    plan = a_plan(an_action("isa", failing, places=["atm.idle"]))
    adult, child = a_customer(plan, age=30), a_customer(plan, age=10)
    assert reason_for(plan, decided(plan, customer=NOBODY), "isa") == "guard"
    assert reason_for(plan, decided(plan, customer=child), "isa") == "not_eligible"
    assert reason_for(plan, decided(plan, customer=adult), "isa") == "not_suitable"
    verified = a_customer(plan, age=30, verified=True)
    assert reason_for(plan, decided(plan, customer=verified), "isa") == "no_treatment"


def test_request_may_ask_for_some_actions_only() -> None:
    """`only` and `exclude` leave actions out, and say so."""
    plan = a_plan(an_action("isa"), an_action("loan", group="loans"), an_action("card", group="cards"))
    question = a_question(plan, "web.footer", only=["isa", "loan"], exclude=["loan"])
    assert reasons(plan, decided(plan, question)) == {
        "card": "excluded_by_request",
        "isa": "chosen",
        "loan": "excluded_by_request",
    }


def test_what_a_request_leaves_out_moves_no_journey() -> None:
    """The first step is skipped because the customer is not eligible, whether or not it was asked for."""
    plan = a_plan(
        an_action("isa", "eligible: {when: {age: at least 99}}"),
        an_action("loan", show="only_when_promoted"),
        a_theme("saving", "active: {verified: true}\njourney: [isa, loan]"),
    )
    customer = a_customer(plan, age=30, verified=True)
    everything = decided(plan, a_question(plan), customer)
    assert (
        offered(plan, everything) == offered(plan, decided(plan, a_question(plan, only=["loan"]), customer)) == ["loan"]
    )


def test_objection_to_profiling_turns_themes_triggers_and_the_model_off() -> None:
    """What remains is ranked by the baseline, and shows only where it needs no reason."""
    plan = a_plan(
        NO_PROFILING,
        an_action("isa"),
        an_action("loan"),
        an_action("cover", show="only_when_promoted"),
        a_trigger("verified", "when: {verified: true}\npromote: {isa: 5, cover: 5}"),
    )
    scorer = SteadyScorer(plan, {"isa": 0.9, "loan": 0.1})
    baseline = SteadyScorer(plan, {"isa": 0.1, "loan": 0.2})
    question = a_question(plan, "branch.card")
    customer = a_customer(plan, verified=True)
    profiled = decided(plan, question, customer, scorer=scorer, baseline=baseline)
    assert ranked(plan, profiled) == ["isa", "cover", "loan"]
    objecting = decided(
        plan, question, a_customer(plan, verified=True, consent=OBJECTING), scorer=scorer, baseline=baseline
    )
    assert ranked(plan, objecting) == ["loan", "isa"]
    assert reason_for(plan, objecting, "cover") == "no_reason_now"
    assert not objecting.profiling
    assert objecting.degraded == ()


def test_guards_and_engagement_hold_for_who_objects_to_profiling() -> None:
    """Turning profiling off admits nobody."""
    plan = a_plan(NO_PROFILING, an_action("isa", "eligible: {when: {age: at least 18}}"))
    child = a_customer(plan, age=10, consent=OBJECTING)
    assert reason_for(plan, decided(plan, customer=child), "isa") == "not_eligible"
    without_consent = a_customer(plan, age=30, consent=Consent(version=1, profiling_objection=True))
    assert reason_for(plan, decided(plan, customer=without_consent), "isa") == "guard"


def test_failing_scorer_leaves_the_decision_to_the_baseline() -> None:
    """The answer says that it is degraded."""
    plan = a_plan(an_action("isa"), an_action("loan"))
    baseline = SteadyScorer(plan, {"isa": 0.1, "loan": 0.2})
    decision = decided(plan, scorer=BrokenScorer(plan), baseline=baseline)
    assert offered(plan, decision) == ["loan"]
    assert decision.degraded == ("score",)


def test_unknown_customer_is_decided_on_an_empty_record() -> None:
    """No error: guards apply, and services that need no facts may show."""
    plan = a_plan(an_action("isa"), an_action("alert", tier="service"))
    decision = decided(plan, a_question(plan, "web.footer"), NOBODY)
    assert reasons(plan, decision) == {"alert": "chosen", "isa": "guard"}


def test_no_offer_is_an_answer() -> None:
    """Every placement is there, without options."""
    plan = a_plan()
    decision = decided(plan, a_question(plan, "web.hero", "web.footer"), NOBODY)
    assert [(each.placement.id, each.options) for each in decision.filled] == [("hero", ()), ("footer", ())]


def test_every_action_has_an_end() -> None:
    """No action stays open."""
    plan = a_plan(*(an_action(f"action_{at}", group=f"group_{at % 3}") for at in range(8)))
    decision = decided(plan, a_question(plan, "web.hero", "web.footer"))
    assert Reason.OPEN not in set(decision.codes)
    assert sorted(reasons(plan, decision).values()) == ["chosen"] * 3 + ["outranked"] * 5
