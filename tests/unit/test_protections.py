"""What protects customers in the starter rules: each protection stops what it should, at once, and where nobody knows.

No lever, experiment or wish of the request weakens any of them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Final

import pytest

from engine import Bundle, Decision, Plan, Snapshot, compile_bundle
from engine.actions import Tier
from engine.compiler.rule_test_files import RuleTest, read_tests
from engine.experiments import arm_of
from engine.facts import Consent, Natural, hold
from engine.ids import FactName
from engine.pipeline import decide
from engine.plan import ArbitrationArm
from engine.reasons import Reason
from tests.builders import SteadyScorer
from tests.unit.api.shells import ROOT

KEY: Final = b"a key of this test"
BORROWING: Final = frozenset({"lending", "cards"})
WITH_RISKS: Final = BORROWING | {"investment", "home"}
EXPERIMENTS: Final = b"""\
experiments:
  - experiment: ways
    of: arbitration
    arms: {as_is: 20%, random_relevant: 20%, no_propensity: 20%, no_levers: 20%, engagement_only: 20%}
"""
PUSHED: Final = b"levers:\n  - {lever: everything, percent: 100}\nexploration: {bound: 0.5}\n"


@cache
def bundle() -> Bundle:
    """The starter rules with every arm, a lever on everything, and much exploration."""
    rules = ROOT / "rules"
    files = {str(path.relative_to(rules)): path.read_bytes() for path in rules.rglob("*.yaml")}
    return compile_bundle({**files, "policy/experiments.yaml": EXPERIMENTS, "policy/arbitration.yaml": PUSHED})


@cache
def questions() -> tuple[RuleTest, ...]:
    """The questions of the rule files' own tests that expect an offer."""
    read = (each.test for source in bundle().tests for each in read_tests(bundle(), source))
    return tuple(test for test in read if test is not None and test.expected.offered and not test.expected.withheld)


@cache
def customers() -> Mapping[str, str]:
    """For each arm a customer who is in it."""
    (experiment,) = bundle().plan.experiments
    return {arm_of(experiment, f"C{number}", KEY): f"C{number}" for number in range(200)}


def known(snapshot: Snapshot, facts: Mapping[str, Natural]) -> Snapshot:
    """The customer with some facts changed; None: nobody knows them."""
    plan = bundle().plan
    profile = list(snapshot.profile or plan.nobody)
    for name, value in facts.items():
        at = plan.profile_schema.position_by_name[FactName(name)]
        spec = plan.profile_schema.columns[at]
        profile[at] = spec.missing if value is None else hold(spec, value)
    return replace(snapshot, profile=profile)


def consenting(snapshot: Snapshot, marketing: Mapping[str, bool], *, objects: bool | None = False) -> Snapshot:
    """The customer with another consent."""
    consent = Consent(version=9, allowed_by_purpose={"marketing": dict(marketing)}, profiling_objection=objects)
    return replace(snapshot, consent=consent)


def decisions(change: Callable[[Snapshot], Snapshot]) -> Iterator[tuple[RuleTest, Decision]]:
    """Every such question, changed, in every arm, with the wish for everything."""
    plan = bundle().plan
    scorer = SteadyScorer(plan, positives=100)
    for test in questions():
        for customer in customers().values():
            decision = decide(
                plan=plan,
                request=replace(test.request, customer=customer, only=None, exclude=frozenset(), prefetch=True),
                snapshot=change(test.snapshot),
                scorer=scorer,
                baseline=scorer,
                now=test.now,
                exploration_key=KEY,
            )
            yield test, decision


def reached(plan: Plan, decision: Decision) -> set[int]:
    """The actions that came as far as a score."""
    return {each.action for each in decision.scored}


def test_questions_reach_offers_in_every_arm_while_nothing_protects() -> None:
    """Or the tests below would prove nothing."""
    plan = bundle().plan
    assert set(customers()) == {str(each) for each in ArbitrationArm}
    assert len(questions()) > 40
    found = [reached(plan, decision) for _, decision in decisions(lambda snapshot: snapshot)]
    everything = set[int]().union(*found)
    assert {plan.actions[action].group for action in everything} >= BORROWING
    assert sum(map(bool, found)) > 0.9 * len(found)


@pytest.mark.parametrize(
    ("facts", "stops"),
    [
        ({"deceased": True}, "everything"),
        ({"age": 17}, "offers"),
        ({"age": None}, "offers"),
        ({"staff_suppressed": True}, "offers"),
        ({"vulnerable": True}, "vulnerable"),
        ({"insolvency": True}, "borrowing"),
        ({"insolvency": None}, "borrowing"),
        ({"arrears.days": 1}, "borrowing"),
        ({"arrears.days": None}, "borrowing"),
    ],
    ids=str,
)
def test_protection_stops_what_it_should_in_every_arm(facts: Mapping[str, Natural], stops: str) -> None:
    """Also where nobody knows: only registers of reports have a default."""
    plan = bundle().plan
    stopped = {
        "everything": {action.position for action in plan.actions},
        "offers": {action.position for action in plan.actions if action.tier == Tier.OFFER},
        "borrowing": {action.position for action in plan.actions if action.group in BORROWING},
        "vulnerable": {
            action.position for action in plan.actions if action.group in BORROWING | {"investment", "home"}
        },
    }[stops]
    for _, decision in decisions(lambda snapshot: known(snapshot, facts)):
        assert not reached(plan, decision) & stopped
        assert all(decision.codes[action] == Reason.GUARD for action in stopped)


def test_consent_is_asked_for_the_channel_of_the_request_and_missing_means_no() -> None:
    """Consent for every other channel is none for this one; no record of consent is none at all."""
    plan = bundle().plan
    offers = {action.position for action in plan.actions if action.tier == Tier.OFFER}
    for test in questions():
        elsewhere = {str(each.id): each.id != test.request.channel.id for each in plan.channels}
        for consent in (elsewhere, {}):
            decision = decide(
                plan=plan,
                request=test.request,
                snapshot=consenting(test.snapshot, consent),
                scorer=SteadyScorer(plan),
                baseline=SteadyScorer(plan),
                now=test.now,
                exploration_key=KEY,
            )
            assert not reached(plan, decision) & offers


def test_objection_to_profiling_turns_themes_triggers_and_the_model_off_in_every_arm() -> None:
    """The baseline scores; nothing is recognised, nothing weighs."""
    everywhere = {str(each.id): True for each in bundle().plan.channels}
    for _, decision in decisions(lambda snapshot: consenting(snapshot, everywhere, objects=True)):
        assert not decision.profiling
        assert (decision.promotions, decision.themes) == ((), ())
        assert all(each.weight == 1.0 for each in decision.scored)


def test_facts_that_guards_read_cannot_come_with_a_request() -> None:
    """The compiler refuses a guard on what a caller brings along, and profile facts have no other way in."""
    plan = bundle().plan
    assert all(name.startswith("context.") for name, _ in plan.context_slots)
