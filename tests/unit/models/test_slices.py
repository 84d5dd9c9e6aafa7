"""The slices of a history, and the sample that trees grow on."""

import numpy as np
import pytest

from models.errors import TrainingRefused
from models.history import DAY_S
from models.rows import Outcomes
from models.slices import Slice, slice_by_time, thin

GAP = 7 * DAY_S


def outcomes(count: int, *, rate: float = 0.05, days: int = 365, seed: int = 1) -> Outcomes:
    rng = np.random.default_rng(seed)
    zeros, no = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool)
    return Outcomes(
        placements=("web.hero",),
        placement=zeros,
        at_s=np.sort(rng.integers(0, days * DAY_S, count)),
        customer=zeros,
        action=zeros,
        channel=zeros,
        rank=zeros + 1,
        positive=rng.random(count) < rate,
        converted=no,
        settled=no,
        uniform=no,
    )


def test_slices_follow_each_other_with_a_gap_between() -> None:
    history = outcomes(20_000)
    slices = slice_by_time(history, GAP)
    for earlier, later in zip(list(Slice)[:-1], list(Slice)[1:], strict=True):
        last = history.at_s[slices.of(earlier, history.at_s)].max()
        first = history.at_s[slices.of(later, history.at_s)].min()
        assert first - last >= GAP
    assert slices.of(Slice.TRAIN, history.at_s).mean() > 0.7
    assert slices.of(Slice.TEST, history.at_s)[-1]


def test_what_is_counted_before_the_test_was_settled_by_then() -> None:
    history = outcomes(20_000)
    slices = slice_by_time(history, GAP)
    known = slices.before_test(history.at_s)
    assert history.at_s[known].max() + GAP <= history.at_s[slices.of(Slice.TEST, history.at_s)].min()
    assert known.sum() > slices.of(Slice.TRAIN, history.at_s).sum()


@pytest.mark.parametrize(("count", "rate", "days"), [(300, 0.05, 365), (20_000, 0.0005, 365), (20_000, 0.05, 10)])
def test_too_few_answers_in_a_slice_are_refused(count: int, rate: float, days: int) -> None:
    """Too few contacts, too few positive answers, or too short a time for the gaps."""
    with pytest.raises(TrainingRefused, match="a longer history is needed"):
        slice_by_time(outcomes(count, rate=rate, days=days), GAP)


def test_every_positive_answer_is_kept_and_the_sample_stands_for_all() -> None:
    history = outcomes(20_000)
    slices = slice_by_time(history, GAP)
    weight = thin(history, slices, 3_000, seed=7)
    trained = slices.of(Slice.TRAIN, history.at_s)
    assert (weight[trained & history.positive] == 1.0).all()
    assert (weight[trained] > 0).sum() == 3_000
    assert weight[trained].sum() == pytest.approx(trained.sum())
    assert (weight[slices.of(Slice.TEST, history.at_s)] == 1.0).all()
    assert (weight[history.at_s >= slices.spans[Slice.TRAIN][1]] == 1.0).all()
    assert weight.tolist() == thin(history, slices, 3_000, seed=7).tolist()


def test_few_rows_are_all_kept() -> None:
    history = outcomes(20_000)
    slices = slice_by_time(history, GAP)
    weight = thin(history, slices, 10**6, seed=7)
    assert set(weight[slices.of(Slice.TRAIN, history.at_s)].tolist()) == {1.0}
