"""What an experiment's arms say of each other: conversion rates, their difference, and whether that is evidence.

Customers are the unit, each counted once. Intervals hold for one look at a horizon that was fixed beforehand.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Final

from scipy.special import chdtrc

LEVEL: Final = 0.95
FEWEST_CUSTOMERS: Final = 500
FEWEST_CONVERSIONS: Final = 100
"""Of two arms together: below either nothing is said but what could have been found."""
MISMATCH: Final = 0.001
"""A split that chance would give more rarely is no chance."""
_POWER: Final = 0.8


class Verdict(StrEnum):
    """What a comparison says."""

    NOT_ENOUGH_EVIDENCE = "not_enough_evidence"
    NO_DIFFERENCE_FOUND = "no_difference_found"
    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """An arm's customers whose window has passed, and how many of them converted in it."""

    customers: int
    converted: int

    @property
    def rate(self) -> float:
        """The share that converted; NaN without customers."""
        return self.converted / self.customers if self.customers else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An arm held against the control arm."""

    difference: float
    """Of the rates, with its interval."""
    low: float
    high: float
    lift: float | None
    """The difference as a share of the control's rate, with its interval; None where nobody converted."""
    lift_low: float | None
    lift_high: float | None
    detectable_lift: float | None
    """The smallest lift that so many customers would show four times in five."""
    verdict: Verdict


def wilson(counted: Counted, level: float = LEVEL) -> tuple[float, float]:
    """The interval of a rate. Source: Wilson, JASA 22, 1927."""
    if not counted.customers:
        return 0.0, 1.0
    z, count, rate = _z(level), counted.customers, counted.rate
    middle = rate + z * z / (2 * count)
    spread = z * math.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    low = (middle - spread) / scale if counted.converted else 0.0
    return low, (middle + spread) / scale if counted.converted < count else 1.0


def compare(arm: Counted, control: Counted, level: float = LEVEL) -> Comparison:
    """An arm against the control; `level` is that of the intervals.

    Source: Newcombe, Statistics in Medicine 17, 1998 (difference); Katz et al., Biometrics 34, 1978 (ratio).
    """
    difference = arm.rate - control.rate if arm.customers and control.customers else math.nan
    (low, high), (control_low, control_high) = wilson(arm, level), wilson(control, level)
    below = difference - math.hypot(arm.rate - low, control_high - control.rate)
    above = difference + math.hypot(high - arm.rate, control.rate - control_low)
    lift, lift_low, lift_high = _lift(arm, control, level)
    return Comparison(
        difference=difference,
        low=below,
        high=above,
        lift=lift,
        lift_low=lift_low,
        lift_high=lift_high,
        detectable_lift=_detectable(arm, control, level),
        verdict=_verdict(arm, control, below, above),
    )


def _verdict(arm: Counted, control: Counted, low: float, high: float) -> Verdict:
    if min(arm.customers, control.customers) < FEWEST_CUSTOMERS:
        return Verdict.NOT_ENOUGH_EVIDENCE
    if arm.converted + control.converted < FEWEST_CONVERSIONS:
        return Verdict.NOT_ENOUGH_EVIDENCE
    if low > 0:
        return Verdict.HIGHER
    return Verdict.LOWER if high < 0 else Verdict.NO_DIFFERENCE_FOUND


def _lift(arm: Counted, control: Counted, level: float) -> tuple[float | None, float | None, float | None]:
    if not arm.converted or not control.converted:
        return None, None, None
    ratio = arm.rate / control.rate
    spread = 1 / arm.converted - 1 / arm.customers + 1 / control.converted - 1 / control.customers
    factor = math.exp(_z(level) * math.sqrt(spread))
    return ratio - 1, ratio / factor - 1, ratio * factor - 1


def _detectable(arm: Counted, control: Counted, level: float) -> float | None:
    if not control.converted or not arm.customers:
        return None
    rate = control.rate
    spread = math.sqrt(rate * (1 - rate) * (1 / arm.customers + 1 / control.customers))
    return (_z(level) + NormalDist().inv_cdf(_POWER)) * spread / rate


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def level_for(comparisons: int) -> float:
    """The level of each of so many intervals with which all of them hold at LEVEL together. Source: Bonferroni."""
    return 1 - (1 - LEVEL) / max(1, comparisons)


def split_probability(count_by_arm: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """How probable a split at least this uneven is, if arms got their shares by chance: a chi-square test."""
    total = sum(count_by_arm.get(arm, 0) for arm in shares)
    if not total or len(shares) < 2:
        return 1.0
    distance = sum(_distance(count_by_arm.get(arm, 0), total * share) for arm, share in shares.items())
    return float(chdtrc(len(shares) - 1, distance))


def _distance(counted: int, expected: float) -> float:
    return (counted - expected) ** 2 / expected


def control_among(arms: Sequence[str]) -> str:
    """The arm that others are held against: who is shown nothing, else the engine as it is, else the first."""
    return next((usual for usual in ("holdout", "as_is", "control", "usual") if usual in arms), arms[0])
