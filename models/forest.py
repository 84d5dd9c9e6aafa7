"""Evaluates a LightGBM model in numpy, to the same bits as LightGBM, from its text alone.

No native code reads the file, so a damaged one cannot take the process with it, and a server need not load LightGBM.
Every leaf of a tree is a bit. A test that fails rules out the leaves on its left; whatever the order of the tests, the
lowest bit that is left is the leaf that a walk down the tree reaches. So each feature is looked up once: its value
falls between two cuts, and one row of `table` holds, for all trees, the leaves that this leaves possible. Rows of
several features are joined by AND, and a part that several candidates share is joined once for all of them.

Source: Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees",
SIGIR 2015, for the bits; the tables by value are ours.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.arrays import Floats
from models.errors import ModelRefused
from models.lightgbm_text import BINARY, Tree, read_trees

Masks = npt.NDArray[np.unsignedinteger]
"""One bit a leaf, one column a tree: the leaves that are still possible."""

ANYTHING: Final = 0
"""The row of `table` that rules nothing out; the next one repeats it."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """A feature's way into the table: row `first + bisect_left(cuts, value)`.

    `cuts` starts with minus infinity, so that every number lands at 1 or later and NaN, which is below nothing, at 0.
    """

    first: int
    cuts: tuple[float, ...]

    def row(self, value: float) -> int:
        """The row of the table for a value; NaN is missing."""
        return self.first + bisect_left(self.cuts, value)


UNUSED: Final = Cuts(ANYTHING, (-math.inf,))
"""The cuts of a feature that no tree asks for."""


class Forest:
    """Trees, ready to be evaluated. `table` has one row for each feature and interval, one column for each tree."""

    def __init__(self, trees: Sequence[Tree], feature_count: int) -> None:
        width = max(len(tree.leaf_values) for tree in trees)
        self._mask_type = _mask_type(width)
        self.feature_count = feature_count
        self.cuts, self.table = self._tabulated(trees)
        values = np.zeros((len(trees), width))
        for row, tree in zip(values, trees, strict=True):
            row[: len(tree.leaf_values)] = tree.leaf_values
        self.largest_sum = float(np.abs(values).max(axis=1).sum())
        """No sum of leaves lies farther from zero."""
        self.leaf_values = values
        """What each leaf adds: trees x leaves of the largest tree."""
        self._first_leaf = np.arange(len(trees)) * width

    @property
    def used(self) -> tuple[int, ...]:
        """The features that some tree asks for, ascending."""
        return tuple(sorted(self.cuts))

    def cuts_of(self, feature: int) -> Cuts:
        """A feature's cuts, whether or not any tree uses it."""
        return self.cuts.get(feature, UNUSED)

    def masks(self, rows: Sequence[int]) -> Masks:
        """The leaves that rows of the table leave possible together, one per tree."""
        joined: Masks = np.bitwise_and.reduce(self.table.take(rows, axis=0), axis=0)
        return joined

    def sums(self, masks: Masks) -> Floats:
        """The sum of the leaves that `masks` (one row per candidate) single out: LightGBM's raw scores.

        INVARIANT: leaves are added tree by tree, as LightGBM does. numpy adds in that order along the first axis of
        a contiguous array with at least two columns; with one it adds in pairs, hence the doubled row.
        """
        if len(masks) == 1:
            return self.sums(np.repeat(masks, 2, axis=0))[:1]
        leaves = np.bitwise_count((masks - 1) & ~masks)
        values = self.leaf_values.ravel().take(leaves + self._first_leaf)
        summed: Floats = np.add.reduce(np.ascontiguousarray(values.T), axis=0)
        return summed

    def raw_scores(self, matrix: Floats) -> Floats:
        """LightGBM's raw scores of whole rows, columns in feature order."""
        if matrix.shape[1] != self.feature_count:
            raise ValueError(f"rows have {matrix.shape[1]} columns, the model reads {self.feature_count}")
        masks = self.table[np.full(len(matrix), ANYTHING)]
        for feature, cuts in self.cuts.items():
            column = matrix[:, feature]
            place = np.where(np.isnan(column), 0, np.searchsorted(cuts.cuts, column))
            masks &= self.table[cuts.first + place]
        return self.sums(masks)

    def _tabulated(self, trees: Sequence[Tree]) -> tuple[dict[int, Cuts], Masks]:
        splits = [split for tree in trees for split in tree.splits]
        cuts_by_feature: dict[int, Cuts] = {}
        end = len(UNUSED.cuts) + 1
        for feature in sorted({split.feature for split in splits}):
            asked = [split for split in splits if split.feature == feature]
            if len({split.categories is None for split in asked}) > 1:
                raise ModelRefused(f"feature {feature} is split both as a number and as a category")
            numbers = {split.threshold for split in asked if split.categories is None}
            codes = sorted({code for split in asked for code in split.categories or ()})
            cuts = (-math.inf, *sorted(numbers), *(range(-1, codes[-1] + 1) if codes else ()))
            cuts_by_feature[feature] = Cuts(end, cuts)
            end += len(cuts) + 1
        table = np.full((end, len(trees)), np.iinfo(self._mask_type).max, dtype=self._mask_type)
        for column, tree in enumerate(trees):
            for split in tree.splits:
                cuts_here = cuts_by_feature[split.feature]
                kept = ~self._mask_type(split.leaves_on_the_left)
                failing = [cuts_here.first + place for place in split.failing_places(cuts_here.cuts)]
                table[failing, column] &= kept
        return cuts_by_feature, table


def read_forest(text: str, objective: str = BINARY) -> Forest:
    """Read the text of a LightGBM model with one output.

    Raises:
        ModelRefused: the text is no such model, or uses what this evaluation does not cover.
    """
    model = read_trees(text, objective)
    return Forest(model.trees, model.feature_count)


def _mask_type(leaves: int) -> type[np.unsignedinteger]:
    for mask_type in (np.uint16, np.uint32, np.uint64):
        if leaves <= np.iinfo(mask_type).bits:
            return mask_type
    raise ModelRefused(f"a tree has {leaves} leaves; at most 64 can be evaluated")
