"""Shapes that a normal score is mapped to: quantile functions from [0, 1] to natural values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from demobank.arrays import Floats

Quantile = Callable[[Floats], Floats]
_GRID = (np.arange(8192) + 0.5) / 8192


def lognormal(median: float, sigma: float, *, zero: float = 0.0, ceiling: float = np.inf) -> Quantile:
    """A share `zero` of exact zeros, the rest lognormal."""

    def quantile(u: Floats) -> Floats:
        inner = np.clip((u - zero) / (1.0 - zero), 1e-9, 1.0 - 1e-9)
        return np.where(u < zero, 0.0, np.minimum(median * np.exp(sigma * ndtri(inner)), ceiling))

    return quantile


def knots(*points: tuple[float, float]) -> Quantile:
    """Straight lines between (share of customers, value) points."""
    shares, values = np.array(points).T
    return lambda u: np.interp(u, shares, values)


def steps(*shares: float, first: int = 0) -> Quantile:
    """Whole numbers from `first` on, each with its share; the last takes what is left."""
    edges = np.cumsum(shares)[:-1] / sum(shares)
    return lambda u: np.searchsorted(edges, u, side="right").astype(float) + first


def normal_scores(values: Floats, quantile: Quantile, decimals: int) -> Floats:
    """Each value's place in its population as a normal score; equal values share the middle of their places.

    The score is a function of the natural value alone, so whoever sees the value can know the score.
    """
    population = np.sort(np.round(quantile(_GRID), decimals))
    low = np.searchsorted(population, values, side="left")
    high = np.searchsorted(population, values, side="right")
    return ndtri(np.clip((low + high) / (2 * len(population)), 0.5 / len(population), 1 - 0.5 / len(population)))
