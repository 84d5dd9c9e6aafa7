"""Finds the treatment in which an action can be shown: the first in file order that fits the customer and the place."""

from collections.abc import Collection, Mapping, Sequence

from engine.actions import Treatment
from engine.decision import PlacementRequest, Request
from engine.experiments import Arms, admits
from engine.facts import is_missing
from engine.generated import Row
from engine.ids import PlacementId
from engine.plan import Plan
from engine.reasons import Reason

Fitting = Mapping[PlacementId, Mapping[int, Treatment]]
"""For each placement the actions that can be shown there, with their treatment."""


def dress(plan: Plan, request: Request, row: Row, arms: Arms, candidates: Sequence[int], codes: bytearray) -> Fitting:
    """The treatment of every candidate at every requested placement; those with none at all get `no_treatment`."""
    fitting = {
        asked.placement.id: _at_placement(plan, request, asked, row, arms, candidates) for asked in request.placements
    }
    if len(request.placements) == 1:
        shown: Collection[int] = fitting[request.placements[0].placement.id]
    else:
        shown = {action for found in fitting.values() for action in found}
    if len(shown) < len(candidates):
        for action in candidates:
            if action not in shown:
                codes[action] = Reason.NO_TREATMENT
    return fitting


def _at_placement(
    plan: Plan, request: Request, asked: PlacementRequest, row: Row, arms: Arms, candidates: Sequence[int]
) -> dict[int, Treatment]:
    always = plan.always_fitting[request.channel.position][asked.placement.id]
    found = {action: always[action] for action in candidates if action in always}
    if len(found) == len(candidates):
        return found
    treatments = plan.treatments[request.channel.position][asked.placement.id]
    accepts = asked.placement.accepts
    for action in candidates:
        if action in found or (accepts is not None and plan.actions[action].group not in accepts):
            continue
        for treatment in treatments[action]:
            if treatment.plain or fits(plan, treatment, row, request.locale, arms):
                found[action] = treatment
                break
    return found


def fits(plan: Plan, treatment: Treatment, row: Row, locale: str, arms: Arms) -> bool:
    """Whether a treatment's arm, validity, locale and condition hold, and every placeholder has a value."""
    today = row[plan.layout.today_slot]
    assert isinstance(today, int)
    return (
        treatment.first_day <= today <= treatment.last_day
        and (treatment.locale is None or treatment.locale == locale)
        and admits(treatment, arms)
        and (treatment.condition is None or plan.generated.fits(treatment.condition, row))
        and not any(is_missing(row[plan.layout.slot_by_fact[name]]) for name in treatment.placeholders)
    )
