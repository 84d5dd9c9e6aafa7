"""Experiments: which arm a customer is in, from a keyed hash; the same customer is always in the same arm."""

import hashlib
from collections.abc import Mapping
from typing import Final

from engine.actions import Treatment
from engine.decision import Request
from engine.ids import PlacementId
from engine.plan import Experiment, Plan

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
        and not asked.isdisjoint(experiment.placements)
    }


def admits(treatment: Treatment, arms: Arms) -> bool:
    """Whether a treatment is for this customer; those who are held out count as if they were in any arm."""
    if treatment.arm is None:
        return True
    arm = None if treatment.experiment is None else arms.get(treatment.experiment)
    return arm in (treatment.arm, HOLDOUT)


Fitting = Mapping[PlacementId, Mapping[int, Treatment]]


def withhold(plan: Plan, arms: Arms, fitting: Fitting) -> tuple[Fitting, frozenset[int]]:
    """What may be shown where, without what the customer is held out of; and the actions that this keeps back."""
    held_out = {
        (place, plan.experiments[at].action)
        for at, arm in arms.items()
        if arm == HOLDOUT
        for place in plan.experiments[at].placements
    }
    kept_back = frozenset(action for place, action in held_out if action in fitting.get(place, ()))
    if not kept_back:
        return fitting, kept_back
    offered = {
        place: {action: found for action, found in dressed.items() if (place, action) not in held_out}
        for place, dressed in fitting.items()
    }
    return offered, kept_back
