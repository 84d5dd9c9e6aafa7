"""What another choice among the same candidates would have been worth, from logs with exact probabilities.

It answers "same states, other choice", never what a policy does to customers in the long run. Intervals come from a
bootstrap by customer; too little evidence is said instead of a figure's winner.
Sources: Swaminathan and Joachims 2015 (self-normalised), Dudik, Langford and Li 2011 (doubly robust).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from models.arrays import Codes, Flags, Floats
from models.evaluation.resampling import poisson
from models.evaluation.slots import Slots
from models.lift import LEVEL, Verdict
from models.logistic import fit_logistic, sigmoid

FEWEST_POSITIVES: Final = 100
FEWEST_EFFECTIVE: Final = 500.0
"""Matched positives, and the effective sample: below either nothing is said but what could have been found."""
CLIPS: Final = (5.0, 10.0, 20.0, 50.0)
_POWER: Final = 0.8
_DRAWS: Final = 1_000
_FOLDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How much the log says about a policy."""

    slots: int
    matched: int
    """Slots in which the policy might have shown what was shown."""
    positives: int
    """Positive answers among them."""
    effective: float
    """The number of equally weighted slots that would say as much. Source: Kish 1965."""

    @property
    def enough(self) -> bool:
        """Whether anything may be concluded."""
        return self.positives >= FEWEST_POSITIVES and self.effective >= FEWEST_EFFECTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyValue:
    """What a policy is worth a slot."""

    evidence: Evidence
    weighted: Estimate
    """Inverse propensity weighting."""
    self_normalised: Estimate
    doubly_robust: Estimate
    clipped: tuple[tuple[float, float], ...]
    """The self-normalised figure with weights cut at each clip: where they differ much, a few slots decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyComparison:
    """A policy held against another on the same slots; both are resampled together."""

    policy: PolicyValue
    other: PolicyValue
    lift: Estimate
    """Self-normalised: policy / other - 1."""
    lift_doubly_robust: Estimate
    detectable_lift: float | None
    """The smallest lift that such a log shows four times in five."""
    verdict: Verdict


def direct_model(slots: Slots, score: Floats, folds: int = _FOLDS) -> Floats:
    """By candidate the worth that is expected, for the doubly robust figure.

    `score` is any model's propensity; each fold of customers gets a logistic curve of its logit, with a shift by
    action, fitted on the other folds: no answer helps to judge itself.
    """
    logit = np.log(np.clip(score, 1e-9, 1.0 - 1e-9))
    logit -= np.log1p(-np.clip(score, 1e-9, 1.0 - 1e-9))
    actions, code = np.unique(slots.action, return_inverse=True)
    fold = _folds(slots.customer, folds)
    expected = np.empty(len(score))
    for part in range(folds):
        known = np.flatnonzero(fold != part)
        shown = slots.chosen[known]
        design = np.zeros((len(known), 2 + len(actions)))
        design[:, 0], design[:, 1] = 1.0, logit[shown]
        design[np.arange(len(known)), 2 + code[shown]] = 1.0
        fitted = fit_logistic(
            design,
            slots.positive[known].astype(np.float64),
            np.ones(len(known)),
            penalty=np.r_[1e-3, 1.0, np.full(len(actions), 4.0)],
            centre=np.r_[0.0, 1.0, np.zeros(len(actions))],
        )
        here = fold[slots.slot] == part
        expected[here] = sigmoid(fitted[0] + fitted[1] * logit[here] + fitted[2:][code[here]])
    return expected * slots.worth


def _folds(customer: Codes, folds: int) -> Codes:
    """A customer's slots lie in one fold."""
    _, place = np.unique(customer, return_inverse=True)
    return place % folds


def value_of(slots: Slots, policy: Floats, expected: Floats, *, draws: int = _DRAWS, seed: int = 0) -> PolicyValue:
    """A policy's worth a slot; `policy` is the chance of each candidate, `expected` from `direct_model`.

    Raises:
        ValueError: the log has no slot, or the policy is no chance of the candidates.
    """
    drawn = _resampled(slots, (policy,), expected, draws, seed)
    return _value(slots, policy, _ratios(drawn[:, 0]))


def compare(
    slots: Slots, policy: Floats, other: Floats, expected: Floats, *, draws: int = _DRAWS, seed: int = 0
) -> PolicyComparison:
    """A policy against another one. It is higher or lower only where both ways to estimate say so.

    Raises:
        ValueError: see `value_of`.
    """
    drawn = _resampled(slots, (policy, other), expected, draws, seed)
    one, two = _ratios(drawn[:, 0]), _ratios(drawn[:, 1])
    first, second = _value(slots, policy, one), _value(slots, other, two)
    with np.errstate(invalid="ignore", divide="ignore"):
        lift = _estimate(one[:, 1] / two[:, 1] - 1.0)
        robust = _estimate(one[:, 2] / two[:, 2] - 1.0)
        spread = float(np.std(one[1:, 1] - two[1:, 1]))
    return PolicyComparison(
        policy=first,
        other=second,
        lift=lift,
        lift_doubly_robust=robust,
        detectable_lift=_detectable(spread, second.self_normalised.value),
        verdict=_verdict(first, second, lift, robust),
    )


def evidence_of(slots: Slots, policy: Floats) -> Evidence:
    """How much a log says about a policy."""
    weight = policy[slots.chosen] / slots.probability[slots.chosen]
    squares = float((weight**2).sum())
    return Evidence(
        slots=len(slots),
        matched=int((weight > 0.0).sum()),
        positives=int((slots.positive & (weight > 0.0)).sum()),
        effective=float(weight.sum()) ** 2 / squares if squares else 0.0,
    )


def _verdict(first: PolicyValue, second: PolicyValue, lift: Estimate, robust: Estimate) -> Verdict:
    if not (first.evidence.enough and second.evidence.enough):
        return Verdict.NOT_ENOUGH_EVIDENCE
    if min(lift.low, robust.low) > 0.0:
        return Verdict.HIGHER
    return Verdict.LOWER if max(lift.high, robust.high) < 0.0 else Verdict.NO_DIFFERENCE_FOUND


def _detectable(spread: float, value: float) -> float | None:
    if not value > 0.0 or not math.isfinite(spread):
        return None
    normal = NormalDist()
    return (normal.inv_cdf((1 + LEVEL) / 2) + normal.inv_cdf(_POWER)) * spread / value


def _value(slots: Slots, policy: Floats, figures: Floats) -> PolicyValue:
    return PolicyValue(
        evidence=evidence_of(slots, policy),
        weighted=_estimate(figures[:, 0]),
        self_normalised=_estimate(figures[:, 1]),
        doubly_robust=_estimate(figures[:, 2]),
        clipped=tuple((clip, _clipped(slots, policy, clip)) for clip in CLIPS),
    )


def _clipped(slots: Slots, policy: Floats, clip: float) -> float:
    weight = np.minimum(policy[slots.chosen] / slots.probability[slots.chosen], clip)
    total = float(weight.sum())
    return float((weight * _reward(slots)).sum()) / total if total else math.nan


def _reward(slots: Slots) -> Floats:
    return np.where(slots.positive, slots.worth[slots.chosen], 0.0)


def _estimate(figures: Floats) -> Estimate:
    """The first figure is that of the log itself, the others are those of its bootstrap draws."""
    drawn = figures[1:][np.isfinite(figures[1:])]
    if not len(drawn):
        return Estimate(value=float(figures[0]), low=math.nan, high=math.nan)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value=float(figures[0]), low=float(low), high=float(high))


def _ratios(sums: Floats) -> Floats:
    """From sums of slots, weights, weighted rewards and robust parts: the three estimates, one row a draw."""
    count, weight, reward, robust = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.column_stack([reward / count, reward / weight, robust / count])


def _resampled(slots: Slots, policies: tuple[Floats, ...], expected: Floats, draws: int, seed: int) -> Floats:
    """Draws x policies x four sums; row 0 is the log itself.

    Each customer stands in a draw as often as a Poisson draw says: the bootstrap for many, independent units.
    """
    _check(slots, policies)
    shown, reward = slots.chosen, _reward(slots)
    columns = [np.ones(len(slots))]
    for policy in policies:
        weight = policy[shown] / slots.probability[shown]
        robust = slots.sums(policy * expected) + weight * (reward - expected[shown])
        columns += [weight, weight * reward, robust]
    customers, place = np.unique(slots.customer, return_inverse=True)
    summed = np.column_stack([np.bincount(place, weights=column, minlength=len(customers)) for column in columns])
    times = poisson(np.random.default_rng(seed), (draws, len(customers)))
    totals = np.vstack([summed.sum(axis=0), times @ summed])
    return np.stack([totals[:, [0, 1 + 3 * at, 2 + 3 * at, 3 + 3 * at]] for at in range(len(policies))], axis=1)


def _check(slots: Slots, policies: tuple[Floats, ...]) -> None:
    if not len(slots):
        raise ValueError("the log has no slot in which anything was drawn")
    for policy in policies:
        sums = slots.sums(policy)
        wrong: Flags = np.abs(sums - 1.0) > 1e-6
        if wrong.any() or (policy < 0.0).any():
            raise ValueError(f"the chances of a policy do not sum to 1 in {int(wrong.sum()):,} slots")
