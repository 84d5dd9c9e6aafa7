"""Needs, themes and triggers: what suppresses an action, what is a reason to show it, and how much that weighs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from engine.actions import Tier
from engine.clock import before
from engine.contacts import Contact, ContactState
from engine.decision import Candidate
from engine.facts import HOLDS
from engine.generated import Row
from engine.plan import Plan, Theme
from engine.reasons import Reason

_LIGHTEST, _HEAVIEST = 0.2, 5.0
_OFFER: Final = int(Tier.OFFER)
_SKIPPED = frozenset(
    {
        Reason.OUTSIDE_VALIDITY,
        Reason.GUARD,
        Reason.SUPPRESSED,
        Reason.NOT_ELIGIBLE,
        Reason.NOT_APPLICABLE,
        Reason.NOT_SUITABLE,
    }
)
_CAPPED = frozenset({Reason.CAPPED, Reason.COOLING_OFF, Reason.QUIET_HOURS, Reason.BUDGET_SPENT})


class Recognised(NamedTuple):
    """What speaks for actions: triggers that promote, active themes, and the current step of each theme."""

    promotions: Sequence[int]
    themes: Sequence[int]
    steps: Mapping[int, int | None]


def suppress(plan: Plan, row: Row, codes: bytearray) -> list[int]:
    """Mark the actions that triggers suppress; returns those triggers. A suppression binds unless it is false."""
    fired = plan.generated.suppressions(row)
    for position in fired:
        for action in plan.triggers[position].suppresses:
            if not codes[action]:
                codes[action] = Reason.SUPPRESSED
    return fired


def recognise(plan: Plan, row: Row, codes: bytearray, contacts: Sequence[Contact], now: datetime) -> Recognised:
    """Find the reasons of this moment; `codes` must hold the verdicts of guards, engagement and contact policy."""
    themes = plan.generated.themes(row)
    steps = {position: _current_step(plan, plan.themes[position], row, codes, contacts, now) for position in themes}
    return Recognised(plan.generated.promotions(row), themes, steps)


NOTHING = Recognised((), (), {})
"""What is recognised of a customer who objected to profiling."""


def _current_step(
    plan: Plan, theme: Theme, row: Row, codes: bytearray, contacts: Sequence[Contact], now: datetime
) -> int | None:
    held = row[plan.layout.slot_by_fact[HOLDS]]
    for step in theme.journey:
        bit = plan.actions[step].product_bit
        if bit is not None and isinstance(held, int) and held >> bit & 1:
            continue
        if theme.accept_counts is not None and _accepted(plan, theme, step, contacts, now):
            continue
        if codes[step] in _SKIPPED or (theme.skip_capped and codes[step] in _CAPPED):
            continue
        return step
    return None


def _accepted(plan: Plan, theme: Theme, step: int, contacts: Sequence[Contact], now: datetime) -> bool:
    assert theme.accept_counts is not None
    since = before(now.astimezone(plan.zone), theme.accept_counts).timestamp()
    action = plan.actions[step].hash
    return any(
        contact.action_hash == action and contact.state >= ContactState.ACCEPTED and contact.at >= since
        for contact in contacts
    )


def weigh(plan: Plan, recognised: Recognised, candidates: Iterable[int], codes: bytearray) -> list[Candidate]:
    """Candidates with their context weight; those without a reason to show now, or out of turn, get their code.

    Context weight = (largest promotion above 1) x (largest weight of an active theme) x (smallest promotion below 1),
    each 1 if there is none, clamped to 0.2..5.
    """
    promotion = _promotion_weights(plan, recognised)
    theme_by_step = _themes_by_step(plan, recognised)
    too_early = _out_of_turn(plan, recognised)
    tiers, needs_reason, weighed = plan.tiers, plan.only_when_promoted, []
    for position in candidates:
        weight, theme = promotion.get(position), theme_by_step.get(position)
        if weight is None and theme is None:
            if position in needs_reason:
                codes[position] = Reason.NO_REASON_NOW
                continue
            weight = 1.0
        if position in too_early:
            codes[position] = Reason.JOURNEY_NOT_REACHED
            continue
        if theme is not None:
            weight = _clamped((weight or 1.0) * plan.themes[theme].weight)
        weighed.append(Candidate(position, tiers[position], weight or 1.0, theme))
    return weighed


def weigh_without_reasons(
    plan: Plan, recognised: Recognised, candidates: Sequence[int], codes: bytearray
) -> list[Candidate]:
    """The same for whom only engagement decides on offers: none needs a reason, none weighs more; the rest as ever."""
    offers = [Candidate(position, _OFFER, 1.0, None) for position in candidates if plan.tiers[position] == _OFFER]
    others = [position for position in candidates if plan.tiers[position] != _OFFER]
    return sorted([*weigh(plan, recognised, others, codes), *offers], key=_position)


def _position(candidate: Candidate) -> int:
    return candidate.action


def _clamped(weight: float) -> float:
    return _LIGHTEST if weight < _LIGHTEST else min(weight, _HEAVIEST)


def _promotion_weights(plan: Plan, recognised: Recognised) -> dict[int, float]:
    """For every promoted action (largest promotion above 1) x (smallest promotion below 1), each 1 if there is none.

    INVARIANT: a single weight lies in 0.2..5, and so does the product of one above and one below 1; only a theme's
    weight can lead outside.
    """
    weights: dict[int, float] = {}
    drops: dict[int, float] = {}
    for trigger in recognised.promotions:
        for action, weight in plan.triggers[trigger].promotes:
            if weight < 1.0:
                drops[action] = min(weight, drops.get(action, 1.0))
                weights.setdefault(action, 1.0)
            elif weight > weights.get(action, 0.0):
                weights[action] = weight
    for action, weight in drops.items():
        weights[action] *= weight
    return weights


def _themes_by_step(plan: Plan, recognised: Recognised) -> Mapping[int, int]:
    """For each current step the strongest theme, ties by id."""
    strongest: dict[int, int] = {}
    for position in recognised.themes:
        step = recognised.steps[position]
        if step is None:
            continue
        other = strongest.get(step)
        if other is None or _strength(plan, position) < _strength(plan, other):
            strongest[step] = position
    return strongest


def _strength(plan: Plan, theme: int) -> tuple[float, str]:
    return -plan.themes[theme].weight, plan.themes[theme].head.rule


def _out_of_turn(plan: Plan, recognised: Recognised) -> frozenset[int] | set[int]:
    later: set[int] = set()
    for position in recognised.themes:
        theme, step = plan.themes[position], recognised.steps[position]
        if theme.strict and step is not None:
            later.update(theme.journey[theme.journey.index(step) + 1 :])
    return later
