"""Quantile functions and the scores that come back from natural values."""

import numpy as np
import pytest

from demobank.marginals import knots, lognormal, normal_scores, steps

PLACES = (np.arange(10_000) + 0.5) / 10_000


def test_a_lognormal_keeps_its_median_and_its_share_of_zeros() -> None:
    """The median is that of the customers above zero."""
    values = lognormal(500, 1.0, zero=0.3)(PLACES)

    assert (values == 0).mean() == pytest.approx(0.3, abs=0.001)
    assert np.median(values[values > 0]) == pytest.approx(500, rel=0.01)


def test_steps_give_each_number_its_share() -> None:
    """The first number may be other than zero."""
    values = steps(0.5, 0.3, 0.2, first=1)(PLACES)

    assert [(values == number).mean() for number in (1, 2, 3)] == pytest.approx([0.5, 0.3, 0.2], abs=0.001)


def test_equal_values_share_one_score() -> None:
    """A score never says more than the value that the bank can see."""
    scores = normal_scores(np.array([0.0, 0.0, 5.0, 5.0]), steps(0.5, 0, 0, 0, 0, 0.5), 0)

    assert scores.tolist() == pytest.approx([-0.6745, -0.6745, 0.6745, 0.6745], abs=0.001)


def test_scores_of_a_population_are_standard_normal() -> None:
    """Mapping to natural values and back keeps the distribution."""
    shape = knots((0, -5), (0.5, 10), (1, 900))

    scores = normal_scores(shape(PLACES), shape, 2)

    assert scores.mean() == pytest.approx(0, abs=0.01)
    assert scores.std() == pytest.approx(1, abs=0.01)
