"""Protected groups: what they are offered and accept, and the features that stand in for them."""

import numpy as np
import pytest

from models.evaluation.fairness import Fairness, proxies, ratios
from models.lift import wilson

GROUPS = ["female", "male", "other"]


def offered(rates: tuple[float, float, float], count: int = 20_000, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    group = rng.choice(3, count, p=[0.5, 0.499, 0.001])
    return group, rng.random(count) < np.array(rates)[group]


def test_a_group_that_gets_less_than_four_fifths_is_an_alarm() -> None:
    group, chosen = offered((0.06, 0.10, 0.1))
    (found,) = ratios("gender", GROUPS, group, "lending", "selection", np.ones(len(group), dtype=bool), chosen)
    assert (found.group, found.reference) == ("female", "male")
    assert found.value == pytest.approx(0.6, abs=0.05)
    assert found.alarming
    (sentence,) = Fairness(ratios=(found,), proxies=()).findings()
    assert sentence.startswith("selection of `lending`: gender female ")


def test_a_small_difference_and_a_small_group_are_none() -> None:
    """Three customers of the third group say nothing, and nine tenths are enough."""
    group, chosen = offered((0.09, 0.10, 0.0))
    found = ratios("gender", GROUPS, group, "lending", "selection", np.ones(len(group), dtype=bool), chosen)
    assert [each.group for each in found] == ["female"]
    assert not found[0].alarming


def test_doubt_is_no_alarm() -> None:
    """A ratio of 0.6 on a few hundred customers."""
    group, chosen = offered((0.24, 0.40, 0.4), count=400)
    found = ratios("gender", GROUPS, group, "lending", "selection", np.ones(400, dtype=bool), chosen)
    assert found[0].value < 0.8 < found[0].high
    assert not found[0].alarming


def test_equal_groups_alarm_in_no_case_of_two_hundred() -> None:
    for seed in range(200):
        group, chosen = offered((0.1, 0.1, 0.1), count=4_000, seed=seed)
        found = ratios("gender", GROUPS, group, "lending", "selection", np.ones(4_000, dtype=bool), chosen)
        assert not any(each.alarming for each in found)


def test_only_the_admitted_count() -> None:
    """Those whom rules do not admit cannot be passed over."""
    group, chosen = offered((0.1, 0.1, 0.1))
    admitted = (group != 0) | (np.arange(len(group)) % 2 == 0)
    (found,) = ratios("gender", GROUPS, group, "lending", "selection", admitted, chosen)
    smaller = min(found.counted.customers, found.of_reference.customers)
    assert smaller == int((admitted & (group == 0)).sum())
    assert found.value == pytest.approx(1.0, abs=0.15)


def test_a_feature_that_tells_a_group_is_named_with_what_the_model_makes_of_it() -> None:
    rng = np.random.default_rng(3)
    group = rng.integers(0, 2, 5_000)
    columns = np.column_stack([group + rng.standard_normal(5_000), rng.standard_normal(5_000)])
    found = proxies("gender", GROUPS[:2], group, ["postcode.affluence", "age"], columns, [0.03, 0.2])
    assert {each.feature for each in found} == {"postcode.affluence"}
    assert found[0].auc == pytest.approx(0.76, abs=0.02)
    assert "holds 3.0% of the gain" in Fairness(ratios=(), proxies=tuple(found)).notes()[0]


def test_a_ratio_of_nothing_has_an_interval() -> None:
    group = np.repeat([0, 1], 2_000)
    chosen = (group == 1) & (np.arange(4_000) % 10 == 0)
    (found,) = ratios("gender", GROUPS[:2], group, "lending", "selection", np.ones(4_000, dtype=bool), chosen)
    assert found.value == 0.0
    assert 0.0 < found.high < 0.1
    assert wilson(found.counted)[1] < 0.01
