"""How well scores rank and how well they are calibrated, as plain functions of arrays."""

import math
from dataclasses import dataclass

import numpy as np

from models.arrays import Flags, Floats
from models.logistic import fit_logistic, sigmoid


def auc(score: Floats, positive: Flags) -> float:
    """The chance that a positive scores above a negative, ties counting half; NaN where one of them is absent."""
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return math.nan
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2.0
    return float((mean_rank[place][positive].sum() - positives * (positives + 1) / 2.0) / (positives * negatives))


def auc_standard_error(value: float, positives: int, negatives: int) -> float:
    """Standard error of an AUC. Source: Hanley and McNeil, Radiology 143, 1982."""
    if not positives or not negatives:
        return math.nan
    first, second = value / (2.0 - value), 2.0 * value**2 / (1.0 + value)
    spread = (positives - 1) * (first - value**2) + (negatives - 1) * (second - value**2) + value * (1.0 - value)
    return math.sqrt(spread / (positives * negatives))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Observed against expected positives."""

    observed: int
    expected: float
    slope: float | None = None
    """Of the logit of the score in a logistic regression on the answer; 1 is right. None: not fitted."""

    @property
    def ratio(self) -> float:
        """Observed over expected."""
        return self.observed / self.expected if self.expected else math.nan


def calibration(probability: Floats, positive: Flags) -> Calibration:
    """Observed, expected and slope of a set of rows."""
    logit = np.log(probability) - np.log1p(-probability)
    design = np.column_stack([np.ones(len(logit)), logit])
    fitted = fit_logistic(
        design, positive.astype(float), np.ones(len(logit)), penalty=np.full(2, 1e-6), centre=np.array([0.0, 1.0])
    )
    return Calibration(observed=int(positive.sum()), expected=float(probability.sum()), slope=float(fitted[1]))


def by_decile(probability: Floats, positive: Flags) -> tuple[Calibration, ...]:
    """Ten parts of equal size, lowest scores first."""
    order = np.argsort(probability, kind="stable")
    return tuple(
        Calibration(observed=int(positive[part].sum()), expected=float(probability[part].sum()))
        for part in np.array_split(order, 10)
    )


def top_rate(score: Floats, positive: Flags, share: float) -> float:
    """Rate of positives among the rows with the highest scores."""
    count = max(1, round(share * len(score)))
    best = np.argsort(-score, kind="stable")[:count]
    return float(positive[best].mean())


def log_loss(logit: Floats, positive: Flags) -> float:
    """Mean negative log likelihood."""
    probability = np.clip(sigmoid(logit), 1e-15, 1.0 - 1e-15)
    return float(-np.where(positive, np.log(probability), np.log1p(-probability)).mean())
