"""The arms of experiments, and the treatments that fit at a placement."""

import hashlib
from fractions import Fraction
from functools import cached_property

from tests.reference.asked import Asked
from tests.reference.conditions import (
    block,
    listed,
)
from tests.reference.facts import tree_of
from tests.reference.natural import Tree


class Dressed(Asked):
    """Adds which arm a customer is in, and how an action would show."""

    @cached_property
    def arms(self) -> dict[str, str]:
        """The customer's arm in each experiment that runs today at a placement asked for."""
        found = {}
        for each in listed(self._document("policy/experiments.yaml").get("experiments")):
            experiment = tree_of(each)
            everywhere = experiment["of"] in ("all_offers", "arbitration")
            covered = any(self._covers(experiment, place) for place, _ in self.question.placements)
            if self.valid(experiment) and (everywhere or covered):
                found[str(experiment["experiment"])] = self._arm(experiment)
        return found

    def _covers(self, experiment: dict[str, Tree], place: str) -> bool:
        channel, _, where = str(experiment["of"]).partition("@")[2].partition(".")
        return channel == self.question.channel and where in ("*", place)

    def _arm(self, experiment: dict[str, Tree]) -> str:
        """32 bits of a keyed hash say where among the arms, laid end to end, a customer falls."""
        message = f"{experiment['experiment']}|{self.question.customer}".encode()
        drawn = int.from_bytes(hashlib.blake2b(message, digest_size=4, key=self.key, person=b"arms").digest(), "big")
        end = Fraction(0)
        for arm, share in tree_of(experiment["arms"]).items():
            end += Fraction(str(share).removesuffix("%")) / 100
            if drawn < int(end * 2**32):
                return arm
        raise AssertionError("the shares are 100% together")

    def _arm_at(self, action: str, place: str) -> str | None:
        """The customer's arm where an action would show; None where no experiment runs."""
        for each in listed(self._document("policy/experiments.yaml").get("experiments")):
            experiment = tree_of(each)
            of = str(experiment["of"]).partition("@")[0]
            if of == action and self._covers(experiment, place) and self.valid(experiment):
                return self._arm(experiment)
        return None

    def _arm_everywhere(self, subject: str) -> str | None:
        """The customer's arm in the experiment on all offers, or on arbitration."""
        for each in listed(self._document("policy/experiments.yaml").get("experiments")):
            if tree_of(each)["of"] == subject and self.valid(tree_of(each)):
                return self._arm(tree_of(each))
        return None

    def _way(self, action: str) -> str:
        """How an action is chosen among others: experiments concern offers alone."""
        return (self._tier(action) == "offer" and self._arm_everywhere("arbitration")) or "as_is"

    def _kept_back(self, action: str, place: str) -> bool:
        """Whether an experiment keeps the customer from seeing an action."""
        every_offer = self._tier(action) == "offer" and self._arm_everywhere("all_offers") == "holdout"
        return every_offer or self._arm_at(action, place) == "holdout"

    def _held_out(self, action: str, place: str) -> bool:
        """Whether an action that could show is kept back."""
        return self._kept_back(action, place) and self.treatment(action, place) is not None

    # --- treatments --------------------------------------------------------------------------------------------------

    def treatment(self, action: str, place: str) -> str | None:
        """The id of the first treatment in file order that fits at a placement."""
        accepts = tree_of(self.channel, "placements", place).get("accepts")
        if accepts is not None and self._group(action) not in listed(tree_of(accepts).get("groups")):
            return None
        for key, written in tree_of(self.actions[action], "treatments").items():
            channel, _, where = key.partition(".")
            if channel != self.question.channel or where not in ("*", place):
                continue
            variants = written if isinstance(written, list) else [written]
            for number, variant in enumerate(variants, start=1):
                if self._fits(tree_of(variant), action, place):
                    suffix = f"/{tree_of(variant).get('id', number)}" if len(variants) > 1 else ""
                    return f"{action}/{key}{suffix}"
        return None

    def _fits(self, variant: dict[str, Tree], action: str, place: str) -> bool:
        scene = self.scene(placement=place)
        return (
            self.valid(variant)
            and self.valid(self.actions[action])
            and variant.get("locale", self.question.locale) == self.question.locale
            and ("arm" not in variant or self._arm_at(action, place) in (variant["arm"], "holdout"))
            and ("when" not in variant or block(variant["when"], scene).truth is True)
            and all(scene.facts.value(name) is not None for name in placeholders(variant))
        )


def placeholders(tree: Tree) -> list[str]:
    """The facts in braces in a treatment's texts."""
    if isinstance(tree, dict):
        return [name for key, each in tree.items() if key not in ("when", "id", "arm") for name in placeholders(each)]
    if isinstance(tree, list):
        return [name for each in tree for name in placeholders(each)]
    return [part.partition("}")[0] for part in str(tree).split("{")[1:]]
