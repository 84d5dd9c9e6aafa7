"""The value of other choices: worked out by hand on small logs, and on simulated ones with a known truth."""

from dataclasses import replace

import numpy as np
import pytest

from models.evaluation.off_policy import compare, direct_model, evidence_of, value_of
from models.evaluation.slots import Slots
from models.lift import Verdict
from tests.guarantees.off_policy import balanced, choices, count, log_of, world


def two_actions(shown: list[int], positive: list[bool], chances: tuple[float, float] = (0.5, 0.5)) -> Slots:
    """One slot a customer, two candidates each."""
    slots = len(shown)
    return Slots(
        customer=np.arange(slots),
        first=2 * np.arange(slots + 1),
        chosen=2 * np.arange(slots) + np.array(shown),
        positive=np.array(positive),
        action=np.tile([0, 1], slots),
        probability=np.tile(chances, slots),
        worth=np.tile([10.0, 4.0], slots),
    )


def simulated(decisions: int, boost: float, seed: int = 5) -> tuple[Slots, np.ndarray, np.ndarray, np.ndarray]:
    """A log, the scores its choices were judged by, and two policies."""
    given = world(boost)
    factor, _, _ = balanced(given)
    rng = np.random.default_rng(seed)
    score, chance = given.draw(rng, decisions // 4)
    even, odd = choices(score)
    return log_of(score, chance * factor, rng, 0.0), score.ravel(), even.ravel(), odd.ravel()


def test_weights_stand_for_what_was_drawn_too_rarely() -> None:
    """Always the first action: two matched slots of four, one positive worth 10."""
    slots = two_actions([0, 1, 0, 1], [True, True, False, False], (0.25, 0.75))
    always_first = np.tile([1.0, 0.0], 4)
    found = value_of(slots, always_first, np.zeros(8), draws=50)
    assert found.weighted.value == pytest.approx((10 / 0.25) / 4)
    assert found.self_normalised.value == pytest.approx(5.0)
    assert found.doubly_robust.value == pytest.approx(10.0)
    assert found.evidence.matched == 2
    assert found.evidence.effective == pytest.approx(2.0)


def test_a_direct_model_that_is_right_needs_no_luck() -> None:
    """Where what is expected is what happens, weights add nothing."""
    slots = two_actions([0, 0, 1, 1], [True, True, False, False])
    found = value_of(slots, np.tile([1.0, 0.0], 4), np.tile([10.0, 0.0], 4), draws=50)
    assert found.doubly_robust.value == pytest.approx(10.0)
    assert found.doubly_robust.low == pytest.approx(found.doubly_robust.high)


def test_a_direct_model_never_sees_the_answer_that_it_judges() -> None:
    slots, score, _, _ = simulated(2_000, 1.0)
    before = direct_model(slots, score)
    turned = replace(slots, positive=np.where(slots.customer == 7, ~slots.positive, slots.positive))
    own = np.repeat(slots.customer == 7, 8)
    after = direct_model(turned, score)
    assert (before[own] == after[own]).all()
    assert (before[~own] != after[~own]).any()


def test_little_evidence_names_no_winner_but_what_could_have_been_found() -> None:
    slots, score, even, odd = simulated(2_000, 1.3)
    found = compare(slots, even, odd, direct_model(slots, score))
    assert not found.policy.evidence.enough
    assert found.verdict is Verdict.NOT_ENOUGH_EVIDENCE
    assert found.detectable_lift is not None
    assert found.detectable_lift > 0.5


def test_a_policy_is_no_better_than_itself() -> None:
    slots, score, even, _ = simulated(20_000, 1.0)
    found = compare(slots, even, even, direct_model(slots, score))
    assert (found.lift.value, found.lift.low, found.lift.high) == (0.0, 0.0, 0.0)
    assert found.verdict is Verdict.NO_DIFFERENCE_FOUND


def test_a_better_policy_is_found_and_the_worse_is_named() -> None:
    slots, score, even, odd = simulated(40_000, 1.3)
    expected = direct_model(slots, score)
    assert compare(slots, even, odd, expected).verdict is Verdict.HIGHER
    assert compare(slots, odd, even, expected).verdict is Verdict.LOWER


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Sixty logs; `make guarantees ARGS=off_policy` judges three thousand."""
    found = count(20_000, 1.0, 0.0, 60)
    assert 0.85 <= found.self_normalised <= 1.0
    assert 0.85 <= found.doubly_robust <= 1.0
    assert found.winners <= 0.12


def test_weights_that_few_slots_carry_make_a_small_sample() -> None:
    """One slot in a hundred weighs as much as all others."""
    slots = two_actions([0] + [1] * 99, [False] * 100, (0.01, 0.99))
    assert evidence_of(slots, np.tile([0.5, 0.5], 100)).effective == pytest.approx(4.0, abs=0.1)


def test_the_best_of_each_slot_is_shown_and_of_equals_the_first() -> None:
    slots = two_actions([0, 1, 0], [False] * 3)
    assert slots.greedy(np.array([1.0, 2.0, 3.0, 3.0, 5.0, 4.0])).tolist() == [0.0, 1.0, 1.0, 0.0, 1.0, 0.0]


def test_what_is_no_log_is_refused() -> None:
    slots = two_actions([0, 1], [True, False])
    with pytest.raises(ValueError, match="no chance"):
        replace(slots, probability=np.array([0.0, 1.0, 0.5, 0.5]))
    with pytest.raises(ValueError, match="not among its candidates"):
        replace(slots, chosen=np.array([2, 3]))
    with pytest.raises(ValueError, match="sum to 1 in 2 slots"):
        value_of(slots, np.full(4, 0.4), np.zeros(4))
    with pytest.raises(ValueError, match="no slot"):
        value_of(two_actions([], []), np.zeros(0), np.zeros(0))
