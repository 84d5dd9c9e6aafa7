"""Canary rows reach every leaf that any row reaches."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.canaries import FEWEST, choose

LEAVES = st.integers(1, 300).flatmap(
    lambda rows: st.integers(1, 6).flatmap(
        lambda trees: st.lists(
            st.lists(st.integers(0, 14), min_size=trees, max_size=trees), min_size=rows, max_size=rows
        )
    )
)


@given(LEAVES)
def test_every_leaf_is_reached(leaves: list[list[int]]) -> None:
    every = np.array(leaves)
    chosen = every[choose(every)]
    for tree in range(every.shape[1]):
        assert set(chosen[:, tree]) == set(every[:, tree])


def test_few_rows_are_enough() -> None:
    """A row reaches one leaf of every tree, and as many rows as a tree has leaves are the least that will do."""
    every = np.random.default_rng(1).integers(0, 15, (5_000, 100))
    assert len(choose(every)) <= 2 * FEWEST
