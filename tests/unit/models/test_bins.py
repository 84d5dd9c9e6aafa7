"""Columns cut into parts: shares add up, missing values stand apart, and later values find their parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bins import bins_of

NUMBERS = st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), max_size=60)


@given(NUMBERS, NUMBERS)
def test_shares_add_up_whatever_the_values(known: list[float], later: list[float]) -> None:
    bins = bins_of(np.array(known, dtype=np.float64))
    assert len(bins.shares) == len(bins.edges) + 2
    assert sum(bins.shares) == pytest.approx(1.0 if known else 0.0)
    spread = bins.spread(np.array(later, dtype=np.float64))
    assert sum(spread) == pytest.approx(1.0 if later else 0.0)


@given(NUMBERS)
def test_the_same_values_have_the_same_spread(known: list[float]) -> None:
    values = np.array(known, dtype=np.float64)
    assert bins_of(values).spread(values) == bins_of(values).shares


def test_numbers_make_ten_even_parts_and_codes_one_each() -> None:
    assert bins_of(np.arange(1_000.0)).shares == pytest.approx([0.0, *[0.1] * 10], abs=0.002)
    coded = bins_of(np.array([0.0, 0.0, 2.0, np.nan]), codes=True)
    assert (coded.edges, coded.shares) == ((1.5,), (0.25, 0.5, 0.25))


def test_weights_count_rows_for_what_they_stand_for() -> None:
    bins = bins_of(np.array([0.0, 1.0]), np.array([9.0, 1.0]), codes=True)
    assert bins.shares == pytest.approx((0.0, 0.9, 0.1))
