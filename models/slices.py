"""Cuts a history into the slices that a model is grown, stopped, calibrated and tested on, in order of time.

Between two slices lies a gap as long as an answer may take, so that nothing that one slice learns was still unknown
when the next began.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from models.arrays import Codes, Flags, Floats
from models.errors import TrainingRefused
from models.rows import Outcomes

FEWEST_POSITIVES: Final = 20
"""In each slice."""
LONGEST_SHARE: Final = 0.25
"""Of all impressions: what a slice may grow to, where positive answers are few."""


class Slice(IntEnum):
    """The parts of a history, oldest first."""

    TRAIN = 0
    STOP = 1
    CALIBRATE = 2
    TEST = 3


_SHARES: Final = {Slice.STOP: (0.04, 20_000), Slice.CALIBRATE: (0.08, 50_000), Slice.TEST: (0.08, 60_000)}
"""Of the impressions, and at most so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """When each slice begins and ends, the end excluded; instants in seconds."""

    spans: tuple[tuple[int, int], ...]

    def of(self, part: Slice, at_s: Codes) -> Flags:
        """Which instants lie in a slice."""
        first, end = self.spans[part]
        inside: Flags = (at_s >= first) & (at_s < end)
        return inside

    def before_test(self, at_s: Codes) -> Flags:
        """Which instants lie before the test slice, the gaps between the others included."""
        before: Flags = at_s < self.spans[Slice.CALIBRATE][1]
        return before


def slice_by_time(outcomes: Outcomes, gap_s: int) -> Slices:
    """Lay the slices over a history.

    Raises:
        TrainingRefused: a slice has too few positive answers.
    """
    spans: list[tuple[int, int]] = []
    end_s = int(outcomes.at_s[-1]) + 1
    for part in (Slice.TEST, Slice.CALIBRATE, Slice.STOP):
        share, most = _SHARES[part]
        end = int(np.searchsorted(outcomes.at_s, end_s))
        rows = max(1, min(round(share * len(outcomes)), most))
        first = max(0, min(end - rows, _first_with_enough(outcomes, end)))
        spans.append((int(outcomes.at_s[first]), end_s))
        end_s = int(outcomes.at_s[first]) - gap_s
    spans.append((int(outcomes.at_s[0]), end_s))
    slices = Slices(spans=tuple(reversed(spans)))
    for part in Slice:
        inside = slices.of(part, outcomes.at_s)
        found = int(outcomes.positive[inside].sum())
        if found < FEWEST_POSITIVES:
            raise TrainingRefused(
                f"the {part.name.lower()} slice has {found} positive answers in {int(inside.sum()):,} contacts, "
                f"it needs at least {FEWEST_POSITIVES}: a longer history is needed"
            )
    return slices


def _first_with_enough(outcomes: Outcomes, end: int) -> int:
    """Where a slice up to `end` must begin to hold enough positive answers, within a share of all impressions."""
    positive = np.flatnonzero(outcomes.positive[:end])
    longest = end - round(LONGEST_SHARE * len(outcomes))
    if len(positive) < FEWEST_POSITIVES:
        return longest
    return max(longest, int(positive[-FEWEST_POSITIVES]))


def thin(outcomes: Outcomes, slices: Slices, most_rows: int, seed: int) -> Floats:
    """How many impressions each one stands for; 0 leaves it out.

    Of the train slice every positive answer is kept, and as many of the others, drawn at random, as make `most_rows`;
    each of these stands for those that were left out, so that rates stay as they were. What comes later is whole, the
    gaps between slices included.
    """
    weight = np.ones(len(outcomes))
    trained = slices.of(Slice.TRAIN, outcomes.at_s)
    weight[trained & outcomes.positive] = 1.0
    others = np.flatnonzero(trained & ~outcomes.positive)
    kept = min(len(others), max(1, most_rows - int((trained & outcomes.positive).sum())))
    weight[others] = 0.0
    drawn = np.random.default_rng(seed).choice(others, kept, replace=False, shuffle=False)
    weight[drawn] = len(others) / kept
    return weight
