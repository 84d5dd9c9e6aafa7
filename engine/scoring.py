"""Passes candidates to the scorer, checks what comes back, and falls back to the baseline where it cannot be used."""

from collections.abc import Sequence

from engine.decision import Candidate
from engine.generated import Row
from engine.plan import Plan
from engine.ports import Scorer, ScorerFailed, ScoringContext
from engine.reasons import Reason

MOST_SCORED = 40


def price(plan: Plan, row: Row, candidates: Sequence[Candidate]) -> None:
    """Set each candidate's value, in minor units per conversion; unknown counts as nothing."""
    for candidate in candidates:
        value = plan.actions[candidate.action].value_minor
        if value is None:
            value = plan.generated.value(candidate.action, row)
        candidate.value = value if value >= 0 else 0.0


def drop_surplus(candidates: Sequence[Candidate], highest: Sequence[float], codes: bytearray) -> list[Candidate]:
    """At most MOST_SCORED candidates; those with the lowest `highest`, their priority at propensity 1, go unscored."""
    bounds = {each.action: bound for each, bound in zip(candidates, highest, strict=True)}
    ordered = sorted(candidates, key=lambda each: (each.tier, -bounds[each.action], each.action))
    for surplus in ordered[MOST_SCORED:]:
        codes[surplus.action] = Reason.NOT_SCORED
    return sorted(ordered[:MOST_SCORED], key=lambda each: each.action)


def score(
    scorer: Scorer, baseline: Scorer, context: ScoringContext, candidates: Sequence[Candidate]
) -> tuple[Scorer, bool]:
    """Set each candidate's propensity; returns the scorer that did it, and whether that was the one asked."""
    actions = [candidate.action for candidate in candidates]
    try:
        propensities = scorer.score(context, actions)
    except ScorerFailed:
        propensities = ()
    used, as_asked = scorer, True
    if not _usable(propensities, len(actions)):
        propensities = baseline.score(context, actions)
        used, as_asked = baseline, False
    for candidate, propensity in zip(candidates, propensities, strict=True):
        candidate.propensity = propensity
    return used, as_asked


def _usable(propensities: Sequence[float], count: int) -> bool:
    return len(propensities) == count and not [each for each in propensities if not 0.0 <= each <= 1.0]
