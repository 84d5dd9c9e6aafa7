"""The measures themselves, on cases small enough to work out by hand."""

import numpy as np
import polars as pl
import pytest

from demobank.audit import Slots, auc, expected_auc, popularity, visible_chances

SLOTS = Slots(
    chance=np.array([[0.1, 0.2, np.nan], [0.3, 0.1, 0.1]]),
    visible=np.array([[0.1, 0.2, np.nan], [0.3, 0.1, 0.1]]),
    channel=np.array([0, 1]),
    offer=np.array([0, 2]),
    value=np.array([10.0, 10.0, 100.0]),
)


def test_auc_counts_pairs_and_half_the_ties() -> None:
    """Three of four pairs in order, then one tied."""
    positive = np.array([True, False, True, False])

    assert auc(np.array([4.0, 3.0, 2.0, 1.0]), positive) == 0.75
    assert auc(np.array([1.0, 1.0, 1.0, 1.0]), positive) == 0.5


def test_expected_auc_is_what_draws_average_to() -> None:
    """Within the noise of many draws."""
    rng = np.random.default_rng(3)
    chance = rng.uniform(0, 0.4, 4_000)
    drawn = [auc(chance, rng.random(4_000) < chance) for _ in range(40)]

    assert expected_auc(chance, chance) == pytest.approx(np.mean(drawn), abs=0.005)


def test_the_oracle_captures_one_and_random_choice_is_worth_the_mean() -> None:
    """Unavailable offers never count, however much they are preferred."""
    assert SLOTS.random_worth() == pytest.approx((1.5 + 14 / 3) / 2)
    assert SLOTS.worth(np.array([[0.0, 0.0, 9.0], [0.0, 0.0, 9.0]])) == pytest.approx((1 + 10) / 2)
    assert SLOTS.capture(SLOTS.visible * SLOTS.value) == pytest.approx(1)


def test_popularity_is_learned_by_channel() -> None:
    """An action may be liked on one channel and not on another; few cases are drawn to the overall rate."""
    shown = pl.DataFrame(
        {
            "channel": ["atm"] * 1_000 + ["web"] * 1_000,
            "action": ["isa"] * 2_000,
            "positive": [True] * 100 + [False] * 900 + [False] * 1_000,
        }
    )

    rates = popularity(shown, ["isa", "pension"])

    assert rates[0, 0] == pytest.approx(0.1, abs=0.01)
    assert rates[1, 0] == pytest.approx(0.0, abs=0.01)
    assert rates[2, 0] == pytest.approx(101 / 2_100)


def test_an_observable_chance_lies_between_need_and_no_need() -> None:
    """And is seen only as far as the placement is looked at."""
    logit, examination = np.array([[-3.0], [-3.0]], dtype=np.float32), np.array([1.0, 0.5], dtype=np.float32)

    certain, none = (visible_chances(logit, examination, np.full((2, 1), share)) for share in (1.0, 0.0))
    half = visible_chances(logit, examination, np.full((2, 1), 0.5))

    assert (none < half).all()
    assert (half < certain).all()
    assert half[1, 0] == pytest.approx(half[0, 0] / 2)
