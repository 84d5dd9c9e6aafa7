"""Judges what an offer brings about: which part of the conversions after it, and whether effect trees rank better.

Everything rests on doubly robust effects of rows, whose mean over any rows is the effect on their customers without
bias, for chance decided who went without. Intervals come from a bootstrap by customer.
Sources: Robins and Rotnitzky 1995 (doubly robust), Radcliffe 2007 (Qini).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Final

import numpy as np

from models.arrays import Codes, Flags, Floats
from models.evaluation.off_policy import Estimate
from models.evaluation.resampling import standard_error, summed_by
from models.lift import FEWEST_CONVERSIONS, FEWEST_CUSTOMERS, LEVEL
from models.report import RATIO_RANGE
from models.uplift.effects import ALL_OFFERS
from models.uplift.trials import Trials

LEAST_CAUSED: Final = RATIO_RANGE[0]
"""Of the conversions after an offer: where it surely causes a smaller part, its propensity promises too much."""
ANYWAY: Final = 0.5
"""Where it surely causes a smaller part, and perhaps none, most customers would have converted without it."""
_DRAWS: Final = 400


class Verdict(StrEnum):
    """What is known of an offer's effect."""

    NOT_ENOUGH_EVIDENCE = "not_enough_evidence"
    ADDS = "adds"
    """It surely adds conversions."""
    ADDS_LESS = "adds_less"
    """So it does, and surely fewer than come after it."""
    ANYWAY = "anyway"
    """Most of the conversions after it surely come without it as well, perhaps all: a sure thing."""
    TAKES = "takes"
    """It surely takes conversions away."""


_CHANGING: Final = (Verdict.ADDS, Verdict.ADDS_LESS, Verdict.TAKES)
"""Of an offer that changes nothing on average, trees would rank by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Customers who share something, and the effect on them."""

    name: str
    customers: int
    effect: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a trial says of one action, or of all offers together."""

    action: str
    rows: int
    customers: int
    shown: int
    converted_shown: int
    converted_withheld: int
    effect: Estimate
    """Conversions that one offer adds."""
    caused: Estimate
    """The part of the conversions after an offer that it adds."""
    promised: float | None
    """The mean propensity; None where the table does not tell one for every row."""
    verdict: Verdict
    share: float | None = None
    """What is kept of the propensity where that surely promises too much: the upper end of `caused`."""
    ranking: Estimate | None = None
    """How much more ranking by effect trees adds a customer than ranking by propensity, over all shares treated; of all
    offers, what leaving those alone adds for whom the trees fall below 0."""
    left_alone: Part | None = None
    """Those customers, in halves that no tree was grown on."""
    parts: tuple[Part, ...] = ()

    @property
    def trees_are_better(self) -> bool:
        """Whether effect trees surely do better on customers whom they were not grown on."""
        return self.ranking is not None and self.ranking.low > 0.0


def effects_of_rows(trials: Trials) -> Floats:
    """For each row an unbiased, noisy figure of the effect on it: the arms' rates, and what departs from them."""
    shown, chance, converted = trials.shown, trials.probability, trials.converted.astype(np.float64)
    with_offer = _rate(converted, shown, 1.0 / chance)
    without = _rate(converted, ~shown, 1.0 / (1.0 - chance))
    departing = np.where(shown, (converted - with_offer) / chance, -(converted - without) / (1.0 - chance))
    found: Floats = with_offer - without + departing
    return found


def _rate(converted: Floats, rows: Flags, weight: Floats) -> float:
    return float((converted * weight)[rows].sum() / max(float(weight[rows].sum()), 1e-300))


def judge(
    trials: Trials, trees: Floats | None, *, level: float, members: Mapping[str, Flags] | None = None, seed: int = 0
) -> Judged:
    """Judge one action. `trees` are effects of rows by trees that were grown on other customers; `level` is that of
    every interval, `members` rows that share something."""
    effects = effects_of_rows(trials)
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    promises = not np.isnan(trials.promised).any()
    effect = _mean(trials.customer, effects, z, seed)
    after_offer = np.where(trials.shown & trials.converted, 1.0 / trials.probability, 0.0)
    caused = _estimate(trials.customer, np.column_stack([effects, after_offer]), z, seed)
    verdict = _verdict(trials, effect, caused)
    ranking, left_alone = None, None
    if trees is not None and trials.action == ALL_OFFERS:
        ranking, left_alone = _left_alone(trials, effects, trees, z, seed)
    elif trees is not None and promises and verdict in _CHANGING:
        ranking = _ranking(trials, effects, trees, z, seed)
    share = None
    if trials.action != ALL_OFFERS and verdict in (Verdict.ADDS_LESS, Verdict.ANYWAY, Verdict.TAKES):
        share = min(1.0, max(0.0, caused.high))
    return Judged(
        action=trials.action,
        rows=len(trials),
        customers=len(np.unique(trials.customer)),
        shown=int(trials.shown.sum()),
        converted_shown=int(trials.converted[trials.shown].sum()),
        converted_withheld=int(trials.converted[~trials.shown].sum()),
        effect=effect,
        caused=caused,
        promised=float(trials.promised.mean()) if promises else None,
        verdict=verdict,
        share=share,
        ranking=ranking,
        left_alone=left_alone,
        parts=tuple(
            _part(name, trials, effects, rows, z, seed) for name, rows in (members or {}).items() if rows.any()
        ),
    )


def level_of_each(count: int) -> float:
    """The level of each of so many intervals with which all of them hold together. Source: Bonferroni."""
    return 1.0 - (1.0 - LEVEL) / max(1, count)


def _verdict(trials: Trials, effect: Estimate, caused: Estimate) -> Verdict:
    arms = [len(np.unique(trials.customer[rows])) for rows in (trials.shown, ~trials.shown)]
    if min(arms) < FEWEST_CUSTOMERS or trials.converted.sum() < FEWEST_CONVERSIONS:
        return Verdict.NOT_ENOUGH_EVIDENCE
    if effect.high < 0.0:
        return Verdict.TAKES
    if effect.low > 0.0:
        return Verdict.ADDS_LESS if caused.high < LEAST_CAUSED else Verdict.ADDS
    return Verdict.ANYWAY if caused.high < ANYWAY else Verdict.NOT_ENOUGH_EVIDENCE


def _mean(customer: Codes, values: Floats, z: float, seed: int) -> Estimate:
    return _estimate(customer, np.column_stack([values, np.ones(len(values))]), z, seed)


def _estimate(customer: Codes, columns: Floats, z: float, seed: int) -> Estimate:
    """The ratio of two columns' sums, with its interval."""
    sums = summed_by(customer, columns)
    total, count = sums.sum(axis=0)
    error = standard_error(sums, _ratio, draws=_DRAWS, seed=seed)
    value = float(total) / float(count) if count else math.nan
    return Estimate(value=value, low=value - z * error, high=value + z * error)


def _ratio(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = sums[:, 0] / sums[:, 1]
    return found


def _part(name: str, trials: Trials, effects: Floats, rows: Flags, z: float, seed: int) -> Part:
    customer = trials.customer[rows]
    return Part(name=name, customers=len(np.unique(customer)), effect=_mean(customer, effects[rows], z, seed))


def _ranking(trials: Trials, effects: Floats, trees: Floats, z: float, seed: int) -> Estimate:
    """The area between two curves: what treating the best so-and-so many adds, over all shares, a row.

    A row is treated at every share beyond its place in the order, so that its part of an area is its effect times the
    shares at which it is treated.
    """
    gained = effects * (_treated(trees) - _treated(trials.promised))
    return _mean(trials.customer, gained, z, seed)


def _treated(preference: Floats) -> Floats:
    """At which part of all shares each row is treated where the highest come first; equal ones share their places."""
    values, place, count = np.unique(-preference, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    middle = last - count / 2.0
    treated: Floats = 1.0 - middle[place] / len(preference)
    return treated if len(values) else np.empty(0)


def _left_alone(
    trials: Trials, effects: Floats, trees: Floats, z: float, seed: int
) -> tuple[Estimate | None, Part | None]:
    """What leaving those alone adds for whom the trees fall below 0; nothing where they fall nowhere."""
    alone = trees < 0.0
    if not alone.any():
        return None, None
    gained = _mean(trials.customer, np.where(alone, -effects, 0.0), z, seed)
    return gained, _part("left alone", trials, effects, alone, z, seed)
