"""Effects of offers at decision time: propensities in, what the offers themselves bring about out.

A share is multiplied into what a scorer was bound with, so only effect trees are read here, a few microseconds each.
"""

from collections.abc import Mapping, Sequence

from librt.vecs import vec
from mypy_extensions import i64

from engine.actions import Tier
from engine.facts import Held
from models.features import CustomerFeature, PlanView
from models.forest import Forest
from models.leaves import LeafValues, Ways
from models.reading import CustomerReader
from models.uplift.effects import ALL_OFFERS, Effect


class EffectTrees:
    """Trees that read a customer alone."""

    def __init__(self, forest: Forest, features: Sequence[CustomerFeature], plan: PlanView) -> None:
        used = list(forest.used)
        self._reader = CustomerReader([features[column] for column in used], plan.profile_schema)
        self._ways = Ways(forest, used)
        self._values = LeafValues(forest)
        self._blank: vec[i64] = vec[i64]([-1] * int(forest.table.shape[1]))

    def effect(self, profile: Sequence[Held]) -> float:
        """How many conversions the offer adds for a customer; below 0 where it takes some."""
        leaves = self._blank[:]
        self._ways.narrow(leaves, 0, self._reader.read(profile))
        return self._values.sums(leaves, [(0, 0)], self._blank, [0])[0]


class BoundEffects:
    """The effect trees of a model, for the actions of a plan."""

    def __init__(
        self,
        effects: Sequence[Effect],
        forests: Mapping[str, Forest],
        features: Sequence[CustomerFeature],
        plan: PlanView,
    ) -> None:
        position_by_action = {str(action.id): action.position for action in plan.actions}
        self._of_all: EffectTrees | None = None
        self._by_action: dict[int, EffectTrees] = {}
        self._offers = frozenset(action.position for action in plan.actions if action.tier == Tier.OFFER)
        for each in effects:
            if each.trees is None:
                continue
            if each.action == ALL_OFFERS:
                self._of_all = EffectTrees(forests[each.trees], features, plan)
            elif each.action in position_by_action:
                self._by_action[position_by_action[each.action]] = EffectTrees(forests[each.trees], features, plan)

    def applied(self, profile: Sequence[Held], candidates: Sequence[int], scores: Sequence[float]) -> list[float]:
        """Scores of candidates, in their order, corrected to what the offers bring about."""
        of_all = self._of_all
        left_alone = of_all is not None and of_all.effect(profile) < 0.0
        corrected: list[float] = []
        for action, score in zip(candidates, scores, strict=True):
            trees = self._by_action.get(action)
            found = score
            if left_alone and action in self._offers:
                found = 0.0
            elif trees is not None:
                found = max(0.0, min(score, trees.effect(profile)))
            corrected.append(found)
        return corrected
