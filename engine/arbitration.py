"""Priority = propensity x value x context weight x lever, and a total, stable order."""

from collections.abc import Sequence
from typing import Final

from engine.actions import Tier
from engine.decision import Candidate, Request
from engine.plan import ArbitrationArm, Plan
from engine.reasons import Reason

_LEAST_LEVER, _MOST_LEVER = 0.5, 2.0


def pull_levers(plan: Plan, request: Request, today: int, candidates: Sequence[Candidate]) -> None:
    """Set each candidate's lever: 1 + the sum of the percentages that apply, clamped to 0.5..2."""
    levers_by_action = plan.levers_by_action[request.channel.position]
    for candidate in candidates:
        pulled = levers_by_action[candidate.action]
        candidate.lever = 1.0
        if pulled:
            percent = sum(plan.levers[at].percent for at in pulled if plan.levers[at].head.validity.covers(today))
            candidate.lever = min(max(1.0 + percent / 100.0, _LEAST_LEVER), _MOST_LEVER)


def release_levers(candidates: Sequence[Candidate]) -> None:
    """Let every offer go as if no lever were pulled."""
    for candidate in candidates:
        if candidate.tier == _OFFER:
            candidate.lever = 1.0


def rank(
    plan: Plan, request: Request, candidates: Sequence[Candidate], codes: bytearray, arm: ArbitrationArm
) -> list[Candidate]:
    """Candidates that are worth the contact, best first: tier, then priority, then action id.

    Worth it: propensity x value - marginal contact cost > 0. The cost is marginal: nothing when the customer came to
    us, the channel's cost when we contact them; it is never part of the priority. An arm of an experiment may leave the
    propensity of offers out of their priority, or not ask what they are worth.
    """
    cost = request.channel.cost_minor if request.bank_initiated else 0
    actions, tiers, worth = plan.actions, plan.worth_it_tiers, []
    blind = arm is ArbitrationArm.NO_PROPENSITY
    if arm is ArbitrationArm.ENGAGEMENT_ONLY:
        tiers = tiers - {_OFFER}
    for candidate in candidates:
        expected = candidate.propensity * candidate.value
        candidate.priority = expected * candidate.weight * candidate.lever
        tier, position = candidate.tier, candidate.action
        if blind and tier == _OFFER:
            candidate.priority = candidate.value * candidate.weight * candidate.lever
        if tier in tiers and not expected - cost > 0:
            codes[position] = Reason.NOT_WORTH_CONTACT
        else:
            worth.append((tier, -candidate.priority, actions[position].id, candidate))
    worth.sort()  # ids are unique, so candidates themselves are never compared
    return [candidate for _, _, _, candidate in worth]


_OFFER: Final = int(Tier.OFFER)
