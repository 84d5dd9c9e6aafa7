"""Turns raw scores into probabilities: Platt's logistic curve and a shift by action, fitted on a slice of time of
their own. Either is adopted only where it helped on later contacts than it was fitted on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from models.arrays import Codes, Flags, Floats
from models.logistic import fit_logistic
from models.metrics import log_loss

_EARLIER: Final = 0.6
"""Of the slice, the share that ways to calibrate are fitted on before they are judged on the rest."""
_SHIFT_PENALTY: Final = 20.0
"""Draws each action's shift to 0 as strongly as twenty expected positive answers hold it where they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platt:
    """logit = slope x raw score + intercept + shift of the action."""

    slope: float = 1.0
    intercept: float = 0.0
    shift_by_action: Mapping[str, float] = field(default_factory=dict)
    """Empty where no shift was adopted; an action that is absent has none."""
    judged: Mapping[str, float] = field(default_factory=dict)
    """Log loss on later contacts by way to calibrate: `none`, `platt` and `platt_by_action`; the lowest is adopted."""

    def logits(self, raw: Floats) -> Floats:
        """Calibrated logits of raw scores, without the shifts of actions."""
        return self.slope * raw + self.intercept

    def shifts(self, actions: Sequence[str]) -> Floats:
        """The shift of each action."""
        return np.array([self.shift_by_action.get(action, 0.0) for action in actions])


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


def fit_platt_by_action(raw: Floats, positive: Flags, offset: Floats, action: Codes, actions: Sequence[str]) -> Platt:
    """Fit the curve, then how far each action departs from it; an action with few positives hardly departs.

    `action` are positions in `actions`.
    """
    curve = fit_platt(raw, positive, offset)
    known = curve.logits(raw) + offset
    shifts = {
        actions[code]: float(
            fit_logistic(
                np.ones((int(own.sum()), 1)),
                positive[own].astype(float),
                np.ones(int(own.sum())),
                penalty=np.array([_SHIFT_PENALTY]),
                centre=np.zeros(1),
                offset=known[own],
            )[0]
        )
        for code in np.unique(action).tolist()
        for own in [action == code]
    }
    return Platt(slope=curve.slope, intercept=curve.intercept, shift_by_action=shifts)


def fit_calibration(raw: Floats, positive: Flags, offset: Floats, action: Codes, actions: Sequence[str]) -> Platt:
    """The way to calibrate that judges later contacts best, fitted on the whole slice; rows stand in order of time."""
    cut = round(_EARLIER * len(raw))
    earlier, later = slice(0, cut), slice(cut, None)
    ways = {
        "none": Platt(),
        "platt": fit_platt(raw[earlier], positive[earlier], offset[earlier]),
        "platt_by_action": fit_platt_by_action(
            raw[earlier], positive[earlier], offset[earlier], action[earlier], actions
        ),
    }
    judged = {
        name: round(
            log_loss(way.logits(raw[later]) + way.shifts(actions)[action[later]] + offset[later], positive[later]), 8
        )
        for name, way in ways.items()
    }
    match min(judged, key=lambda name: judged[name]):
        case "platt_by_action":
            best = fit_platt_by_action(raw, positive, offset, action, actions)
        case "platt":
            best = fit_platt(raw, positive, offset)
        case _:
            best = Platt()
    return Platt(slope=best.slope, intercept=best.intercept, shift_by_action=best.shift_by_action, judged=judged)
