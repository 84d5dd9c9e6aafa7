"""Budgets as one decision sees them: what each has left is an input, and what the decision draws is an effect.

Whoever keeps budgets exact across processes stands outside; here nothing is counted but the offers of one answer.
"""

from collections.abc import Mapping
from typing import Final

from engine.contact_rules import Budget
from engine.contacts import Contact, ContactState

NOT_KNOWN: Final = -1
"""What is left of a budget that nobody can be asked about: nothing, and the decision says so."""
TOKEN_LIFE_S: Final = 30 * 86_400
"""For so long after an offer's validity an accept is taken."""
REPORT_GRACE_S: Final = 60
"""An impression at the last moment is reported a little later."""
RESHOWN_S: Final = 86_400
"""An offer may be shown again in its session for so long on the unit that it holds already."""

Left = Mapping[int, int]
"""By position of a budget how many more offers it carries; a budget that is not named carries as many as are asked."""
NO_LIMITS: Final[Left] = {}


class BudgetDraw:
    """One offer's use of one budget. The contact (`at`, action, session) tells later whether it came to anything."""

    __slots__ = ("action_hash", "amount", "at", "budget", "until_s")

    def __init__(self, budget: int, amount: int, at: int, action_hash: int, until_s: int) -> None:
        self.budget = budget
        self.amount = amount
        self.at = at
        self.action_hash = action_hash
        self.until_s = until_s
        """Until when it is held; what came to nothing by then goes back."""


def is_covered(budget: Budget, contact: Contact | None, now_s: int) -> bool:
    """Whether showing an action again in its session needs nothing more of a budget.

    A reservation passes its own validity on, and an impression is spent once. A unit of accepts is held as long as
    any token that leans on it lives, which is why it carries new ones for a day only.
    """
    if contact is None:
        return False
    return budget.hold_s is None or contact.state == ContactState.PENDING or now_s <= contact.at + RESHOWN_S


def held_until(budget: Budget, contact_at: int, valid_until: int) -> int:
    """Until when an offer holds its unit: its validity, or where accepts count, the life of its last token."""
    return valid_until + REPORT_GRACE_S if budget.hold_s is None else contact_at + budget.hold_s
