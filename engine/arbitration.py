"""Priority = propensity x value x context weight x lever, and a total, stable order."""

from collections.abc import Sequence
from typing import Final

from engine.actions import Tier
from engine.decision import Candidate, Request
from engine.generated import Row
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


def prioritise_by_formula(plan: Plan, row: Row, candidates: Sequence[Candidate], arm: ArbitrationArm) -> None:
    """Set each candidate's priority by the bank's own formula."""
    minor = 10.0**plan.minor_digits
    for candidate in candidates:
        blind = arm is ArbitrationArm.NO_PROPENSITY and candidate.tier == _OFFER
        propensity = 1.0 if blind else candidate.propensity
        value = candidate.value / minor
        found = plan.generated.priority(row, propensity, value, candidate.weight, candidate.lever)
        candidate.priority = found * minor


def highest(plan: Plan, row: Row, candidates: Sequence[Candidate]) -> list[float]:
    """For each candidate the priority that it would have if everybody took it."""
    if plan.ranking is None:
        return [each.value * each.weight * each.lever for each in candidates]
    minor = 10.0**plan.minor_digits
    return [plan.generated.priority(row, 1.0, each.value / minor, each.weight, each.lever) for each in candidates]


def rank(
    plan: Plan,
    request: Request,
    row: Row,
    candidates: Sequence[Candidate],
    codes: bytearray,
    arm: ArbitrationArm,
    *,
    profiling: bool,
) -> list[Candidate]:
    """Candidates that are worth the contact, best first: tier, then priority, then action id.

    Worth it: propensity x value - marginal contact cost > 0. The cost is marginal: nothing when the customer came to
    us, the channel's cost when we contact them; it is never part of the priority. A bank's own formula for priorities
    reads facts, so it is off where the customer objected to profiling. An arm of an experiment may leave the
    propensity of offers out of their priority, or not ask what they are worth.
    """
    cost = request.channel.cost_minor if request.bank_initiated else 0
    actions, tiers, worth = plan.actions, plan.worth_it_tiers, []
    blind = arm is ArbitrationArm.NO_PROPENSITY
    by_formula = plan.ranking is not None and profiling
    if by_formula:
        prioritise_by_formula(plan, row, candidates, arm)
    if arm is ArbitrationArm.ENGAGEMENT_ONLY:
        tiers = tiers - {_OFFER}
    for candidate in candidates:
        expected = candidate.propensity * candidate.value
        tier, position = candidate.tier, candidate.action
        if not by_formula:
            taken = candidate.value if blind and tier == _OFFER else expected
            candidate.priority = taken * candidate.weight * candidate.lever
        if tier in tiers and not expected - cost > 0:
            codes[position] = Reason.NOT_WORTH_CONTACT
        else:
            worth.append((tier, -candidate.priority, actions[position].id, candidate))
    worth.sort()  # ids are unique, so candidates themselves are never compared
    return [candidate for _, _, _, candidate in worth]


_OFFER: Final = int(Tier.OFFER)
