"""Whether customers of whom a trigger fired answer as much more often as its context weight claims.

A model's propensity knows nothing of triggers. Held against the action's other customers, what is answered beside what
was expected tells what the trigger adds. What was shown was chosen by scores and weights, never by its answer.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Final

FEWEST_POSITIVES: Final = 20
"""Answers of those of whom it fired that are expected or came, and of the others."""


class Verdict(StrEnum):
    """What is known of a trigger's push of one action."""

    NOT_ENOUGH_EVIDENCE = "not_enough_evidence"
    BRINGS = "brings"
    """Customers surely answer more often than their propensity says."""
    WITHOUT_EFFECT = "without_effect"
    """That could not be told from chance, and it is surely less than half of what the weight claims."""
    HARMS = "harms"
    """They surely answer less often, and are shown it more often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Impressions, the positive answers that propensities expected of them, and those that came."""

    impressions: int = 0
    expected: float = 0.0
    positive: int = 0

    def plus(self, expected: float, positive: bool) -> "Answered":
        """With one impression more."""
        return Answered(
            impressions=self.impressions + 1,
            expected=self.expected + expected,
            positive=self.positive + positive,
        )

    def less(self, part: "Answered") -> "Answered":
        """Without a part of them."""
        return Answered(
            impressions=self.impressions - part.impressions,
            expected=self.expected - part.expected,
            positive=self.positive - part.positive,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A trigger's push of one action, held against its other customers."""

    fired: Answered
    others: Answered
    ratio: float | None
    """How many times as often as the others they answer, beside what was expected; None without answers of others."""
    low: float
    high: float
    verdict: Verdict


def judge_push(fired: Answered, others: Answered, weight: float, level: float) -> Push:
    """Judge the push of one action by a context weight; a weight below 1 claims that they answer less often."""
    if not others.positive or not fired.expected or not others.expected:
        return Push(
            fired=fired,
            others=others,
            ratio=None,
            low=0.0,
            high=math.inf,
            verdict=Verdict.NOT_ENOUGH_EVIDENCE,
        )
    usual = others.positive / others.expected
    # half an answer more keeps the interval finite where none came
    ratio = fired.positive / fired.expected / usual
    centre = (fired.positive + 0.5) / fired.expected / usual
    spread = math.sqrt(1.0 / (fired.positive + 0.5) + 1.0 / others.positive)
    factor = math.exp(NormalDist().inv_cdf((1.0 + level) / 2.0) * spread)
    low, high = centre / factor, centre * factor
    enough = max(fired.positive, fired.expected * usual) >= FEWEST_POSITIVES and others.positive >= FEWEST_POSITIVES
    return Push(
        fired=fired,
        others=others,
        ratio=ratio,
        low=low,
        high=high,
        verdict=_verdict(low, high, weight) if enough else Verdict.NOT_ENOUGH_EVIDENCE,
    )


def _verdict(low: float, high: float, weight: float) -> Verdict:
    if weight < 1.0:  # it holds back: the same question the other way round
        low, high, weight = 1.0 / high, 1.0 / low, 1.0 / weight
    if high < 1.0:
        return Verdict.HARMS
    if low > 1.0:
        return Verdict.BRINGS
    return Verdict.WITHOUT_EFFECT if high < math.sqrt(weight) else Verdict.NOT_ENOUGH_EVIDENCE
