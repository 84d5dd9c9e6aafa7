"""Counts by action and channel: impressions, positive answers, and how often a positive answer becomes a conversion."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from models.arrays import Codes, Flags, Floats
from models.history import DAY_S

EVIDENCE: Final = 20
"""How many positive answers weigh as much as what is known already."""
LAUNCH_DAYS: Final = 91
"""So long after it was shown for the first time an action is in its launch."""

CountByChannel = Mapping[str, int]


def maturity(positives: Codes) -> Floats:
    """How far an action's own evidence counts on a channel, from 0 to 1."""
    return positives / (positives + EVIDENCE)


def maturities(positives: Iterable[Sequence[int]]) -> list[float]:
    """The maturity of each action by its positive answers on all channels, one sequence a channel."""
    return [total / (total + EVIDENCE) for total in map(sum, zip(*positives, strict=True))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What training counted. The mappings go from action (or group) to channel; what never occurred is absent."""

    impressions: Mapping[str, CountByChannel]
    positives: Mapping[str, CountByChannel]
    conversion: Mapping[str, Mapping[str, float]]
    """P(conversion | positive answer) of every action seen, on every channel: smoothed towards the action's rate on
    all channels, and that towards the group's."""
    conversion_by_group: Mapping[str, float]
    conversion_overall: float
    expected: Mapping[str, float] = field(default_factory=dict)
    """Positive answers that every action seen would have had at its group's rates, where and how it was shown."""
    launched: tuple[str, ...] = ()
    """Actions first shown in the last `LAUNCH_DAYS` of what was counted, and at least as long after its beginning."""

    def impressions_of(self, action: str, channel: str) -> int:
        return self.impressions.get(action, {}).get(channel, 0)

    def positives_of(self, action: str, channel: str) -> int:
        return self.positives.get(action, {}).get(channel, 0)

    def maturity_of(self, action: str) -> float:
        """How far an action's own evidence counts, from 0 to 1, by its positive answers on all channels."""
        positives = sum(self.positives.get(action, {}).values())
        return positives / (positives + EVIDENCE)

    def immature(self) -> tuple[str, ...]:
        """The actions seen that are scored mostly by their group: their maturity is below a half."""
        return tuple(action for action in sorted(self.impressions) if self.maturity_of(action) < 0.5)

    def conversion_of(self, action: str, group: str, channel: str) -> float:
        """P(conversion | positive answer); the group's for an action that training has not seen."""
        fallback = self.conversion_by_group.get(group, self.conversion_overall)
        return self.conversion.get(action, {}).get(channel, fallback)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Rows of impressions as codes, and what became of them."""

    actions: Sequence[str]
    channels: Sequence[str]
    group_by_action: Mapping[str, str]
    action: Codes
    channel: Codes
    at_s: Codes
    """When each was shown, in seconds."""
    positive: Flags
    expected: Floats
    """The chance of a positive answer at the rate of the action's group, where and how it was shown."""
    converted: Flags
    settled: Flags
    """Whether the time in which a positive answer may become a conversion has passed."""


def count_rates(answers: Answers) -> Rates:
    """Count rows, and smooth conversions on those that are settled."""
    judged = answers.positive & answers.settled
    impressions = _counted(answers, np.ones(len(answers.action), dtype=bool))
    positives = _counted(answers, answers.positive)
    tried = _counted(answers, judged)
    won = _counted(answers, judged & answers.converted)
    overall = (_total(won) + 1.0) / (_total(tried) + 2.0)
    by_group = {
        group: _smoothed(_total(won, answers, group), _total(tried, answers, group), overall)
        for group in sorted(set(answers.group_by_action.values()))
    }
    conversion: dict[str, dict[str, float]] = {}
    for action in impressions:
        towards = by_group[answers.group_by_action[action]]
        own = _smoothed(sum(won.get(action, {}).values()), sum(tried.get(action, {}).values()), towards)
        conversion[action] = {
            channel: _smoothed(won.get(action, {}).get(channel, 0), tried.get(action, {}).get(channel, 0), own)
            for channel in answers.channels
        }
    return Rates(
        impressions=impressions,
        positives=positives,
        conversion=conversion,
        conversion_by_group=by_group,
        conversion_overall=overall,
        expected=_expected(answers),
        launched=_launched(answers),
    )


def _smoothed(won: float, tried: float, towards: float) -> float:
    return (won + EVIDENCE * towards) / (tried + EVIDENCE)


def _counted(answers: Answers, rows: Flags) -> dict[str, dict[str, int]]:
    cells = answers.action[rows] * len(answers.channels) + answers.channel[rows]
    counted: dict[str, dict[str, int]] = {}
    for cell, count in zip(*np.unique(cells, return_counts=True), strict=True):
        action, channel = divmod(int(cell), len(answers.channels))
        counted.setdefault(answers.actions[action], {})[answers.channels[channel]] = int(count)
    return counted


def _expected(answers: Answers) -> dict[str, float]:
    sums = np.bincount(answers.action, weights=answers.expected, minlength=len(answers.actions))
    return {answers.actions[code]: round(float(sums[code]), 6) for code in np.unique(answers.action).tolist()}


def _launched(answers: Answers) -> tuple[str, ...]:
    if not len(answers.at_s):
        return ()
    lasts_s = LAUNCH_DAYS * DAY_S
    first_s = np.full(len(answers.actions), answers.at_s.min())
    codes, rows = np.unique(answers.action, return_inverse=True)
    found = np.full(len(codes), answers.at_s.max())
    np.minimum.at(found, rows, answers.at_s)
    first_s[codes] = found
    fresh = (first_s > answers.at_s.max() - lasts_s) & (first_s > answers.at_s.min() + lasts_s)
    return tuple(sorted(answers.actions[code] for code in np.flatnonzero(fresh).tolist()))


def _total(counted: Mapping[str, CountByChannel], answers: Answers | None = None, group: str = "") -> int:
    return sum(
        sum(by_channel.values())
        for action, by_channel in counted.items()
        if answers is None or answers.group_by_action[action] == group
    )
