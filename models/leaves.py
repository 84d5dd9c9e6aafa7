"""The trees of a `Forest` for one decision at a time: what is known is narrowed to leaves, and leaves are added up.

Plain loops over native vectors, compiled. A vector of leaves has one row after another of as many masks as there are
trees; a mask says which leaves of its tree are still possible.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from librt.vecs import vec
from mypy_extensions import i64

from models.forest import Forest, Masks

_DEBRUIJN: Final[i64] = 0x03F79D71B4CB0A89
"""Times a power of two, the top six of 64 bits tell which power it was. Source: Leiserson, Prokop and Randall, "Using
de Bruijn sequences to index a 1 in a computer word", 1998."""


def leaves_of(masks: Masks) -> vec[i64]:
    """Masks of a forest's table as a vector of leaves."""
    return vec[i64](_signed(masks))


class Ways:
    """The ways of some features into the trees: for each its cuts, and for each interval between them the leaves that
    it leaves possible, of those trees only that ask for the feature."""

    def __init__(self, forest: Forest, columns: Iterable[int]) -> None:
        cuts: list[float] = []
        trees: list[int] = []
        masks: list[int] = []
        ends = [(0, 0, 0)]
        for column in columns:
            way = forest.cuts_of(column)
            rows = forest.table[way.first : way.first + len(way.cuts) + 1]
            asking = np.flatnonzero((rows != np.iinfo(rows.dtype).max).any(axis=0))
            cuts += way.cuts
            trees += asking.tolist()
            masks += _signed(rows[:, asking])
            ends.append((len(cuts), len(trees), len(masks)))
        self._count: i64 = len(ends) - 1
        self._tree_count: i64 = forest.table.shape[1]
        self._cuts: vec[float] = vec[float](cuts)
        self._trees: vec[i64] = vec[i64](trees)
        self._masks: vec[i64] = vec[i64](masks)
        self._cuts_ends: vec[i64] = vec[i64]([end for end, _, _ in ends])
        self._trees_ends: vec[i64] = vec[i64]([end for _, end, _ in ends])
        self._masks_ends: vec[i64] = vec[i64]([end for _, _, end in ends])

    def narrow(self, leaves: vec[i64], row: i64, values: Sequence[float]) -> None:
        """Rule out, in a row of `leaves`, what these values make impossible: one value a feature, NaN is missing."""
        if len(values) != self._count:
            raise ValueError(f"{len(values)} values for {self._count} features")
        cuts, trees, masks = self._cuts, self._trees, self._masks
        cuts_ends, trees_ends, masks_ends = self._cuts_ends, self._trees_ends, self._masks_ends
        base = row * self._tree_count
        for feature, value in enumerate(values):
            first, high = cuts_ends[feature], cuts_ends[feature + 1]
            asking, last = trees_ends[feature], trees_ends[feature + 1]
            low = first
            while low < high:  # as bisect_left: NaN, which no cut is below, lands at 0
                middle = (low + high) >> 1
                if cuts[middle] < value:
                    low = middle + 1
                else:
                    high = middle
            mask = masks_ends[feature] + (low - first) * (last - asking)
            while asking < last:
                tree = base + trees[asking]
                leaves[tree] = leaves[tree] & masks[mask]
                asking += 1
                mask += 1


class LeafValues:
    """What each leaf of each tree adds to a score."""

    def __init__(self, forest: Forest) -> None:
        self._trees: i64 = forest.table.shape[1]
        self._values: vec[float] = vec[float](forest.leaf_values.ravel().tolist())
        self._width: i64 = forest.leaf_values.shape[1]
        self._place: vec[i64] = vec[i64](_places())

    def sums(
        self, leaves: vec[i64], rows: Sequence[tuple[int, int]], fixed: vec[i64], candidates: Sequence[int]
    ) -> list[float]:
        """One sum a candidate, bit for bit LightGBM's raw score: leaves are added tree by tree.

        A tree's leaf is the lowest that row 0 of `leaves`, the candidate's two `rows` of it and the candidate's row of
        `fixed` leave possible together.
        """
        values, place, trees, width = self._values, self._place, self._trees, self._width
        sums: list[float] = []
        for (one_row, other_row), candidate in zip(rows, candidates, strict=True):
            one: i64 = one_row
            other: i64 = other_row
            row: i64 = candidate
            one, other, row = one * trees, other * trees, row * trees
            total = 0.0
            first: i64 = 0
            tree: i64 = 0
            while tree < trees:
                possible = leaves[tree] & leaves[one + tree] & leaves[other + tree] & fixed[row + tree]
                total += values[first + place[((possible & -possible) * _DEBRUIJN) >> 58 & 63]]
                first += width
                tree += 1
            sums.append(total)
        return sums


def _signed(masks: Masks) -> list[int]:
    """The same bits, as signed numbers of 64."""
    listed: list[int] = np.ascontiguousarray(masks.astype(np.uint64)).view(np.int64).ravel().tolist()
    return listed


def _places() -> list[int]:
    """For each power of two, under the number that `_DEBRUIJN` makes of it, which power it is."""
    places = [0] * 64
    for power in range(64):
        places[(int(_DEBRUIJN) << power & 2**64 - 1) >> 58] = power
    return places
