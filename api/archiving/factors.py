"""What an archived decision tells beside its record: the facts it read, and every action with its factors and end."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, cast

import msgspec

from engine.decision import Decision
from engine.facts import is_missing, release
from engine.plan import Plan
from engine.reasons import Reason

_encode: Final = msgspec.json.Encoder().encode
_CODES: Final = {int(reason): reason.code for reason in Reason}


class Factors(NamedTuple):
    """The columns that are found by deciding again."""

    facts: str
    """JSON: every fact that had a value, by name, in natural form; of event histories the instants."""
    actions: tuple[Sequence[object], ...]
    """One list a field of `tables.ACTION_FIELDS`, one member an action of the plan."""
    draws: str
    """JSON: of every slot that was explored the draw, and who could win with which weight in 2 ** -32."""
    ghosts: str
    """JSON: by placement what would have been shown to a customer who is held out, and the chance of each."""


def factors_of(plan: Plan, decision: Decision) -> Factors:
    """The factors of a decision; money in major units."""
    return Factors(_facts(plan, decision), _actions(plan, decision), _draws(plan, decision), _ghosts(plan, decision))


def _facts(plan: Plan, decision: Decision) -> str:
    """Facts that are kept for audits alone are none that a rule could read."""
    row = decision.row
    natural: dict[str, object] = {
        name: release(spec, row[slot])
        for name, slot in plan.layout.slot_by_fact.items()
        if (spec := plan.fact_specs.get(name)) is not None and not spec.protected and not is_missing(row[slot])
    }
    return _encode(natural | _histories(plan, decision)).decode()


def _histories(plan: Plan, decision: Decision) -> dict[str, object]:
    """By what was asked of it, when each kind of event happened last."""
    start, layout = plan.layout.event_offset, plan.event_layout
    found: dict[str, object] = {}
    for offset, kept in zip(layout.offsets, layout.filters, strict=True):
        instants = [each for each in decision.row[start + offset : start + offset + kept.depth] if each]
        if instants:
            found[f"events.{kept.text}"] = [datetime.fromtimestamp(cast(int, each), UTC) for each in instants]
    return found


def _actions(plan: Plan, decision: Decision) -> tuple[Sequence[object], ...]:
    count, major = len(plan.actions), 10**plan.minor_digits
    empty: Sequence[None] = (None,) * count
    theme, propensity, value, weight, lever, priority, place, placement, rank, probability = (
        list[object](empty) for _ in range(10)
    )
    for candidate in decision.scored:
        at = candidate.action
        theme[at] = None if candidate.theme is None else plan.themes[candidate.theme].head.rule.partition("/")[2]
        propensity[at] = float(candidate.propensity)
        value[at] = candidate.value / major
        weight[at] = float(candidate.weight)
        lever[at] = float(candidate.lever)
        priority[at] = candidate.priority / major
    for position, candidate in enumerate(decision.ranking, start=1):
        place[candidate.action] = position
    for filled in decision.filled:
        for option in filled.options:
            at = option.candidate.action
            placement[at] = str(filled.placement.id)
            rank[at] = option.rank
            probability[at] = option.chance
    ids = [str(action.id) for action in plan.actions]
    reasons = [_CODES[code] for code in decision.codes]
    return ids, reasons, theme, propensity, value, weight, lever, priority, place, placement, rank, probability


def _draws(plan: Plan, decision: Decision) -> str:
    ids = plan.actions
    draws: list[Mapping[str, object]] = [
        {
            "placement": filled.placement.id,
            "rank": option.rank,
            "drawn": draw.drawn,
            "weights": {ids[at].id: weight for at, weight in zip(draw.actions, draw.weights, strict=True)},
        }
        for filled in decision.filled
        for option in filled.options
        if (draw := option.draw) is not None
    ]
    return _encode(draws).decode()


def _ghosts(plan: Plan, decision: Decision) -> str:
    ghosts = {
        str(filled.placement.id): {
            str(plan.actions[option.candidate.action].id): option.chance for option in filled.options
        }
        for filled in decision.ghosts
    }
    return _encode(ghosts).decode()
