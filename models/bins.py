"""How the values of features and scores were spread in training: what later values are held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import Floats

PARTS: Final = 10
"""Numbers are cut into so many parts of about equal size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """The spread of one column."""

    edges: tuple[float, ...]
    """Ascending; a value belongs to the part after the last edge below it."""
    shares: tuple[float, ...]
    """First that of missing values, then one of each part: one more than there are edges."""

    def spread(self, values: Floats, weight: Floats | None = None) -> tuple[float, ...]:
        """The shares of other values in the same parts; all 0 where there are none."""
        return _shares(values, np.array(self.edges), np.ones(len(values)) if weight is None else weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBins:
    """What training saw."""

    features: Mapping[str, Bins]
    """Of the contacts that trees were grown on."""
    propensity: Bins
    """P(positive answer) of the contacts that followed, which no tree was grown on."""
    base_rate: float
    """Positive answers among the contacts that trees were grown on."""


def bins_of(values: Floats, weight: Floats | None = None, *, codes: bool = False) -> Bins:
    """Cut a column; `codes` are kept apart one by one."""
    present = values[~np.isnan(values)]
    if codes:
        edges = np.unique(present)[1:] - 0.5
    else:
        edges = np.unique(np.quantile(present, np.arange(1, PARTS) / PARTS)) if len(present) else np.empty(0)
    heavy = np.ones(len(values)) if weight is None else weight
    return Bins(edges=tuple(edges.tolist()), shares=_shares(values, edges, heavy))


def bins_by_name(matrix: Floats, weight: Floats, names: Sequence[str], categorical: Sequence[int]) -> dict[str, Bins]:
    """The bins of every column of a matrix."""
    coded = set(categorical)
    return {name: bins_of(matrix[:, at], weight, codes=at in coded) for at, name in enumerate(names)}


def _shares(values: Floats, edges: Floats, weight: Floats) -> tuple[float, ...]:
    part = np.where(np.isnan(values), 0, 1 + np.searchsorted(edges, values))
    counted = np.bincount(part, weights=weight, minlength=len(edges) + 2)
    return tuple((counted / max(float(counted.sum()), 1e-300)).tolist())
