"""The small regressions that stand outside the trees: calibration, exposure, counted rates."""

from dataclasses import replace

import numpy as np
import pytest

from models.arrays import Floats
from models.calibrate import Platt, fit_platt
from models.exposure import Shown, fit_exposure
from models.logistic import fit_logistic, logit_of, sigmoid
from models.rates import Answers, count_rates, maturities, maturity


def coins(rng: np.random.Generator, logit: Floats) -> np.ndarray:
    return rng.random(len(logit)) < sigmoid(logit)


def test_coefficients_come_back() -> None:
    rng = np.random.default_rng(1)
    design = np.column_stack([np.ones(40_000), rng.normal(size=(40_000, 2))])
    positive = coins(rng, design @ np.array([-2.0, 0.7, -0.3])).astype(float)
    found = fit_logistic(design, positive, np.ones(40_000), penalty=np.zeros(3), centre=np.zeros(3))
    assert found == pytest.approx([-2.0, 0.7, -0.3], abs=0.08)


def test_a_separable_set_stays_finite_under_a_penalty() -> None:
    design = np.column_stack([np.ones(20), np.r_[np.full(10, -5.0), np.full(10, 5.0)]])
    positive = np.r_[np.zeros(10), np.ones(10)]
    found = fit_logistic(design, positive, np.ones(20), penalty=np.ones(2), centre=np.zeros(2))
    assert np.isfinite(found).all()
    assert 0.1 < found[1] < 5.0


def test_platt_undoes_a_distortion() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(-3.0, 1.0, 60_000)
    platt = fit_platt((truth - 1.0) / 0.5, coins(rng, truth), np.zeros(60_000))
    assert platt.logits((truth - 1.0) / 0.5) == pytest.approx(truth, abs=0.25)


def test_platt_leaves_a_good_score_alone_when_it_has_little_to_go_by() -> None:
    platt = fit_platt(np.array([-2.0, -1.0]), np.array([False, True]), np.zeros(2))
    assert platt.slope == pytest.approx(1.0, abs=0.1)
    assert platt.intercept == pytest.approx(0.0, abs=0.5)
    assert Platt().logits(np.array([0.3])).tolist() == [0.3]


def test_offsets_of_placement_and_rank_come_back() -> None:
    """Beside priors that differ by group and channel."""
    rng = np.random.default_rng(3)
    rows = 300_000
    group, placement, rank = rng.integers(0, 2, rows), rng.integers(0, 3, rows), rng.integers(1, 5, rows)
    channel = np.array([0, 0, 1])[placement]
    prior = np.array([[-2.0, -1.5], [-3.0, -1.0]])[group, channel]
    logit = prior + np.array([0.0, -0.8, 0.0])[placement] + np.array([0.0, -0.4, -0.9, -0.9])[rank - 1]
    exposure = fit_exposure(
        Shown(
            groups=["cards", "loans"],
            channels=["web", "branch"],
            placements=["web.hero", "web.footer", "branch.card"],
            references=frozenset({"web.hero", "branch.card"}),
            group=group,
            channel=channel,
            placement=placement,
            rank=rank,
            positive=coins(rng, logit),
        )
    )
    assert exposure.offset_by_placement["web.hero"] == 0.0
    assert exposure.offset_by_placement["web.footer"] == pytest.approx(-0.8, abs=0.06)
    assert exposure.offset_by_rank == pytest.approx((0.0, -0.4, -0.9), abs=0.06)
    assert exposure.prior_of("loans", "branch") == pytest.approx(-1.0, abs=0.06)
    assert exposure.prior_of("unheard of", "web") == exposure.prior


def answers(positive: list[bool], converted: list[bool], settled: list[bool]) -> Answers:
    """Impressions of one action on one channel of two."""
    return Answers(
        actions=["isa", "loan"],
        channels=["web", "atm"],
        group_by_action={"isa": "savings", "loan": "lending"},
        action=np.zeros(len(positive), dtype=np.int64),
        channel=np.zeros(len(positive), dtype=np.int64),
        at_s=np.arange(len(positive)),
        positive=np.array(positive),
        expected=np.full(len(positive), 0.5),
        converted=np.array(converted),
        settled=np.array(settled),
    )


def test_conversions_are_smoothed_towards_what_is_known_of_the_action_and_its_group() -> None:
    rates = count_rates(answers([True] * 100, [True] * 80 + [False] * 20, [True] * 100))
    assert rates.positives_of("isa", "web") == 100
    assert rates.conversion_of("isa", "savings", "web") == pytest.approx(0.8, abs=0.02)
    assert rates.conversion_of("isa", "savings", "atm") == pytest.approx(0.8, abs=0.02)
    assert rates.conversion_of("new", "savings", "web") == pytest.approx(0.8, abs=0.02)
    assert rates.conversion_of("loan", "unheard of", "web") == rates.conversion_overall


def test_positive_answers_that_may_still_convert_say_nothing_about_conversion() -> None:
    rates = count_rates(answers([True] * 60, [True] * 30 + [False] * 30, [True] * 30 + [False] * 30))
    assert rates.conversion_of("isa", "savings", "web") > 0.95


@pytest.mark.parametrize(("first_day", "last_day", "launched"), [(92, 182, True), (90, 180, False), (92, 184, False)])
def test_action_is_launched_for_a_quarter_after_it_was_first_shown(
    first_day: int, last_day: int, launched: bool
) -> None:
    """Unless nothing was counted for a quarter before: then everything would be new."""
    shown = replace(
        answers([False] * 4, [False] * 4, [False] * 4),
        action=np.array([0, 1, 1, 0]),
        at_s=np.array([0, first_day, first_day + 1, last_day]) * 86_400,
    )
    assert count_rates(shown).launched == (("loan",) if launched else ())


def test_maturity_is_a_half_at_twenty_positives() -> None:
    assert maturity(np.array([0, 20, 180])).tolist() == [0.0, 0.5, 0.9]
    assert maturities([[0, 15, 100], [0, 5, 80]]) == [0.0, 0.5, 0.9]
    assert logit_of(0.5) == 0.0
