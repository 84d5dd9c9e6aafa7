"""Scores without a model: how often offers were welcome on a channel, and a constant where nothing was counted."""

from collections.abc import Sequence
from math import exp
from typing import Final

from engine.ports import Outlook, ScoringContext
from models.artefact import Learned
from models.features import PlanView
from models.rates import EVIDENCE
from models.standing import outlook

CONSTANT: Final = 0.01
"""The propensity of everything where nothing is known; actions then rank by value and context."""


class Baseline:
    """A `Scorer` that reads no facts. It serves where the model is absent or broken."""

    def __init__(self, plan: PlanView, learned: Learned | None = None, version: str = "") -> None:
        """`learned` is part of a model whose trees need not be readable, `version` its version."""
        self.version = f"baseline:{version[:12]}" if learned else "baseline"
        channels, actions = range(len(plan.channels)), range(len(plan.actions))
        self._scores = [
            [_base_rate(plan, learned, channel, action) if learned else CONSTANT for action in actions]
            for channel in channels
        ]
        self._positives = [
            [
                learned.rates.positives_of(plan.actions[action].id, plan.channels[channel].id) if learned else 0
                for action in actions
            ]
            for channel in channels
        ]
        self._outlook = outlook(plan, learned.rates) if learned else Outlook([1.0] * len(plan.actions))

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        """The base rate of each candidate on the context's channel."""
        scores = self._scores[context.channel]
        return [scores[action] for action in candidates]

    def positives(self, channel: int) -> Sequence[int]:
        """Positive answers that training saw on a channel, one count per action of the plan."""
        return self._positives[channel]

    def outlook(self) -> Outlook:
        """See `Scorer.outlook`."""
        return self._outlook


def positive_rate(learned: Learned, action: str, group: str, channel: str) -> float:
    """An action's rate of positive answers on a channel, smoothed towards its group's there."""
    expected = 1.0 / (1.0 + exp(-learned.exposure.prior_of(group, channel)))
    positives, impressions = (
        learned.rates.positives_of(action, channel),
        learned.rates.impressions_of(action, channel),
    )
    weight = EVIDENCE / expected
    return (positives + weight * expected) / (impressions + weight)


def _base_rate(plan: PlanView, learned: Learned, channel: int, action: int) -> float:
    offered, channel_id = plan.actions[action], plan.channels[channel].id
    rate = positive_rate(learned, offered.id, offered.group, channel_id) * learned.share_of(offered.id)
    if offered.gives is None:
        return rate
    return rate * learned.rates.conversion_of(offered.id, offered.group, channel_id)
