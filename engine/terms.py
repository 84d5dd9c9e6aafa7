"""The terms on which an action is offered to somebody, and those that were quoted before and still hold."""

from collections.abc import Mapping, Sequence
from typing import Final

from engine.decision import Filled
from engine.generated import Row
from engine.plan import Plan
from engine.quotes import Quoted

_NONE: Final[Mapping[int, Quoted]] = {}


def terms_of(plan: Plan, action: int, row: Row, quotes: Mapping[int, Quoted] = _NONE) -> Mapping[str, float]:
    """An action's terms in natural units, as quoted where they are held; one that depends on something unknown is
    left out."""
    held = quotes.get(action)
    if held is not None:
        return held.terms
    found = plan.actions[action]
    return plan.generated.terms(action, row) if found.terms_vary else found.terms


def quote(
    plan: Plan, filled: Sequence[Filled], row: Row, quoted: Mapping[int, Quoted], now_s: int
) -> Mapping[int, Quoted]:
    """By position of each chosen action whose terms are held its quote: as before until that lapses, else anew."""
    quotes: dict[int, Quoted] = {}
    for each in filled:
        for option in each.options:
            action = plan.actions[option.candidate.action]
            if not action.terms_hold_s:
                continue
            before = quoted.get(action.hash)
            if before is not None and now_s < before.until_s:
                quotes[action.position] = before
            elif terms := terms_of(plan, action.position, row):
                quotes[action.position] = Quoted(terms, now_s + action.terms_hold_s)
    return quotes
