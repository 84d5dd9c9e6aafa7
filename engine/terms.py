"""The terms on which an action is offered to somebody."""

from collections.abc import Mapping

from engine.plan import Plan, Row


def terms_of(plan: Plan, action: int, row: Row) -> Mapping[str, float]:
    """An action's terms in natural units; a term that depends on something unknown is left out."""
    found = plan.actions[action]
    return plan.generated.terms(action, row) if found.terms_vary else found.terms
