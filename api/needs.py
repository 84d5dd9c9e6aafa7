"""What is inferred of a customer outside a decision: the needs and themes that are active now."""

from collections.abc import Sequence
from datetime import UTC, datetime

from engine.decision import Request, Snapshot
from engine.generated import Row
from engine.ids import FactName
from engine.plan import Need, Plan, Theme
from engine.row import assemble


def row_of(plan: Plan, snapshot: Snapshot, now_s: int) -> Row:
    """The row of a customer whom nobody asks about: no moment, no context, the plan's first channel."""
    request = Request(
        customer="",
        channel=plan.channels[0],
        moment=None,
        bank_initiated=False,
        placements=(),
        context={},
        locale=plan.locale,
    )
    return assemble(plan, request, snapshot, datetime.fromtimestamp(now_s, UTC))


Held = frozenset[FactName]
"""The needs whose own blocks hold, whenever they held last."""


def active_needs(plan: Plan, snapshot: Snapshot, row: Row, now_s: int, held: Held | None = None) -> dict[FactName, int]:
    """The needs that are active, and when each last held by its own block, in seconds since the epoch.

    A need that lasts is active for a while after its block has ceased to hold; its instant then stays what it was.
    `held` says which blocks hold, where that is known already.
    """
    active = {}
    for need in plan.needs:
        if row[plan.layout.slot_by_fact[need.name]] is True:
            last_held_s = snapshot.needs.get(need.name, 0)
            alone = last_held_s == 0 or need.lasts is None or _holds_alone(plan, need, row, held)
            active[need.name] = now_s if alone else last_held_s
    return active


def active_themes(plan: Plan, row: Row) -> Sequence[Theme]:
    """The themes that are active, in the plan's order."""
    return [plan.themes[position] for position in plan.generated.themes(row)]


def _holds_alone(plan: Plan, need: Need, row: Row, held: Held | None) -> bool:
    """Whether a need's block holds now, whenever it held last."""
    if held is not None:
        return need.name in held
    again = list(row)
    again[plan.layout.last_held_slot_by_need[need.name]] = 0
    plan.generated.infer(again)
    return again[plan.layout.slot_by_fact[need.name]] is True
