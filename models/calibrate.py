"""Turns raw scores into probabilities: Platt's logistic curve, fitted on a slice of time of its own."""

from dataclasses import dataclass

import numpy as np

from models.arrays import Flags, Floats
from models.logistic import fit_logistic


@dataclass(frozen=True, slots=True, kw_only=True)
class Platt:
    """logit = slope x raw score + intercept."""

    slope: float = 1.0
    intercept: float = 0.0

    def logits(self, raw: Floats) -> Floats:
        """Calibrated logits of raw scores."""
        return self.slope * raw + self.intercept


def fit_platt(raw: Floats, positive: Flags, offset: Floats) -> Platt:
    """Fit the curve beside known offsets; a weak pull to slope 1 and intercept 0 keeps it steady on few positives.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    slope, intercept = fit_logistic(
        np.column_stack([raw, np.ones(len(raw))]),
        positive.astype(float),
        np.ones(len(raw)),
        penalty=np.array([10.0, 1.0]),
        centre=np.array([1.0, 0.0]),
        offset=offset,
    )
    return Platt(slope=float(slope), intercept=float(intercept))
