"""The roles that callers have and routes ask for."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a caller is here for; each route says which of them it serves."""

    TOUCHPOINT = "touchpoint"
    """A machine that stands before customers: a cash machine, a web site, an app."""
    TELLER = "teller"
    AGENT = "agent"
    """Somebody who calls customers, or is called."""
    MARKETER = "marketer"
    APPROVER = "approver"
    """Somebody who releases what marketers wrote."""
    COMPLIANCE = "compliance"
    ANALYST = "analyst"
    OPERATOR = "operator"
    """Somebody who runs the installation, or a system of the bank that feeds it."""


EVERY_ROLE: Final = frozenset(Role)
FRONT_LINE: Final = (Role.TELLER, Role.AGENT)
"""Staff who speak with customers."""
STAFF: Final = tuple(role for role in Role if role is not Role.TOUCHPOINT)
