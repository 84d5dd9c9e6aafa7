"""A model beside its baselines on contacts that came after those it was trained on: pooled, by week and by action."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import Codes, Flags, Floats
from models.lift import Counted, wilson
from models.logistic import sigmoid
from models.metrics import auc, auc_standard_error, calibration, log_loss, top_rate
from models.report import ENOUGH_POSITIVES, RATIO_RANGE, SLOPE_RANGE
from models.rows import Outcomes

MODEL: Final = "model"
BASE_RATE: Final = "base rate"
LOGISTIC: Final = "logistic regression"
WEEK_S: Final = 7 * 86_400
_FEWEST_IN_WINDOW: Final = 20
"""Positive answers without which the AUC of a window says nothing."""
_TOP: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to score the same contacts."""

    name: str
    auc: float
    standard_error: float
    within: float
    """Mean AUC inside weeks, weighted by their positives: what is left when timing explains nothing."""
    by_action: float
    """Mean AUC inside actions, weighted likewise: who, not what."""
    log_loss: float
    observed_over_expected: float
    slope: float
    top_rate: float
    """Rate of positive answers in the tenth with the highest scores, over that of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Contacts with about the same score."""

    expected: float
    """Mean probability."""
    counted: Counted

    @property
    def interval(self) -> tuple[float, float]:
        """Of the observed rate."""
        return wilson(self.counted)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekFigures:
    """A week of contacts."""

    first_s: int
    rows: int
    positives: int
    expected: float
    auc: Mapping[str, float]
    """By contender; empty where too few answers came."""

    @property
    def ratio(self) -> float:
        """Observed over expected."""
        return self.positives / self.expected if self.expected else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFigures:
    """An action's contacts."""

    action: str
    rows: int
    positives: int
    expected: float
    auc: float | None
    slope: float | None
    """None below 100 positives."""
    maturity: float
    """From 0 to 1: how far the model's own evidence counts, from the positives that training saw."""

    @property
    def ratio(self) -> float:
        """Observed over expected."""
        return self.positives / self.expected if self.expected else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Everything that was judged on one stretch of time."""

    first_s: int
    last_s: int
    rows: int
    positives: int
    contenders: tuple[Contender, ...]
    """The model first."""
    reliability: tuple[Bin, ...]
    """Tenths of all contacts, lowest scores first."""
    reliability_uniform: tuple[Bin, ...]
    """Of contacts whose action was drawn at random; empty where there are hardly any."""
    weeks: tuple[WeekFigures, ...]
    actions: tuple[ActionFigures, ...]
    gains: Mapping[str, tuple[float, ...]]
    """By contender: the share of positives among the best 5, 10, ... 100 percent."""

    def findings(self) -> tuple[str, ...]:
        """A sentence for each figure outside the range that a served model keeps to."""
        return (*self._against_baselines(), *self._calibration())

    def _against_baselines(self) -> Sequence[str]:
        model, *others = self.contenders
        return [
            f"{other.name} predicts as well as the model: log loss {other.log_loss:.5f} against {model.log_loss:.5f}"
            for other in others
            if other.log_loss <= model.log_loss
        ]

    def _calibration(self) -> Sequence[str]:
        sentences = []
        for each in self.actions:
            if each.positives >= ENOUGH_POSITIVES and not RATIO_RANGE[0] <= each.ratio <= RATIO_RANGE[1]:
                sentences.append(f"`{each.action}`: {each.positives} positive answers, {each.expected:.0f} expected")
            if each.slope is not None and not SLOPE_RANGE[0] <= each.slope <= SLOPE_RANGE[1]:
                sentences.append(f"`{each.action}`: calibration slope {each.slope:.2f}")
        top = self.reliability[-1]
        low, high = top.interval
        if top.counted.converted >= ENOUGH_POSITIVES and not low <= top.expected <= high:
            ratio = top.counted.rate / top.expected
            if not RATIO_RANGE[0] <= ratio <= RATIO_RANGE[1]:
                sentences.append(
                    f"the best tenth: observed / expected {ratio:.2f}, so what is chosen is scored wrongly"
                )
        return sentences


def study(
    shown: Outcomes, logits: Mapping[str, Floats], *, actions: Sequence[str], maturity: Mapping[str, float]
) -> Study:
    """Judge contenders, the model first, by their logits of a positive answer where and how each contact was shown."""
    model = next(iter(logits.values()))
    probability = _probability(model)
    week = (shown.at_s - shown.at_s[0]) // WEEK_S
    return Study(
        first_s=int(shown.at_s[0]),
        last_s=int(shown.at_s[-1]),
        rows=len(shown),
        positives=int(shown.positive.sum()),
        contenders=tuple(_contender(name, logit, shown) for name, logit in logits.items()),
        reliability=_bins(probability, shown.positive),
        reliability_uniform=_bins(probability[shown.uniform], shown.positive[shown.uniform])
        if shown.positive[shown.uniform].sum() >= ENOUGH_POSITIVES
        else (),
        weeks=tuple(_week(shown, probability, logits, week == number) for number in np.unique(week).tolist()),
        actions=tuple(
            _action(name, shown, probability, shown.action == code, maturity.get(name, 0.0))
            for code, name in enumerate(actions)
            if (shown.action == code).any()
        ),
        gains={name: _gains(logit, shown.positive) for name, logit in logits.items()},
    )


def _probability(logit: Floats) -> Floats:
    probability: Floats = np.clip(sigmoid(logit), 1e-12, 1.0 - 1e-12)
    return probability


def _contender(name: str, logit: Floats, shown: Outcomes) -> Contender:
    positives = int(shown.positive.sum())
    found = auc(logit, shown.positive)
    judged = calibration(_probability(logit), shown.positive)
    return Contender(
        name=name,
        auc=found,
        standard_error=auc_standard_error(found, positives, len(shown) - positives),
        within=mean_auc(logit, shown.positive, (shown.at_s - shown.at_s[0]) // WEEK_S),
        by_action=mean_auc(logit, shown.positive, shown.action),
        log_loss=log_loss(logit, shown.positive),
        observed_over_expected=judged.ratio,
        slope=math.nan if judged.slope is None else judged.slope,
        top_rate=top_rate(logit, shown.positive, _TOP) / max(float(shown.positive.mean()), 1e-300),
    )


def mean_auc(logit: Floats, positive: Flags, part: Codes) -> float:
    """Mean AUC inside parts, weighted by positives; parts with too few of them are left out, NaN without any."""
    found = [
        (auc(logit[rows], positive[rows]), int(positive[rows].sum()))
        for each in np.unique(part).tolist()
        for rows in [part == each]
        if positive[rows].sum() >= _FEWEST_IN_WINDOW and not positive[rows].all()
    ]
    weight = sum(positives for _, positives in found)
    return sum(value * positives for value, positives in found) / weight if weight else math.nan


def _bins(probability: Floats, positive: Flags) -> tuple[Bin, ...]:
    order = np.argsort(probability, kind="stable")
    return tuple(
        Bin(
            expected=float(probability[part].mean()),
            counted=Counted(customers=len(part), converted=int(positive[part].sum())),
        )
        for part in np.array_split(order, 10)
        if len(part)
    )


def _week(shown: Outcomes, probability: Floats, logits: Mapping[str, Floats], rows: Flags) -> WeekFigures:
    positives = int(shown.positive[rows].sum())
    told = _FEWEST_IN_WINDOW <= positives < int(rows.sum())
    return WeekFigures(
        first_s=int(shown.at_s[rows][0]),
        rows=int(rows.sum()),
        positives=positives,
        expected=float(probability[rows].sum()),
        auc={name: auc(logit[rows], shown.positive[rows]) for name, logit in logits.items()} if told else {},
    )


def _action(name: str, shown: Outcomes, probability: Floats, rows: Flags, maturity: float) -> ActionFigures:
    positives = int(shown.positive[rows].sum())
    judged = calibration(probability[rows], shown.positive[rows]) if positives >= ENOUGH_POSITIVES else None
    return ActionFigures(
        action=name,
        rows=int(rows.sum()),
        positives=positives,
        expected=float(probability[rows].sum()),
        auc=auc(probability[rows], shown.positive[rows]) if _FEWEST_IN_WINDOW <= positives < rows.sum() else None,
        slope=None if judged is None else judged.slope,
        maturity=maturity,
    )


def _gains(logit: Floats, positive: Flags) -> tuple[float, ...]:
    found = np.cumsum(positive[np.argsort(-logit, kind="stable")]) / max(1, int(positive.sum()))
    places = np.ceil(np.arange(1, 21) / 20 * len(positive)).astype(int) - 1
    return tuple(float(found[place]) for place in places)
