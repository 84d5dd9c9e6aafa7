"""What arms say of each other: intervals against published figures, their coverage, and when nothing is said."""

import math

import numpy as np
import pytest

from models.lift import (
    MISMATCH,
    Counted,
    Verdict,
    compare,
    control_among,
    level_for,
    split_probability,
    wilson,
)


def arm(customers: int, converted: int) -> Counted:
    """An arm's count."""
    return Counted(customers=customers, converted=converted)


def test_interval_of_a_rate_is_wilsons() -> None:
    """Newcombe, 1998, gives 81 of 263 as an example."""
    assert wilson(arm(263, 81)) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(arm(0, 0)) == (0.0, 1.0)
    assert wilson(arm(20, 0))[0] == 0.0


def test_interval_of_a_difference_is_newcombes() -> None:
    """Example (a) of Newcombe, 1998: 56 of 70 against 48 of 80, method 10."""
    found = compare(arm(70, 56), arm(80, 48))
    assert (found.difference, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_lift_is_the_difference_as_a_share_of_the_controls_rate() -> None:
    """6 against 5 percent is a fifth more."""
    found = compare(arm(20_000, 1_200), arm(20_000, 1_000))
    assert found.lift == pytest.approx(0.2)
    assert found.lift_low is not None
    assert found.lift_high is not None
    assert 0 < found.lift_low < 0.2 < found.lift_high
    assert found.verdict is Verdict.HIGHER
    assert compare(arm(20_000, 1_000), arm(20_000, 1_200)).verdict is Verdict.LOWER


@pytest.mark.parametrize(("one", "other"), [((499, 100), (9_000, 900)), ((5_000, 40), (5_000, 59)), ((0, 0), (10, 1))])
def test_few_customers_or_conversions_are_not_enough_evidence(one: tuple[int, int], other: tuple[int, int]) -> None:
    """However far apart the rates are."""
    assert compare(arm(*one), arm(*other)).verdict is Verdict.NOT_ENOUGH_EVIDENCE


def test_no_difference_names_the_lift_that_would_have_been_found() -> None:
    """At 5 percent and 10,000 customers an arm that is 17 percent."""
    found = compare(arm(10_000, 505), arm(10_000, 500))
    assert found.verdict is Verdict.NO_DIFFERENCE_FOUND
    assert found.detectable_lift == pytest.approx(2.80 * math.sqrt(0.05 * 0.95 * 2 / 10_000) / 0.05, rel=0.01)


def test_nobody_converted_has_no_lift() -> None:
    """There is nothing to be a share of."""
    found = compare(arm(1_000, 3), arm(1_000, 0))
    assert (found.lift, found.detectable_lift) == (None, None)


def test_intervals_cover_the_truth_as_often_as_they_say_and_equal_arms_are_rarely_told_apart() -> None:
    """2,000 replications: a tenth of customers held out, rates of 5 percent and, for the lift, 20 percent more."""
    drawn = np.random.default_rng(5)
    covered = apart = 0
    for _ in range(2_000):
        control = arm(2_000, int(drawn.binomial(2_000, 0.05)))
        equal, better = (arm(18_000, int(drawn.binomial(18_000, rate))) for rate in (0.05, 0.06))
        apart += compare(equal, control).verdict in (Verdict.HIGHER, Verdict.LOWER)
        found = compare(better, control)
        assert found.lift_low is not None
        assert found.lift_high is not None
        covered += found.low <= 0.01 <= found.high and found.lift_low <= 0.2 <= found.lift_high
    assert 0.93 <= covered / 2_000 <= 0.97
    assert apart / 2_000 <= 0.06


def test_split_that_chance_would_not_give_is_a_mismatch() -> None:
    """4,800 of 10,000 where half was asked has a probability of 6 in 100,000; 4,950 may well be."""
    shares = {"a": 0.5, "b": 0.5}
    assert split_probability({"a": 4_800, "b": 5_200}, shares) == pytest.approx(6.33e-5, rel=0.01)
    assert split_probability({"a": 4_950, "b": 5_050}, shares) == pytest.approx(0.317, abs=0.001)
    assert split_probability({"a": 4_800, "b": 5_200}, shares) < MISMATCH
    assert split_probability({}, shares) == 1.0


def test_control_is_who_sees_nothing_or_the_engine_as_it_is() -> None:
    """Else the arm that is named first."""
    assert control_among(["offers", "holdout"]) == "holdout"
    assert control_among(["no_levers", "as_is"]) == "as_is"
    assert control_among(["story", "usual"]) == "usual"
    assert control_among(["blue", "red"]) == "blue"


def test_several_comparisons_hold_together() -> None:
    """Four arms against one: each interval at 98.75 percent."""
    assert level_for(4) == pytest.approx(0.9875)
    assert level_for(0) == 0.95
