"""Drift is told from chance, and from rows that are merely weighted."""

from dataclasses import replace

import numpy as np
import pytest

from models.bins import bins_of
from models.evaluation.drift import ALARM, drift, shift_of, shift_since
from models.features import FeatureSet
from models.rows import Outcomes, TrainingRows

EVEN = np.ones(4_000)


def rows(seed: int, *, moved: float = 0.0, rate: float = 0.1, count: int = 4_000) -> TrainingRows:
    """Contacts whose first past tally is drawn from a bell curve, the others constant."""
    rng = np.random.default_rng(seed)
    features = FeatureSet(customer=(), channels=("web",), actions=("isa",), groups=("savings",))
    matrix = np.zeros((count, len(features.names)))
    matrix[:, 3] = rng.standard_normal(count) + moved
    zeros = np.zeros(count, dtype=np.int64)
    flags = np.zeros(count, dtype=bool)
    outcomes = Outcomes(
        placements=("web.hero",),
        placement=zeros,
        at_s=np.arange(count),
        customer=np.arange(count),
        action=zeros,
        channel=zeros,
        rank=zeros + 1,
        positive=rng.random(count) < rate,
        converted=flags,
        settled=flags,
        uniform=flags,
    )
    return TrainingRows(outcomes=outcomes, features=features, matrix=matrix, weight=np.ones(count))


def test_the_same_customers_do_not_drift() -> None:
    found = drift(rows(1), rows(2), np.zeros(4_000), np.zeros(4_000))
    assert found.findings() == ()
    assert max(shift.index for shift in found.shifts) < 0.02


def test_a_feature_that_moved_is_named_first_after_the_score() -> None:
    before, later = rows(1), rows(2, moved=1.0)
    found = drift(before, later, before.matrix[:, 3], later.matrix[:, 3])
    assert [shift.name for shift in found.shifts[:2]] == ["score", before.features.names[3]]
    assert found.shifts[1].index > 0.5
    (score, feature) = found.findings()
    assert score.startswith("`score` is distributed otherwise than in training: PSI")
    assert before.features.names[3] in feature


def test_a_handful_of_customers_drifts_by_chance_alone() -> None:
    """Fifteen customers in ten bins give an index above 0.2, and exchanging rows gives as much."""
    rng = np.random.default_rng(5)
    found = shift_of("age", rng.standard_normal(4_000), rng.standard_normal(15), EVEN)
    assert found.index > 0.2
    assert found.by_chance is not None
    assert not found.alarming


def test_a_column_that_is_missing_all_at_once_is_an_alarm() -> None:
    """A source that broke: every value is gone."""
    rng = np.random.default_rng(5)
    assert shift_of("income", rng.standard_normal(4_000), np.full(500, np.nan), EVEN).alarming


def test_a_sample_stands_for_those_that_were_left_out() -> None:
    """Half of the low values were sampled away, and their weight says so."""
    rng = np.random.default_rng(6)
    whole = rng.standard_normal(4_000)
    kept = whole[(whole > 0) | (np.arange(4_000) % 2 == 0)]
    weight = np.where(kept > 0, 1.0, 2.0)
    assert shift_of("age", kept, whole, weight).index < 0.02
    assert shift_of("age", kept, whole, np.ones(len(kept))).index > 0.05


def test_a_base_rate_that_halved_is_told() -> None:
    found = drift(rows(1, rate=0.2), rows(2, rate=0.1), np.zeros(4_000), np.zeros(4_000))
    assert found.rate_ratio == pytest.approx(0.5, abs=0.06)
    assert "did in training" in found.findings()[0]


def test_a_constant_column_never_drifts() -> None:
    assert shift_of("age", np.full(100, 3.0), np.full(50, 3.0), np.ones(100)).index == pytest.approx(0.0)
    later = replace(rows(2), matrix=rows(2).matrix * 0.0)
    assert drift(rows(1), later, np.zeros(4_000), np.zeros(4_000)).shifts[1].index > 0.2


def test_what_training_kept_is_enough_to_tell_what_moved() -> None:
    """The index of two samples, one of which is known by its parts alone; a gap is a part of its own."""
    rng = np.random.default_rng(3)
    before = rng.normal(size=20_000)
    kept = bins_of(before)
    same = shift_since("age", kept, len(before), rng.normal(size=3_000))
    assert same.index < 0.02
    moved = shift_since("age", kept, len(before), rng.normal(1.0, 1.0, 3_000))
    assert moved.alarming
    again = shift_of("age", before, rng.normal(1.0, 1.0, 3_000), np.ones(20_000))
    assert moved.index == pytest.approx(again.index, rel=0.2)
    gone = shift_since("age", kept, len(before), np.full(3_000, np.nan))
    assert gone.alarming
    assert shift_since("age", kept, len(before), np.empty(0)).index == 0.0


def test_a_few_customers_move_by_chance_alone_whatever_training_kept() -> None:
    """Thirty of the same customers give an index above the alarm, and none of it is drift."""
    rng = np.random.default_rng(4)
    kept = bins_of(rng.normal(size=20_000))
    shifts = [shift_since("age", kept, 20_000, rng.normal(size=30)) for _ in range(50)]
    assert sum(shift.index > ALARM for shift in shifts) > 25
    assert sum(shift.alarming for shift in shifts) <= 2
