"""The hidden world's coefficients."""

from dataclasses import replace

import numpy as np
import pytest

from demobank.arrays import sigmoid
from demobank.needs import THEMES
from demobank.rulebook import Offer
from demobank.world import draw_world, fit, season, solve_bias, value_noise
from tests.unit.demobank.towns import SEED, people, rulebook, world


def test_rates_are_log_spaced_from_three_in_a_thousand_to_six_in_a_hundred() -> None:
    """Every step is the same factor."""
    rates = np.sort(world().rate)

    assert rates[[0, -1]].tolist() == pytest.approx([0.003, 0.06])
    assert np.diff(np.log(rates)) == pytest.approx(np.log(20) / (len(rates) - 1))


def test_rates_follow_from_the_values_in_the_rule_files() -> None:
    """That is value = 1.2 / rate x lognormal(0.5)."""
    noise = value_noise(world().rate, world().value)

    assert noise.mean() == pytest.approx(0, abs=0.3)
    assert noise.std() == pytest.approx(0.5, abs=0.1)
    assert np.corrcoef(np.log(world().rate), np.log(world().value))[0, 1] < -0.7
    assert world().value.min() >= 8
    assert world().value.max() <= 600


def test_what_fits_a_customer_is_standardised() -> None:
    """On the people it was standardised on, exactly; the drivers are four different ones."""
    fits = fit(world(), people().scores)

    assert fits.mean(axis=0) == pytest.approx(0, abs=1e-3)
    assert fits.std(axis=0) == pytest.approx(1, abs=1e-3)
    assert all(len(set(drivers)) == 4 for drivers in world().fit_drivers.tolist())


def test_a_missing_driver_leaves_the_rest_of_the_fit() -> None:
    """The observable fit is less sharp but never unknown."""
    fits = fit(world(), people().shown_scores)

    assert np.isfinite(fits).all()
    assert 0.8 < fits.std(axis=0).mean() < 1.0


def test_the_base_rate_is_met_when_offers_are_made_at_random() -> None:
    """Solving ends within a thousandth of the rate."""
    rng = np.random.default_rng(1)
    rest = 1.3 * rng.standard_normal((20_000, len(world().offers)))
    examination, weights = rng.uniform(0.3, 1.0, 20_000), np.ones((20_000, len(world().offers)))

    solved = solve_bias(world(), rest, examination, weights)

    assert (examination[:, None] * sigmoid(rest + solved.bias)).mean(axis=0) == pytest.approx(solved.rate, rel=1e-3)


def test_a_new_action_leaves_the_nature_of_the_others_alone() -> None:
    """Only base rates are shared out anew."""
    more = replace(
        rulebook(),
        offers=(Offer(action="aaa_new", group="home", product="mortgage", value=50.0), *rulebook().offers),
    )

    grown = draw_world(SEED, more, people().scores)

    assert grown.fit_drivers[1:].tolist() == world().fit_drivers.tolist()
    assert grown.channel_group.tolist() == world().channel_group.tolist()
    assert grown.twins[0].sum() == 2


def test_two_of_the_rarest_actions_are_sure_things() -> None:
    """Common ones would put a third of the bank into one product."""
    assert world().sure_thing.sum() == 2
    assert world().rate[world().sure_thing].max() < np.median(world().rate)


def test_every_theme_moves_some_action_and_some_actions_have_no_need() -> None:
    """Needs are what a theme is there to recognise."""
    themes = world().theme

    assert set(themes.tolist()) == {-1, *range(len(THEMES))}


def test_placements_are_looked_at_as_measured() -> None:
    """By placement, falling with rank."""
    by_name = {
        (placement.channel, placement.name): world().examination[row]
        for row, placement in enumerate(world().placements)
    }

    assert by_name["atm", "idle_screen"].tolist() == pytest.approx([0.45, 0.45 * 0.7, 0.45 * 0.5])
    assert [by_name[key][0] for key in (("atm", "receipt"), ("web", "hero"), ("web", "footer"), ("pc", "inbox"))] == [
        0.3, 0.7, 0.4, 0.5,
    ]  # fmt: skip
    assert [by_name[key][0] for key in (("phone", "card"), ("branch", "card"))] == [0.9, 1.0]


def test_the_season_is_one_wave_a_year() -> None:
    """Half a year later the sign has turned."""
    angles = np.array([0.0, np.pi])

    summer, winter = season(world(), angles)

    assert summer == pytest.approx(-winter)
    assert np.abs(season(world(), np.linspace(0, 2 * np.pi, 60))).max() == pytest.approx(0.3, abs=0.01)
