"""Whether what a model reads, or says, is no longer what it was trained on: population stability by feature.

PSI above 0.2 and above what exchanging rows at random gives in 99 of 100 cases is an alarm: small samples drift on
paper. Source: Siddiqi, Credit Risk Scorecards, 2006.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import Codes, Floats
from models.bins import Bins
from models.features import SEASON
from models.rows import TrainingRows

ALARM: Final = 0.2
SCORE: Final = "score"
_BINS: Final = 10
_MOST_CODES: Final = 40
_PERMUTATIONS: Final = 200
_FLOOR: Final = 1e-4
"""The least share of a bin: an empty one would make the index infinite."""
BASE_RATE_RANGE: Final = (0.67, 1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How far one column moved."""

    name: str
    index: float
    by_chance: float | None
    """The 99th percentile of the index when rows are exchanged at random; None where it was not needed."""

    @property
    def alarming(self) -> bool:
        """Whether it moved more than a model should be trusted with."""
        return self.index > ALARM and (self.by_chance is None or self.index > self.by_chance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What was trained on held against what came later."""

    shifts: tuple[Shift, ...]
    """The score first, then features by how far they moved."""
    base_rate: float
    later_rate: float

    @property
    def rate_ratio(self) -> float:
        """The later rate of positive answers over the earlier."""
        return self.later_rate / self.base_rate if self.base_rate else float("nan")

    @property
    def figures(self) -> dict[str, float | int | str | None]:
        """What evidence keeps of it."""
        most = self.of_features[0] if self.of_features else None
        return {
            "psi_score": round(self.shifts[0].index, 4),
            "psi_highest": None if most is None else round(most.index, 4),
            "psi_highest_of": None if most is None else most.name,
            "features_alarming": sum(shift.alarming for shift in self.of_features),
            "base_rate_ratio": None if math.isnan(self.rate_ratio) else round(self.rate_ratio, 4),
        }

    @property
    def of_features(self) -> tuple[Shift, ...]:
        """The features, the one that moved most first."""
        return self.shifts[1:]

    def findings(self) -> tuple[str, ...]:
        """A sentence for each alarm."""
        sentences = list(told(self.shifts))
        if not BASE_RATE_RANGE[0] <= self.rate_ratio <= BASE_RATE_RANGE[1]:
            sentences.append(
                f"{self.later_rate:.2%} of contacts get a positive answer, {self.base_rate:.2%} did in training"
            )
        return tuple(sentences)


def told(shifts: Sequence[Shift]) -> tuple[str, ...]:
    """A sentence for each of them that is an alarm."""
    return tuple(
        f"`{shift.name}` is distributed otherwise than in training: PSI {shift.index:.2f}"
        for shift in shifts
        if shift.alarming
    )


def drift(before: TrainingRows, later: TrainingRows, score: Floats, later_score: Floats) -> Drift:
    """Compare the score and every column but the time of year; `before` is weighted, since it may be a sample."""
    pairs = {SCORE: (score, later_score)} | {
        name: (before.matrix[:, column], later.matrix[:, column])
        for column, name in enumerate(before.features.names)
        if name not in SEASON
    }
    shifts = {name: shift_of(name, *pair, before.weight) for name, pair in pairs.items()}
    own = shifts.pop(SCORE)
    weight = float(before.weight.sum())
    return Drift(
        shifts=(own, *sorted(shifts.values(), key=lambda shift: -shift.index)),
        base_rate=float((before.weight * before.outcomes.positive).sum()) / weight,
        later_rate=float(later.outcomes.positive.mean()),
    )


def shift_of(name: str, before: Floats, later: Floats, weight: Floats) -> Shift:
    """The index of one column; a gap is a bin of its own, and so is each of few distinct values."""
    edges = _edges(before[~np.isnan(before)])
    codes, later_codes = _binned(before, edges), _binned(later, edges)
    index = _index(codes, later_codes, weight, len(edges) + 2)
    by_chance = _by_chance(codes, later_codes, weight, len(edges) + 2) if index > ALARM else None
    return Shift(name=name, index=index, by_chance=by_chance)


def shift_since(name: str, trained: Bins, rows: int, values: Floats) -> Shift:
    """The index of one column against what training kept of it, which it had counted on so many rows; 0 for nothing."""
    if not len(values):
        return Shift(name=name, index=0.0, by_chance=None)
    expected, found = np.array(trained.shares), np.array(trained.spread(values))
    index = _stability(expected, found)
    by_chance = _chance(expected, rows, found, len(values)) if index > ALARM else None
    return Shift(name=name, index=index, by_chance=by_chance)


def _chance(expected: Floats, rows: int, found: Floats, later: int) -> float:
    """As `_by_chance` where only shares are known: both samples are drawn from the two taken together."""
    rng = np.random.default_rng(0)
    pooled = (expected * rows + found * later) / (rows + later)
    pooled /= pooled.sum()
    pairs = zip(
        rng.multinomial(rows, pooled, _PERMUTATIONS), rng.multinomial(later, pooled, _PERMUTATIONS), strict=True
    )
    return float(np.quantile([_stability(one / rows, other / later) for one, other in pairs], 0.99))


def _edges(known: Floats) -> Floats:
    distinct = np.unique(known)
    if len(distinct) <= _MOST_CODES:
        return distinct[1:]
    return np.unique(np.quantile(known, np.arange(1, _BINS) / _BINS))


def _binned(column: Floats, edges: Floats) -> Codes:
    codes: Codes = np.where(np.isnan(column), len(edges) + 1, np.searchsorted(edges, column, side="right"))
    return codes


def _index(before: Codes, later: Codes, weight: Floats, bins: int) -> float:
    expected = np.bincount(before, weights=weight, minlength=bins) / max(float(weight.sum()), 1e-300)
    found = np.bincount(later, minlength=bins) / max(1, len(later))
    return _stability(expected, found)


def _stability(expected: Floats, found: Floats) -> float:
    expected, found = np.maximum(expected, _FLOOR), np.maximum(found, _FLOOR)
    return float(((found - expected) * np.log(found / expected)).sum())


def _by_chance(before: Codes, later: Codes, weight: Floats, bins: int) -> float:
    rng = np.random.default_rng(0)
    pooled, weights = np.concatenate([before, later]), np.concatenate([weight, np.ones(len(later))])
    found = []
    for _ in range(_PERMUTATIONS):
        order = rng.permutation(len(pooled))
        one, other = order[: len(before)], order[len(before) :]
        found.append(_index(pooled[one], pooled[other], weights[one], bins))
    return float(np.quantile(found, 0.99))
