"""Experiments: which arm a customer is in, from a keyed hash; the same customer is always in the same arm."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from engine.actions import Tier, Treatment
from engine.decision import Request
from engine.ids import PlacementId
from engine.plan import ArbitrationArm, Experiment, Plan, Subject

HOLDOUT: Final = "holdout"
"""The arm that is ranked like everybody and then shown nothing of the action."""
_SALT: Final = b"arms"
"""Arms are drawn apart from exploration: knowing one tells nothing of the other."""

Arms = Mapping[int, str]
"""By position of the experiment the arm of the customer."""
NO_ARMS: Final[Arms] = {}


def arm_of(experiment: Experiment, customer: str, key: bytes) -> str:
    """The arm of a customer; shares are exact to 2 ** -32, and no two experiments split customers alike."""
    message = f"{experiment.id}|{customer}".encode()
    drawn = int.from_bytes(hashlib.blake2b(message, digest_size=4, key=key, person=_SALT).digest(), "big")
    return next(arm for arm, end in experiment.arms if drawn < end)


def assign(plan: Plan, request: Request, today: int, key: bytes) -> Arms:
    """The customer's arm in every experiment that runs today at a placement asked for."""
    running = plan.experiments_by_channel[request.channel.position]
    if not running:
        return NO_ARMS
    asked = {each.placement.id for each in request.placements}
    return {
        at: arm_of(experiment, request.customer, key)
        for at in running
        if (experiment := plan.experiments[at]).head.validity.covers(today)
        and (experiment.subject is not Subject.TREATMENTS or not asked.isdisjoint(experiment.placements))
    }


def arbitration_arm(plan: Plan, arms: Arms) -> ArbitrationArm:
    """How offers are chosen among for this customer."""
    for at, arm in arms.items():
        if plan.experiments[at].subject is Subject.ARBITRATION:
            return ArbitrationArm(arm)
    return ArbitrationArm.AS_IS


def admits(treatment: Treatment, arms: Arms) -> bool:
    """Whether a treatment is for this customer; those who are held out count as if they were in any arm."""
    if treatment.arm is None:
        return True
    arm = None if treatment.experiment is None else arms.get(treatment.experiment)
    return arm in (treatment.arm, HOLDOUT)


Fitting = Mapping[PlacementId, Mapping[int, Treatment]]


def withhold(plan: Plan, arms: Arms, fitting: Fitting) -> tuple[Fitting, frozenset[int]]:
    """What may be shown where, without what the customer is held out of; and the actions that this keeps back."""
    places: dict[int, set[PlacementId]] = {}
    every_offer = False
    for at, arm in arms.items():
        experiment = plan.experiments[at]
        if arm != HOLDOUT:
            continue
        if experiment.action is not None:
            places.setdefault(experiment.action, set()).update(experiment.placements)
        every_offer = every_offer or experiment.subject is Subject.ALL_OFFERS
    if not places and not every_offer:
        return fitting, _NOBODY
    kept_back: set[int] = set()
    offered: dict[PlacementId, dict[int, Treatment]] = {}
    for place, dressed in fitting.items():
        shown = offered[place] = {}
        for action, treatment in dressed.items():
            if (every_offer and plan.tiers[action] == _OFFER) or place in places.get(action, ()):
                kept_back.add(action)
            else:
                shown[action] = treatment
    return offered, frozenset(kept_back)


def as_is(plan: Plan) -> Plan:
    """The plan with every offer shown and chosen as the engine chooses, and without chance: for tests of rules."""
    told = tuple(
        tuple(at for at in running if plan.experiments[at].subject is Subject.TREATMENTS)
        for running in plan.experiments_by_channel
    )
    return replace(plan, exploration_bound=0.0, experiments_by_channel=told)


_NOBODY: Final[frozenset[int]] = frozenset()
_OFFER: Final = int(Tier.OFFER)
