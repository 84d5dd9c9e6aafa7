"""Calibration is adopted only where it helps later, and no action is moved by a handful of answers."""

import numpy as np
import pytest

from models.calibrate import Platt, fit_calibration, fit_platt, fit_platt_by_action
from models.logistic import sigmoid

ACTIONS = ["isa", "loan", "card"]
NO_OFFSET = np.zeros(60_000)


def answers(logit: np.ndarray, seed: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).random(len(logit)) < sigmoid(logit)


def scores(seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """True logits, and the action of each row."""
    rng = np.random.default_rng(seed)
    return -3.0 + 0.8 * rng.standard_normal(60_000), rng.integers(0, 3, 60_000)


def test_scores_that_are_right_stay_as_they_are() -> None:
    logit, action = scores()
    found = fit_calibration(logit, answers(logit), NO_OFFSET, action, ACTIONS)
    assert found.slope == pytest.approx(1.0, abs=0.06)
    assert np.abs(found.logits(logit) + found.shifts(ACTIONS)[action] - logit).max() < 0.3


def test_a_curve_is_adopted_where_scores_are_too_bold() -> None:
    logit, action = scores()
    found = fit_calibration(2.0 * logit + 3.0, answers(logit), NO_OFFSET, action, ACTIONS)
    assert found.slope == pytest.approx(0.5, abs=0.05)
    assert min(found.judged, key=lambda name: found.judged[name]) != "none"


def test_an_action_that_is_scored_too_high_is_shifted_and_others_are_not() -> None:
    logit, action = scores()
    found = fit_calibration(logit + np.where(action == 1, 0.8, 0.0), answers(logit), NO_OFFSET, action, ACTIONS)
    assert found.judged["platt_by_action"] < found.judged["platt"]
    shift = dict(zip(ACTIONS, found.shifts(ACTIONS), strict=True))
    assert -0.8 < shift["loan"] - (shift["isa"] + shift["card"]) / 2 < -0.5


def test_a_curve_that_does_not_help_later_is_not_adopted() -> None:
    """The earlier part of the slice is distorted, the later one is not."""
    logit, action = scores()
    late = np.arange(len(logit)) >= 36_000
    found = fit_calibration(np.where(late, logit, logit + 1.5), answers(logit), NO_OFFSET, action, ACTIONS)
    assert (found.slope, found.intercept, found.shift_by_action) == (1.0, 0.0, {})
    assert found.judged["none"] < min(found.judged["platt"], found.judged["platt_by_action"])


def test_few_answers_hardly_move_an_action() -> None:
    """Four positives where two were expected."""
    logit, action = np.full(4_040, -3.0), np.repeat([0, 1], [4_000, 40])
    positive = np.arange(4_040) % 21 == 0
    positive[4_000:] = np.arange(40) < 4
    found = fit_platt_by_action(logit, positive, np.zeros(4_040), action, ACTIONS)
    assert 0.0 < found.shift_by_action["loan"] < 0.12
    assert found.shifts(ACTIONS)[2] == 0.0


def test_what_placement_and_rank_add_is_not_calibrated_away() -> None:
    logit, _ = scores()
    offset = np.where(np.arange(len(logit)) % 2 == 0, -1.0, 0.0)
    found = fit_platt(logit, answers(logit + offset), offset)
    assert found.intercept == pytest.approx(0.0, abs=0.15)
    assert Platt().logits(np.array([0.3])).tolist() == [0.3]
