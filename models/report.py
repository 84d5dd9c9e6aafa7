"""What a model is worth on rows that it has not seen: ranking, calibration, and the lift over mere popularity."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import Flags, Floats
from models.logistic import sigmoid
from models.metrics import Calibration, auc, auc_standard_error, by_decile, calibration, top_rate
from models.rows import Outcomes

ENOUGH_POSITIVES: Final = 100
RATIO_RANGE: Final = (0.8, 1.25)
SLOPE_RANGE: Final = (0.8, 1.2)
_TOP: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """An AUC and its standard error; None where there is nothing to tell apart."""

    rows: int
    positives: int
    auc: float | None
    standard_error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Measured on one stretch of time; instants in seconds since the epoch."""

    first_s: int
    last_s: int
    overall: Ranking
    by_channel: Mapping[str, Ranking]
    uniform: Ranking
    """On contacts whose action was drawn at random."""
    popularity: Ranking
    """Of the rate of each action and channel, counted on the model's training rows."""
    popularity_uniform: Ranking
    top_rate: float
    """Rate of positive answers in the tenth with the highest scores."""
    popularity_top_rate: float
    calibration: Calibration
    by_decile: tuple[Calibration, ...]
    by_action: Mapping[str, Calibration]
    """Actions with at least 100 positive answers."""

    @property
    def lift(self) -> float:
        """The best tenth's rate over that of popularity's best tenth."""
        return self.top_rate / self.popularity_top_rate if self.popularity_top_rate else math.nan

    def findings(self) -> tuple[str, ...]:
        """A sentence for each figure outside the range that a served model keeps to."""
        named = {"all actions": self.calibration} | {f"`{action}`": found for action, found in self.by_action.items()}
        return tuple(sentence for name, found in named.items() for sentence in _findings(name, found))


def _findings(name: str, found: Calibration) -> Sequence[str]:
    sentences = []
    if found.observed >= ENOUGH_POSITIVES and not RATIO_RANGE[0] <= found.ratio <= RATIO_RANGE[1]:
        sentences.append(f"{name}: {found.observed} positive answers where {found.expected:.0f} were expected")
    if found.slope is not None and not SLOPE_RANGE[0] <= found.slope <= SLOPE_RANGE[1]:
        sentences.append(f"{name}: calibration slope {found.slope:.2f}, outside {SLOPE_RANGE[0]} to {SLOPE_RANGE[1]}")
    return sentences


def assess(
    rows: Outcomes, logit: Floats, popularity: Floats, *, actions: Sequence[str], channels: Sequence[str]
) -> Report:
    """Judge logits of a positive answer, placement and rank included; `actions` and `channels` are the plan's ids."""
    probability = np.clip(sigmoid(logit), 1e-12, 1.0 - 1e-12)
    every = np.ones(len(rows), dtype=bool)
    return Report(
        first_s=int(rows.at_s[0]),
        last_s=int(rows.at_s[-1]),
        overall=_ranking(logit, rows.positive, every),
        by_channel={
            name: _ranking(logit, rows.positive, rows.channel == code)
            for code, name in enumerate(channels)
            if (rows.channel == code).any()
        },
        uniform=_ranking(logit, rows.positive, rows.uniform),
        popularity=_ranking(popularity, rows.positive, every),
        popularity_uniform=_ranking(popularity, rows.positive, rows.uniform),
        top_rate=top_rate(logit, rows.positive, _TOP),
        popularity_top_rate=top_rate(popularity, rows.positive, _TOP),
        calibration=calibration(probability, rows.positive),
        by_decile=by_decile(probability, rows.positive),
        by_action={
            name: calibration(probability[rows.action == code], rows.positive[rows.action == code])
            for code, name in enumerate(actions)
            if rows.positive[rows.action == code].sum() >= ENOUGH_POSITIVES
        },
    )


def _ranking(score: Floats, positive: Flags, chosen: Flags) -> Ranking:
    count, positives = int(chosen.sum()), int(positive[chosen].sum())
    if positives in (0, count):
        return Ranking(rows=count, positives=positives, auc=None, standard_error=None)
    found = auc(score[chosen], positive[chosen])
    error = auc_standard_error(found, positives, count - positives)
    return Ranking(rows=count, positives=positives, auc=found, standard_error=error)
