"""Separates how visible an offer was from how welcome it is: group offsets for placement and rank, outside the trees.

The offsets and the prior of each group and channel are fitted together, so that the prior is the logit at the
channel's first placement and first rank, where offers are scored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import Codes, Flags, Floats
from models.features import PlanView
from models.logistic import fit_logistic, logit_of
from models.rows import Outcomes

LAST_RANK: Final = 3
"""Ranks beyond it share its offset."""
_OFFSET_PENALTY: Final = 4.0
_PRIOR_PENALTY: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What placement and rank add to the logit, and what is known of a group on a channel without any model."""

    offset_by_placement: Mapping[str, float]
    """By `channel.placement`; a channel's first placement has 0."""
    offset_by_rank: tuple[float, ...]
    """By rank from 1, which has 0."""
    prior_by_group: Mapping[str, Mapping[str, float]]
    """Logit of a positive answer by group and channel."""
    prior: float
    """The same for a group or channel that training has not seen."""

    def prior_of(self, group: str, channel: str) -> float:
        """The logit to expect of an action of this group on this channel."""
        return self.prior_by_group.get(group, {}).get(channel, self.prior)

    def priors(self, plan: PlanView) -> Floats:
        """The prior of each channel and action of a plan: channels x actions."""
        return np.array(
            [[self.prior_of(action.group, channel.id) for action in plan.actions] for channel in plan.channels]
        )

    def offsets_of(self, rows: Outcomes) -> Floats:
        """What placement and rank added to each row's logit."""
        by_placement = np.array([self.offset_by_placement.get(name, 0.0) for name in rows.placements])
        by_rank = np.array(self.offset_by_rank)
        offsets: Floats = by_placement[rows.placement] + by_rank[np.clip(rows.rank, 1, LAST_RANK) - 1]
        return offsets


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Rows of impressions as codes: into `groups`, `channels`, `placements` (`channel.placement`); rank from 1."""

    groups: Sequence[str]
    channels: Sequence[str]
    placements: Sequence[str]
    references: frozenset[str]
    """The placements whose offset is 0."""
    group: Codes
    channel: Codes
    placement: Codes
    rank: Codes
    positive: Flags


def fit_exposure(shown: Shown) -> Exposure:
    """Fit priors and offsets together on counts of equal rows."""
    rank = np.clip(shown.rank, 1, LAST_RANK)
    shape = len(shown.groups), len(shown.channels), len(shown.placements), LAST_RANK + 1
    cell = np.ravel_multi_index((shown.group, shown.channel, shown.placement, rank), shape)
    count = np.bincount(cell)
    seen = np.flatnonzero(count)
    cells = np.column_stack(np.unravel_index(seen, shape))
    trials = count[seen].astype(np.float64)
    positives = np.bincount(cell, weights=shown.positive.astype(np.float64))[seen].astype(np.float64)
    prior = logit_of((positives.sum() + 1.0) / (trials.sum() + 2.0))
    pairs = sorted({(int(group), int(channel)) for group, channel, _, _ in cells})
    moved = [at for at, name in enumerate(shown.placements) if name not in shown.references]
    design = np.column_stack(
        [
            *((cells[:, 0] == group) & (cells[:, 1] == channel) for group, channel in pairs),
            *(cells[:, 2] == at for at in moved),
            *(cells[:, 3] == later for later in range(2, LAST_RANK + 1)),
        ]
    ).astype(float)
    offsets = len(moved) + LAST_RANK - 1
    fitted = fit_logistic(
        design,
        positives,
        trials,
        penalty=np.repeat([_PRIOR_PENALTY, _OFFSET_PENALTY], [len(pairs), offsets]),
        centre=np.repeat([prior, 0.0], [len(pairs), offsets]),
    ).tolist()
    prior_by_group: dict[str, dict[str, float]] = {}
    for (group, channel), logit in zip(pairs, fitted, strict=False):
        prior_by_group.setdefault(shown.groups[group], {})[shown.channels[channel]] = logit
    by_placement = {shown.placements[at]: value for at, value in zip(moved, fitted[len(pairs) :], strict=False)}
    return Exposure(
        offset_by_placement=dict.fromkeys(sorted(shown.references), 0.0) | by_placement,
        offset_by_rank=(0.0, *fitted[len(pairs) + len(moved) :]),
        prior_by_group=prior_by_group,
        prior=prior,
    )
