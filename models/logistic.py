"""Fits a logistic regression with a ridge penalty, for the few parameters that stand outside the trees."""

from typing import Final

import numpy as np

from models.arrays import Floats

_STEPS: Final = 50
_CONVERGED: Final = 1e-10


def sigmoid(logit: Floats) -> Floats:
    """Probabilities of logits."""
    return 1.0 / (1.0 + np.exp(-np.clip(logit, -700.0, 700.0)))


def logit_of(probability: float) -> float:
    """The logit of a probability strictly between 0 and 1."""
    return float(np.log(probability / (1.0 - probability)))


def fit_logistic(
    design: Floats, positives: Floats, trials: Floats, *, penalty: Floats, centre: Floats, offset: Floats | None = None
) -> Floats:
    """Coefficients that make `positives` of `trials` per row likeliest; each is drawn to its `centre` by `penalty` / 2
    times the square of its distance.

    Newton's method; a step that makes matters worse is halved, so that it ends at the single optimum.
    """
    fixed = np.zeros(len(design)) if offset is None else offset
    at = centre.copy()
    loss = _loss(design, positives, trials, penalty, centre, fixed, at)
    for _ in range(_STEPS):
        probability = sigmoid(design @ at + fixed)
        gradient = design.T @ (positives - trials * probability) - penalty * (at - centre)
        weight = trials * probability * (1.0 - probability)
        step = np.linalg.solve((design * weight[:, None]).T @ design + np.diag(penalty + 1e-9), gradient)
        if float(gradient @ step) <= _CONVERGED * abs(loss):  # twice what the step can still gain
            break
        while (reached := _loss(design, positives, trials, penalty, centre, fixed, at + step)) > loss:
            step = step / 2.0
        at, loss = at + step, reached
    return at


def _loss(
    design: Floats, positives: Floats, trials: Floats, penalty: Floats, centre: Floats, fixed: Floats, at: Floats
) -> float:
    logit = design @ at + fixed
    misfit = trials @ np.logaddexp(0.0, logit) - positives @ logit
    return float(misfit + penalty @ (at - centre) ** 2 / 2.0)
