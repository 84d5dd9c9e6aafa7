"""The propensity model in service: raw facts in, the probability that showing an action leads to a conversion out."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp
from typing import Final

import numpy as np

from engine.ports import ScoringContext
from models.arrays import Floats
from models.artefact import Learned
from models.errors import ModelRefused
from models.features import (
    ACTION,
    ACTION_PAST,
    GROUP_PAST,
    MOMENT,
    PAST,
    SEASON,
    CustomerReader,
    FeatureSet,
    PlanView,
    describe_actions,
    season,
)
from models.forest import Forest, Masks
from models.history import NEVER, TALLIED, History, count_history
from models.rates import maturity
from models.rows import TrainingRows

_STEEPEST: Final = 700.0
"""Beyond this logit `exp` overflows; no model comes near it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """How raw scores become propensities, by channel and action of a plan: all arrays are channels x actions.

    logit = m x (Platt's slope x (raw + prior) + intercept) + (1 - m) x prior, with maturity m = positives /
    (positives + 20); the trees' raw score is a departure from the prior.
    """

    slope: Floats
    intercept: Floats
    conversion: Floats
    positives: Sequence[Sequence[int]]


class PropensityModel:
    """A verified model, not yet bound to any rules."""

    def __init__(self, learned: Learned, forest: Forest, version: str) -> None:
        if forest.feature_count != len(learned.features.names):
            raise ModelRefused("the trees and the manifest disagree about the features")
        self.learned = learned
        self.forest = forest
        self.version = version

    def bind(self, plan: PlanView) -> "Propensities":
        """A scorer for the actions and profiles of one plan.

        An action that training has not seen is scored by its group's prior on the channel.

        Raises:
            ModelRefused: the trees read a column that the plan's catalogue declares otherwise, or not at all.
        """
        return Propensities(self, plan)

    def blend(self, plan: PlanView) -> Blend:
        """What turns raw scores into propensities for the actions of a plan."""
        rates, exposure, platt = self.learned.rates, self.learned.exposure, self.learned.platt
        positives = np.array(
            [[rates.positives_of(action.id, channel.id) for action in plan.actions] for channel in plan.channels]
        )
        conversion = np.array(
            [
                [
                    rates.conversion_of(action.id, action.group, channel.id) if action.gives else 1.0
                    for action in plan.actions
                ]
                for channel in plan.channels
            ]
        )
        priors = exposure.priors(plan)
        m = maturity(positives)
        slope = m * platt.slope
        intercept = m * (platt.slope * priors + platt.intercept) + (1.0 - m) * priors
        if np.abs(slope).max(initial=0.0) * self.forest.largest_sum + np.abs(intercept).max(initial=0.0) > _STEEPEST:
            raise ModelRefused("the model's scores are out of any range")
        return Blend(slope=slope, intercept=intercept, conversion=conversion, positives=positives.tolist())

    def logits(self, rows: TrainingRows, plan: PlanView) -> Floats:
        """Logits of a positive answer where and how each row was shown: placement and rank included."""
        blend, shown = self.blend(plan), rows.outcomes
        cells = (shown.channel, shown.action)
        logits: Floats = blend.slope[cells] * self.forest.raw_scores(rows.matrix) + blend.intercept[cells]
        return logits + self.learned.exposure.offsets_of(shown)


class Propensities:
    """A model bound to a plan: the `Scorer` of decisions. Scores are those of a channel's first placement and rank.

    A decision looks each of its values up in the forest's table once. What all candidates share (customer, season, past
    contacts in all) is joined once, what a group or an action remembers once for it, and what depends on channel and
    action alone was joined when binding.

    20 candidates, 20 past contacts, 100 x 15 trees, one core: 61 us from raw facts to propensities (p50; 35 us without
    past contacts). Filling a matrix takes 25 us, and LightGBM 45 us more to score it (61 us through `Booster.predict`).
    """

    def __init__(self, model: PropensityModel, plan: PlanView) -> None:
        features, forest = model.learned.features, model.forest
        self._version = model.version
        self._forest = forest
        self._blend = model.blend(plan)
        used = [column for column in forest.used if column < len(features.customer)]
        self._reader = CustomerReader([features.customer[column] for column in used], plan.profile_schema)
        season_columns = [features.start(MOMENT) + MOMENT.index(name) for name in SEASON]
        self._shared = _ways(forest, [*used, *season_columns, *_columns(features, PAST)])
        self._group_past = _ways(forest, _columns(features, GROUP_PAST))
        self._action_past = _ways(forest, _columns(features, ACTION_PAST))
        self._no_past = [*_rows(self._group_past, NEVER), *_rows(self._action_past, NEVER)]
        groups = sorted({action.group for action in plan.actions})
        self._group_by_action = [groups.index(action.group) for action in plan.actions]
        self._hash_by_action = [action.hash for action in plan.actions]
        self._group_by_hash = dict(zip(self._hash_by_action, self._group_by_action, strict=True))
        self._fixed = self._joined_when_binding(features, plan)
        self._fixed_without_past = self._fixed & forest.masks(self._no_past)

    @property
    def version(self) -> str:
        """The hash of the model's manifest."""
        return self._version

    def positives(self, channel: int) -> Sequence[int]:
        """Positive answers that training saw on a channel, one count per action of the plan."""
        return self._blend.positives[channel]

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        """One propensity per candidate, in their order.

        INVARIANT: a candidate's score does not depend on the other candidates.
        """
        if not candidates:
            return []
        profile, channel, now, contacts = context
        now_s = int(now.timestamp())
        history = count_history(contacts, self._group_by_hash, now_s)
        values = self._reader.read(profile)
        values += season(now_s)
        values += history.overall
        chosen = np.array(candidates)
        if history.by_action:
            masks = self._fixed[channel].take(chosen, axis=0)
            self._join_past(masks, history, candidates)
        else:
            masks = self._fixed_without_past[channel].take(chosen, axis=0)
        masks &= self._forest.masks(_rows(self._shared, values))
        blend = self._blend
        logits = blend.slope[channel].take(chosen) * self._forest.sums(masks) + blend.intercept[channel].take(chosen)
        conversions = blend.conversion[channel].take(chosen)
        return [
            conversion / (1.0 + exp(-logit))
            for conversion, logit in zip(conversions.tolist(), logits.tolist(), strict=True)
        ]

    def _join_past(self, masks: Masks, history: History, candidates: Sequence[int]) -> None:
        """Join what each candidate's group and the candidate itself remember into its row."""
        groups = [self._group_by_action[action] for action in candidates]
        hashes = [self._hash_by_action[action] for action in candidates]
        rows = [*self._no_past]
        place_by_group, place_by_hash = {}, {}
        for group in history.by_group.keys() & groups:
            place_by_group[group] = len(rows) // len(TALLIED)
            rows += _rows(self._group_past, history.by_group[group])
        for action in history.by_action.keys() & hashes:
            place_by_hash[action] = len(rows) // len(TALLIED)
            rows += _rows(self._action_past, history.by_action[action])
        parts = self._forest.table.take(rows, axis=0).reshape(-1, len(TALLIED), masks.shape[1])
        joined = np.bitwise_and.reduce(parts, axis=1)
        masks &= joined.take([place_by_group.get(group, 0) for group in groups], axis=0)
        masks &= joined.take([place_by_hash.get(action, 1) for action in hashes], axis=0)

    def _joined_when_binding(self, features: FeatureSet, plan: PlanView) -> Masks:
        """What channel and action alone leave possible: channels x actions x trees."""
        forest = self._forest
        channel_cuts = forest.cuts_of(features.start(MOMENT) + MOMENT.index("channel"))
        action_ways = _ways(forest, _columns(features, ACTION))
        actions = [forest.masks(_rows(action_ways, described)) for described in describe_actions(features, plan)]
        channels = [forest.table[channel_cuts.row(code)] for code in features.channel_codes(plan)]
        joined: Masks = np.array(channels)[:, None, :] & np.array(actions)[None, :, :]
        return joined


_Way = tuple[tuple[float, ...], int]
"""A feature's way into the forest's table: its cuts and the row of the missing value."""


def _columns(features: FeatureSet, block: tuple[str, ...]) -> range:
    return range(features.start(block), features.start(block) + len(block))


def _ways(forest: Forest, columns: Iterable[int]) -> tuple[_Way, ...]:
    return tuple((cuts.cuts, cuts.first) for cuts in map(forest.cuts_of, columns))


def _rows(ways: Sequence[_Way], values: Sequence[float]) -> list[int]:
    """The rows of the forest's table for values, one each."""
    return [first + bisect_left(cuts, value) for (cuts, first), value in zip(ways, values, strict=True)]
