"""No decision passes a guard, whatever the rules, the customer, the wishes and the arm; 20,000 a run.

`make guarding ARGS="--decisions 1_000_000"` takes as many as it is told.
"""

import os
from collections import Counter
from dataclasses import replace

import pytest

from engine.plan import ArbitrationArm
from engine.reasons import Reason
from tests.builders import a_customer, a_plan, an_action, decided
from tests.reference.guarding import Seen, faults_in, overspent_in, run

DECISIONS = 20_000


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest) -> Seen:
    """What came of this run's own seed."""
    found = list(run(int(request.config.getoption("hypothesis_seed")), DECISIONS, workers=os.cpu_count() or 1))
    return Seen(
        decisions=sum(each.decisions for each in found),
        guarded=sum(each.guarded for each in found),
        arms=sum((each.arms for each in found), Counter[str]()),
        ways=sum((each.ways for each in found), Counter[str]()),
        faults=tuple(fault for each in found for fault in each.faults),
    )


def test_no_decision_passes_a_guard_and_every_action_is_accounted_for_once(seen: Seen) -> None:
    """In every arm, with every wish, and the same when it is made again."""
    assert seen.faults == ()
    assert seen.decisions >= DECISIONS
    assert seen.guarded > DECISIONS / 2


def test_every_arm_was_among_them(seen: Seen) -> None:
    """Or nothing would be known of it."""
    assert {f"arbitration: {arm}" for arm in ArbitrationArm} <= seen.arms.keys()
    assert {"all_offers: holdout", "treatments: holdout"} <= seen.arms.keys()


def test_formulas_and_budgets_were_among_them(seen: Seen) -> None:
    """Neither a bank's own ranking nor what a budget has left is a way past a guard."""
    assert seen.ways["ranked by a formula"] > DECISIONS / 40
    assert seen.ways["drew on a budget"] > DECISIONS / 40
    assert seen.ways["found a budget spent"] > DECISIONS / 40


def test_faults_would_be_seen() -> None:
    """A spoiled decision has them."""
    plan = a_plan(an_action("isa"), an_action("loan", group="loans"))
    decision = decided(plan, customer=a_customer(plan))
    assert list(faults_in(decision, frozenset())) == []
    assert next(faults_in(decision, frozenset({0}))).startswith("a guard stops [0]")
    codes = bytearray(decision.codes)
    codes[1] = Reason.OPEN
    spoiled = replace(decision, codes=codes)
    assert any(each.startswith("nothing is said of 1") for each in faults_in(spoiled, frozenset()))
    codes = bytearray([Reason.OUTRANKED] * 2)
    assert any("called chosen" in each for each in faults_in(replace(decision, codes=codes), frozenset()))
    twice = replace(decision, filled=decision.filled * 2)
    assert any("shown twice" in each for each in faults_in(twice, frozenset()))


def test_overspent_budget_would_be_seen() -> None:
    """Whether it had too little or nobody knew."""
    plan = a_plan(an_action("isa", contact="{budget: {total: 10}}"))
    decision = decided(plan, customer=a_customer(plan))
    assert [each.budget for each in decision.draws] == [0]
    assert list(overspent_in(decision, {0: 1})) == []
    assert list(overspent_in(decision, {0: 0})) == ["the budget 0 gave 1 offers and had 0"]
    assert list(overspent_in(decision, {0: -1})) == ["the budget 0 gave 1 offers and had -1"]
