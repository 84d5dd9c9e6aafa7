"""Who banks here: marginals, what hangs together, what the snapshot lacks."""

import numpy as np
import pytest

from demobank.attributes import ATTRIBUTES, DRIVERS, OFTEN_MISSING, Role
from demobank.calendar import months_before
from demobank.households import MORTGAGED, OWNED, RENTING, STUDENT
from demobank.people import draw_people
from tests.unit.demobank.towns import CALENDAR, SEED, people


def test_there_are_fifteen_attributes_of_each_role() -> None:
    """Drivers, proxies and noise."""
    assert [sum(attribute.role is role for attribute in ATTRIBUTES) for role in Role] == [15, 15, 15]


def test_eight_attributes_are_missing_likelier_for_digital_only_customers() -> None:
    """15 percent over all, and nothing else is ever missing."""
    drawn = people()

    assert len(OFTEN_MISSING) == 8
    assert set(drawn.missing) == set(OFTEN_MISSING)
    for lacking in drawn.missing.values():
        assert lacking.mean() == pytest.approx(0.15, abs=0.02)
        assert lacking[drawn.digital_only].mean() > 2 * lacking[~drawn.digital_only].mean()


def test_two_percent_of_the_snapshots_are_stale() -> None:
    """A stale snapshot shows another value than the true one, but never another age."""
    drawn = people()
    differs = drawn.shown["income.monthly"] != drawn.values["income.monthly"]

    assert drawn.stale.sum() == round(0.02 * drawn.count)
    assert differs[drawn.stale].mean() > 0.99
    assert not differs[~drawn.stale].any()
    assert (drawn.shown["age"] == drawn.values["age"]).all()


def test_driver_scores_are_about_standard_normal_and_nan_only_where_missing() -> None:
    """What the world answers to is the natural value's place in the population."""
    drawn = people()
    lacking = np.isnan(drawn.shown_scores)

    assert np.abs(drawn.scores.mean(axis=0)).max() < 0.13
    assert drawn.scores.std(axis=0).min() > 0.75
    for column, name in enumerate(DRIVERS):
        assert (lacking[:, column] == drawn.missing.get(name, np.zeros(drawn.count, dtype=bool))).all()


def test_attributes_that_share_a_factor_move_together() -> None:
    """Income and savings both lean on wealth, credit use and the current account on strain, with opposite signs."""
    scores = people().scores
    correlation = np.asarray(np.corrcoef(scores.T))
    place = DRIVERS.index

    assert correlation[place("income.monthly"), place("balance.savings")] > 0.15
    assert correlation[place("balance.current"), place("credit.utilisation")] < -0.15
    assert abs(correlation[place("digital.logins_30d"), place("spend.home_90d")]) < 0.06


def test_minors_live_with_family_and_owe_nothing() -> None:
    """A few are 16 or 17."""
    values = people().values
    minor = values["age"] < 18

    assert 0.004 < minor.mean() < 0.02
    assert (values["credit.utilisation"][minor] == 0).all()
    assert values["income.monthly"][minor].max() <= 450
    assert not np.isin(values["housing"][minor], (RENTING, MORTGAGED, OWNED)).any()


def test_rent_is_paid_by_renters_only() -> None:
    """Rule authors look for three payments in 90 days."""
    values = people().values
    renting = values["housing"] == RENTING

    assert (values["rent_payments.count_90d"][~renting] == 0).all()
    assert (values["rent_payments.count_90d"][renting] >= 2).all()


def test_age_and_birth_agree_on_the_day_the_history_ends() -> None:
    """Whoever is 41 turned 41 within the last year."""
    drawn = people()
    today = np.full(drawn.count, CALENDAR.as_of, dtype="datetime64[D]")
    age = drawn.values["age"].astype(int)

    assert (drawn.birth_on <= months_before(today, 12 * age)).all()
    assert (drawn.birth_on > months_before(today, 12 * (age + 1))).all()
    assert (drawn.since_on > drawn.birth_on).all()
    assert (drawn.values["employment"][age < 18] == STUDENT).mean() > 0.8


def test_the_postcode_leans_on_an_audited_group() -> None:
    """The planted proxy: affluence differs by gender although nothing else does."""
    drawn = people()
    gap = [
        abs(np.mean(drawn.values[name][drawn.gender == 0]) - np.mean(drawn.values[name][drawn.gender == 1]))
        / np.std(drawn.values[name])
        for name in ("postcode.affluence", "income.monthly")
    ]

    assert gap[0] > 0.4
    assert gap[1] < 0.1


def test_the_broadest_segment_comes_first() -> None:
    """Each next segment is rarer and wealthier."""
    drawn = people()
    shares = np.bincount(drawn.segment, minlength=3) / drawn.count
    wealth = [np.median(drawn.values["income.monthly"][drawn.segment == segment]) for segment in range(3)]

    assert shares[0] > shares[1] > shares[2] > 0.03
    assert wealth[0] < wealth[1] < wealth[2]


def test_another_seed_gives_other_people() -> None:
    """And the same seed the same."""
    same, other = (draw_people(seed, 50, CALENDAR, 3).values["age"].tolist() for seed in (SEED, "8"))

    assert same == draw_people(SEED, 50, CALENDAR, 3).values["age"].tolist() != other
