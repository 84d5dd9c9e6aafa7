"""Reads the text form of a LightGBM model, strictly: what is not exactly as LightGBM writes it is refused.

Source: `Tree::ToString`, `Tree::NumericalDecision` and `Tree::CategoricalDecision` of LightGBM 4.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from models.errors import ModelRefused

_CATEGORICAL: Final = 1
_MISSING_GOES_LEFT: Final = 2
_MISSING_TYPE: Final = 12
_MISSING_IS_NONE: Final = 0
_MISSING_IS_NAN: Final = 8
MAX_TREES: Final = 5_000
MAX_LEAVES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One test of a tree; it passes to the left."""

    feature: int
    threshold: float
    """Numbers up to it pass; infinity tells the missing value from all others."""
    categories: frozenset[int] | None
    """Codes that pass; None: a number is tested."""
    missing_passes: bool
    leaves_on_the_left: int
    """A bit for each leaf, counted from the left of the tree."""

    def failing_places(self, cuts: Sequence[float]) -> Iterator[int]:
        """Which results of `bisect_left(cuts, value)` belong to values that fail; 0 is the missing value.

        `cuts` are minus infinity and then this feature's thresholds, or -1 and the codes 0, 1, ... of its categories.
        """
        if not self.missing_passes:
            yield 0
        for place in range(1, len(cuts) + 1):
            value = cuts[place] if place < len(cuts) else math.inf
            passes = value <= self.threshold if self.categories is None else value in self.categories
            if not passes:
                yield place


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree's tests in any order, and its leaves from left to right."""

    splits: tuple[Split, ...]
    leaf_values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeModel:
    """All trees of a model with one output."""

    trees: tuple[Tree, ...]
    feature_count: int


BINARY: Final = "binary sigmoid:1"
REGRESSION: Final = "regression"
"""What a model was made for, as LightGBM writes it."""


def read_trees(text: str, objective: str = BINARY) -> TreeModel:
    """Read a model's trees.

    Raises:
        ModelRefused: the text is not a model with one output and plain trees.
    """
    try:
        return _model(text, objective)
    except (KeyError, ValueError, IndexError, OverflowError) as error:
        raise ModelRefused(f"the trees cannot be read: {type(error).__name__}: {error}") from error


def _model(text: str, objective: str) -> TreeModel:
    head, *blocks = text.partition("\nend of trees\n")[0].split("\nTree=")
    header = _fields(head.removeprefix("tree\n"))
    for name, expected in (("num_class", "1"), ("num_tree_per_iteration", "1"), ("objective", objective)):
        _require(header[name] == expected, f"`{name}` is not `{expected}`")
    _require("average_output" not in header, "averaged trees are not covered")
    _require("\nend of trees\n" in text, "the end of the trees is missing")
    _require(0 < len(blocks) <= MAX_TREES, f"there must be 1 to {MAX_TREES} trees, not {len(blocks)}")
    _require(len(header["tree_sizes"].split()) == len(blocks), "trees are missing")
    feature_count = int(header["max_feature_idx"]) + 1
    trees = []
    for number, block in enumerate(blocks):
        title, _, body = block.partition("\n")
        _require(title == str(number), f"tree {number} is missing")
        trees.append(_tree(_fields(body), feature_count))
    return TreeModel(trees=tuple(trees), feature_count=feature_count)


def _fields(block: str) -> dict[str, str]:
    pairs = [line.partition("=") for line in block.splitlines() if line]
    return {name: value for name, _, value in pairs}


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ModelRefused(otherwise)


def _tree(fields: dict[str, str], feature_count: int) -> Tree:
    leaf_count = int(fields["num_leaves"])
    _require(0 < leaf_count <= MAX_LEAVES, f"a tree must have 1 to {MAX_LEAVES} leaves, not {leaf_count}")
    _require(fields["is_linear"] == "0", "linear leaves are not covered")
    values = _numbers(fields["leaf_value"], leaf_count)
    _require(all(value < math.inf for value in values), "a leaf is infinite")
    if leaf_count == 1:
        return Tree(splits=(), leaf_values=values)
    order, lefts = _shape(
        _integers(fields["left_child"], leaf_count - 1), _integers(fields["right_child"], leaf_count - 1)
    )
    tests = _tests(fields, leaf_count - 1, feature_count)
    splits = tuple(
        Split(feature=feature, threshold=threshold, categories=codes, missing_passes=passes, leaves_on_the_left=left)
        for (feature, threshold, codes, passes), left in zip(tests, lefts, strict=True)
    )
    return Tree(splits=splits, leaf_values=tuple(values[leaf] for leaf in order))


def _shape(left: Sequence[int], right: Sequence[int]) -> tuple[list[int], list[int]]:
    """The leaves from left to right, and for each inner node the bits of the leaves on its left."""
    order: list[int] = []
    bits = [0] * len(left)
    seen: set[int] = set()
    todo = [(0, False)]
    starts: dict[int, int] = {}
    while todo:
        node, left_is_done = todo.pop()
        if node < 0:
            order.append(~node)
        elif left_is_done:
            bits[node] = (1 << len(order)) - (1 << starts[node])
            todo.append((right[node], False))
        else:
            _require(node < len(left) and node not in seen, "a tree is not a tree")
            seen.add(node)
            starts[node] = len(order)
            todo += [(node, True), (left[node], False)]
    _require(sorted(order) == list(range(len(left) + 1)), "a tree does not reach each of its leaves once")
    return order, bits


def _tests(
    fields: dict[str, str], count: int, feature_count: int
) -> Iterator[tuple[int, float, frozenset[int] | None, bool]]:
    """Feature, threshold, categories that pass, and whether a missing value passes, for each inner node."""
    features = _integers(fields["split_feature"], count)
    thresholds = _numbers(fields["threshold"], count)
    kinds = _integers(fields["decision_type"], count)
    _require(all(0 <= feature < feature_count for feature in features), "a tree asks for a feature that is not there")
    category_sets = _category_sets(fields) if int(fields["num_cat"]) else []
    for feature, threshold, kind in zip(features, thresholds, kinds, strict=True):
        missing = kind & _MISSING_TYPE
        if kind & _CATEGORICAL:
            yield feature, 0.0, category_sets[int(threshold)], False
        else:
            _require(missing in {_MISSING_IS_NONE, _MISSING_IS_NAN}, "zero as a missing value is not covered")
            as_zero = missing == _MISSING_IS_NONE
            yield feature, threshold, None, threshold >= 0.0 if as_zero else bool(kind & _MISSING_GOES_LEFT)


def _category_sets(fields: dict[str, str]) -> list[frozenset[int]]:
    bounds = [int(bound) for bound in fields["cat_boundaries"].split()]
    words = [int(word) for word in fields["cat_threshold"].split()]
    _require(bounds == sorted(bounds) and bounds[0] == 0 and bounds[-1] == len(words), "categories are damaged")
    _require(len(words) <= 64 * MAX_LEAVES, "too many categories")
    return [
        frozenset(
            32 * place + bit for place, word in enumerate(words[start:end]) for bit in range(32) if word >> bit & 1
        )
        for start, end in pairwise(bounds)
    ]


def _integers(text: str, count: int) -> tuple[int, ...]:
    found = tuple(int(word) for word in text.split())
    _require(len(found) == count, f"expected {count} values, found {len(found)}")
    return found


def _numbers(text: str, count: int) -> tuple[float, ...]:
    found = tuple(float(word) for word in text.split())
    _require(len(found) == count, f"expected {count} values, found {len(found)}")
    _require(all(number > -math.inf for number in found), "a number of a tree is not a number")
    return found
