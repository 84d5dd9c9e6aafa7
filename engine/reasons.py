"""Why an action was or was not chosen: one closed set of codes, spelt alike in JSON, metrics and rule tests."""

from enum import IntEnum


class Reason(IntEnum):
    """The stage at which an action's way ended; 0 is an action that no stage has rejected yet."""

    OPEN = 0
    OUTSIDE_VALIDITY = 1
    GUARD = 2
    SUPPRESSED = 3
    NOT_ELIGIBLE = 4
    NOT_APPLICABLE = 5
    NOT_SUITABLE = 6
    CAPPED = 7
    COOLING_OFF = 8
    QUIET_HOURS = 9
    NO_TREATMENT = 10
    NO_REASON_NOW = 11
    JOURNEY_NOT_REACHED = 12
    NOT_SCORED = 13
    NOT_WORTH_CONTACT = 14
    OUTRANKED = 15
    CHOSEN = 16
    EVALUATION_ERROR = 17
    EXCLUDED_BY_REQUEST = 18
    HOLDOUT = 19
    BUDGET_SPENT = 20

    @property
    def code(self) -> str:
        """The reason as the wire, metrics and rule tests spell it."""
        return self.name.lower()


ENGAGEMENT_STAGES = (Reason.NOT_ELIGIBLE, Reason.NOT_APPLICABLE, Reason.NOT_SUITABLE)
"""Reasons, with guards and suppressions, for which a journey skips a step."""
