"""How ranking and calibration are measured."""

import math

import numpy as np
import pytest

from models.logistic import sigmoid
from models.metrics import auc, auc_standard_error, by_decile, calibration, log_loss, top_rate


def test_auc_is_the_chance_that_a_positive_scores_higher() -> None:
    score, positive = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    assert auc(score, positive) == 0.75


def test_ties_count_half() -> None:
    assert auc(np.zeros(10), np.arange(10) < 3) == 0.5


def test_auc_agrees_with_counting_pairs() -> None:
    rng = np.random.default_rng(1)
    score, positive = rng.integers(0, 20, 300).astype(float), rng.random(300) < 0.3
    ahead = score[positive][:, None] - score[~positive][None, :]
    assert auc(score, positive) == pytest.approx(float(((ahead > 0) + 0.5 * (ahead == 0)).mean()))


def test_one_class_alone_has_no_auc() -> None:
    assert math.isnan(auc(np.arange(3.0), np.zeros(3, dtype=bool)))
    assert math.isnan(auc_standard_error(0.5, 0, 3))


def test_a_standard_error_covers_what_another_sample_shows() -> None:
    rng = np.random.default_rng(2)
    found = []
    for _ in range(200):
        score = rng.normal(size=400)
        found.append(auc(score, rng.random(400) < sigmoid(score - 1.5)))
    expected = auc_standard_error(float(np.mean(found)), 85, 315)
    assert float(np.std(found)) == pytest.approx(expected, rel=0.25)


def test_calibration_sees_a_wrong_level_and_a_wrong_slope() -> None:
    rng = np.random.default_rng(3)
    logit = rng.normal(-2.0, 1.0, 50_000)
    positive = rng.random(50_000) < sigmoid(logit)
    assert calibration(sigmoid(logit), positive).ratio == pytest.approx(1.0, abs=0.05)
    assert calibration(sigmoid(logit), positive).slope == pytest.approx(1.0, abs=0.05)
    assert calibration(sigmoid(logit) / 2.0, positive).ratio == pytest.approx(2.0, abs=0.1)
    assert calibration(sigmoid(2.0 * logit), positive).slope == pytest.approx(0.5, abs=0.03)


def test_deciles_and_the_top_are_taken_by_score() -> None:
    score = np.linspace(0.01, 0.99, 100)
    positive = score > 0.9
    assert [part.observed for part in by_decile(score, positive)] == [0] * 9 + [int(positive.sum())]
    assert top_rate(score, positive, 0.05) == 1.0
    assert log_loss(np.array([0.0]), np.array([True])) == pytest.approx(math.log(2.0))
