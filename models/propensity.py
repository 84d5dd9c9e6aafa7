"""The propensity model in service: raw facts in, the probability that showing an action leads to a conversion out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Final

import numpy as np
from librt.vecs import vec
from mypy_extensions import i64

from engine.actions import Tier
from engine.ports import Outlook, ScorerFailed, ScoringContext
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
    FeatureSet,
    PlanView,
    describe_actions,
)
from models.forest import Forest, Masks
from models.history import NEVER, History, count_history
from models.leaves import LeafValues, Ways, leaves_of
from models.rates import maturity
from models.reading import CustomerReader, season
from models.rows import TrainingRows
from models.standing import outlook, standing
from models.uplift.effects import ALL_OFFERS
from models.uplift.serving import BoundEffects

MOST_MISSING: Final = 0.3
"""Of the gain: a customer of whom more is missing that training hardly ever missed is not scored by the trees."""
_WORTH_ASKING: Final = 0.005
"""Of the gain: whether a feature that holds less is missing changes nothing."""
_STEEPEST: Final = 700.0
"""Beyond this logit `exp` overflows; no model comes near it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """How raw scores become propensities, by channel and action of a plan: all arrays are channels x actions.

    logit = m x (Platt's slope x (raw + prior) + intercept + the action's shift) + (1 - m) x (prior + ln standing); the
    trees' raw score is a departure from the prior, and the standing what an action's own answers make of it so far.
    Maturity m = positives / (positives + 20) counts an action's positives on all channels: the trees know the channel,
    and carry over what they learned of the action elsewhere. Where a trial said that an offer adds surely less than it
    seems to, only that share of its conversions counts.
    """

    slope: Floats
    intercept: Floats
    conversion: Floats
    positives: Sequence[Sequence[int]]


class PropensityModel:
    """A verified model, not yet bound to any rules."""

    def __init__(
        self,
        learned: Learned,
        forest: Forest,
        version: str,
        effect_forests: Mapping[str, Forest] | None = None,
        expected: Mapping[str, float] | None = None,
    ) -> None:
        """`effect_forests` are the effect trees by the name of their file, `expected` is the share of the gain of each
        feature that should be there."""
        self.effect_forests = effect_forests or {}
        if forest.feature_count != len(learned.features.names):
            raise ModelRefused("the trees and the manifest disagree about the features")
        if any(each.feature_count != len(learned.features.customer) for each in self.effect_forests.values()):
            raise ModelRefused("the effect trees and the manifest disagree about the features")
        self.learned = learned
        self.forest = forest
        self.version = version
        self.expected = expected or {}

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
        conversion *= np.array([self.learned.share_of(action.id) for action in plan.actions])
        priors = exposure.priors(plan)
        m = np.broadcast_to(maturity(positives.sum(axis=0)), positives.shape)
        slope = m * platt.slope
        shifts = platt.shifts([action.id for action in plan.actions])
        known = priors + np.log(standing(plan, rates))
        intercept = m * (platt.slope * priors + platt.intercept + shifts) + (1.0 - m) * known
        if np.abs(slope).max(initial=0.0) * self.forest.largest_sum + np.abs(intercept).max(initial=0.0) > _STEEPEST:
            raise ModelRefused("the model's scores are out of any range")
        return Blend(slope=slope, intercept=intercept, conversion=conversion, positives=positives.tolist())

    def corrected(self, rows: TrainingRows, plan: PlanView, scores: Floats) -> Floats:
        """Propensities of rows, corrected by effect trees as those of a decision are: see `BoundEffects`."""
        if not self.effect_forests:
            return scores
        customer = rows.matrix[:, : len(self.learned.features.customer)]
        offers = np.array([action.tier == Tier.OFFER for action in plan.actions])
        found: Floats = scores.copy()
        alone = np.zeros(len(scores), dtype=bool)
        for each in self.learned.effects:
            if each.trees is None:
                continue
            effect = self.effect_forests[each.trees].raw_scores(customer)
            if each.action == ALL_OFFERS:
                alone = (effect < 0.0) & offers[rows.outcomes.action]
                continue
            named = np.array([action.id == each.action for action in plan.actions])
            found = np.where(named[rows.outcomes.action], np.maximum(0.0, np.minimum(found, effect)), found)
        return np.where(alone, 0.0, found)

    def logits(self, rows: TrainingRows, plan: PlanView) -> Floats:
        """Logits of a positive answer where and how each row was shown: placement and rank included."""
        blend, shown = self.blend(plan), rows.outcomes
        cells = (shown.channel, shown.action)
        logits: Floats = blend.slope[cells] * self.forest.raw_scores(rows.matrix) + blend.intercept[cells]
        return logits + self.learned.exposure.offsets_of(shown)


class Propensities:
    """A model bound to a plan: the `Scorer` of decisions. Scores are those of a channel's first placement and rank.

    A decision narrows the trees' leaves in rows: the first by what all candidates share (customer, season, past
    contacts in all), one more for every group and every action that the customer has met. What channel and action alone
    decide was narrowed when binding.
    """

    def __init__(self, model: PropensityModel, plan: PlanView) -> None:
        features, forest = model.learned.features, model.forest
        self._version = model.version
        blend = model.blend(plan)
        self._positives = blend.positives
        self._outlook = outlook(plan, model.learned.rates)
        self._slope: list[list[float]] = blend.slope.tolist()
        self._intercept: list[list[float]] = blend.intercept.tolist()
        self._conversion: list[list[float]] = blend.conversion.tolist()
        used = [column for column in forest.used if column < len(features.customer)]
        self._reader = CustomerReader([features.customer[column] for column in used], plan.profile_schema)
        shares = [model.expected.get(features.customer[column].name, 0.0) for column in used]
        worth_asking = [(at, share) for at, share in enumerate(shares) if share >= _WORTH_ASKING]
        self._expected: list[tuple[int, float]] = worth_asking if sum(shares) > MOST_MISSING else []
        season_columns = [features.start(MOMENT) + MOMENT.index(name) for name in SEASON]
        self._shared = Ways(forest, [*used, *season_columns, *_columns(features, PAST)])
        self._group_past = Ways(forest, _columns(features, GROUP_PAST))
        self._action_past = Ways(forest, _columns(features, ACTION_PAST))
        groups = sorted({action.group for action in plan.actions})
        self._group_by_action = [groups.index(action.group) for action in plan.actions]
        self._hash_by_action = [action.hash for action in plan.actions]
        self._group_by_hash = dict(zip(self._hash_by_action, self._group_by_action, strict=True))
        self._trees: i64 = forest.table.shape[1]
        self._blank: vec[i64] = self._blank_leaves(len(plan.actions) + len(groups))
        self._fixed = [leaves_of(masks) for masks in _joined_when_binding(forest, features, plan)]
        self._values = LeafValues(forest)
        self._effects: BoundEffects | None = None
        if model.effect_forests:
            self._effects = BoundEffects(model.learned.effects, model.effect_forests, features.customer, plan)

    @property
    def version(self) -> str:
        """The hash of the model's manifest."""
        return self._version

    def positives(self, channel: int) -> Sequence[int]:
        """Positive answers that training saw on a channel, one count per action of the plan."""
        return self._positives[channel]

    def outlook(self) -> Outlook:
        """See `Scorer.outlook`."""
        return self._outlook

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        """One propensity per candidate, in their order.

        INVARIANT: a candidate's score does not depend on the other candidates.

        Raises:
            ScorerFailed: too much of what the trees ask for is missing.
        """
        if not candidates:
            return []
        profile, channel, now, contacts = context
        now_s = int(now.timestamp())
        history = count_history(contacts, self._group_by_hash, now_s)
        leaves, rows = self._remembered(history, candidates)
        known = self._reader.read(profile)
        if self._expected:
            self._see_enough(known)
        self._shared.narrow(leaves, 0, [*known, *season(now_s), *history.overall])
        sums = self._values.sums(leaves, rows, self._fixed[channel], candidates)
        slope, intercept, conversion = self._slope[channel], self._intercept[channel], self._conversion[channel]
        scores = [
            conversion[action] / (1.0 + exp(-(slope[action] * total + intercept[action])))
            for action, total in zip(candidates, sums, strict=True)
        ]
        effects = self._effects
        return scores if effects is None else effects.applied(profile, candidates, scores)

    def _see_enough(self, known: list[float]) -> None:
        """A source that broke must not score in silence; of somebody unknown nothing was expected."""
        missing = 0.0
        for at, share in self._expected:
            value = known[at]
            if value != value:  # NaN  # noqa: PLR0124
                missing += share
        if missing > MOST_MISSING:
            for value in known:
                if value == value:  # noqa: PLR0124
                    raise ScorerFailed(f"{missing:.0%} of what the trees ask for is missing")

    def _remembered(self, history: History, candidates: Sequence[int]) -> tuple[vec[i64], list[tuple[int, int]]]:
        """Leaves with a row for each group and action that is remembered, and each candidate's two rows of them."""
        by_group, by_action = history.by_group, history.by_action
        row_by_group: dict[int, int] = {}
        row_by_hash: dict[int, int] = {}
        rows: list[tuple[int, int]] = []
        count = _FIRST_REMEMBERED
        for action in candidates:
            group, action_hash = self._group_by_action[action], self._hash_by_action[action]
            group_row, action_row = _GROUP_NEVER_MET, _ACTION_NEVER_MET
            if group in by_group:
                group_row = row_by_group.get(group, 0)
                if not group_row:
                    group_row = row_by_group[group] = count
                    count += 1
            if action_hash in by_action:
                action_row = row_by_hash.get(action_hash, 0)
                if not action_row:
                    action_row = row_by_hash[action_hash] = count
                    count += 1
            rows.append((group_row, action_row))
        leaves = self._blank[: count * self._trees]
        for group, row in row_by_group.items():
            self._group_past.narrow(leaves, row, by_group[group])
        for action_hash, row in row_by_hash.items():
            self._action_past.narrow(leaves, row, by_action[action_hash])
        return leaves, rows

    def _blank_leaves(self, remembered: int) -> vec[i64]:
        """Rows in which every leaf is possible, but for the two of what was never met."""
        blank = vec[i64]([-1] * ((_FIRST_REMEMBERED + remembered) * self._trees))
        self._group_past.narrow(blank, _GROUP_NEVER_MET, NEVER)
        self._action_past.narrow(blank, _ACTION_NEVER_MET, NEVER)
        return blank


_GROUP_NEVER_MET: Final = 1
_ACTION_NEVER_MET: Final = 2
_FIRST_REMEMBERED: Final = 3
"""Rows of a decision's leaves; row 0 is what all candidates share."""


def _columns(features: FeatureSet, block: tuple[str, ...]) -> range:
    return range(features.start(block), features.start(block) + len(block))


def _joined_when_binding(forest: Forest, features: FeatureSet, plan: PlanView) -> Masks:
    """What channel and action alone leave possible: channels x actions x trees."""
    channel_cuts = forest.cuts_of(features.start(MOMENT) + MOMENT.index("channel"))
    action_cuts = [forest.cuts_of(column) for column in _columns(features, ACTION)]
    actions = [
        forest.masks([cuts.row(value) for cuts, value in zip(action_cuts, described, strict=True)])
        for described in describe_actions(features, plan)
    ]
    channels = [forest.table[channel_cuts.row(code)] for code in features.channel_codes(plan)]
    joined: Masks = np.array(channels)[:, None, :] & np.array(actions)[None, :, :]
    return joined
