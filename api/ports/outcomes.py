"""The port of what customers answer: outcomes and consent bind before they are acknowledged."""

from enum import IntEnum
from typing import NamedTuple, Protocol

from api.ports.customers import CustomerKey
from engine.contacts import ContactState, DeclineReason


class OutcomeWrite(NamedTuple):
    """One outcome of one offer, as its tracking token names it."""

    deadline_ms: int
    outcome_id: str
    decision_id: str
    decided_at_ms: int
    """From the decision id, the same for every outcome of it: by its day outcomes are known again."""
    action: str
    action_hash: int
    session_hash: int
    channel: int
    state: ContactState
    """What the contact is raised to; a lower one leaves it as it is."""
    occurred_at_ms: int
    valid_until_ms: int
    entry: bytes
    """The outcome's record for the decision stream, field `o`."""
    reason: DeclineReason = DeclineReason.NONE
    order: bytes | None = None
    """The fulfilment order that an accept places, once per decision and action."""

    @property
    def known_by(self) -> tuple[str, str, str, str, str]:
        """What it is known again by. The same id for another offer, or for another answer to it, is another outcome:
        a touchpoint that counts its ids from 1 loses nobody's decline."""
        return "outcome", self.decision_id, self.action, self.state.name, self.outcome_id

    @property
    def is_late_impression(self) -> bool:
        """Whether it was shown later than it was valid: reported, but neither counted nor a contact."""
        return self.state is ContactState.SHOWN and self.occurred_at_ms > self.valid_until_ms


class OutcomeState(IntEnum):
    """How an outcome was taken; each of them is durable."""

    RECORDED = 0
    DUPLICATE = 1
    """The same outcome was recorded before under its id; nothing was written."""
    LATE_IMPRESSION = 2
    """Recorded as such; the contact history stays as it is."""


class OutcomeResult(NamedTuple):
    """The end of an outcome; `ordered` when this very outcome placed the fulfilment order."""

    state: OutcomeState
    ordered: bool = False


class ConsentWrite(NamedTuple):
    """A customer's whole consent, replacing what was there."""

    deadline_ms: int
    consent: bytes
    """As `records.encode_consent` makes it."""
    version: int
    """The source's own version, the one inside `consent`."""
    entry: bytes
    """The change's record for the decision stream, field `k`."""


class ConsentState(IntEnum):
    """How a consent was taken."""

    APPLIED = 0
    UNCHANGED = 1
    """The very same consent is in force."""
    STALE = 2
    """A later version, or another consent of the same version, is in force; nothing was written."""


class ConsentResult(NamedTuple):
    """The end of a consent; `version` is the one in force."""

    state: ConsentState
    version: int


class OutcomeStore(Protocol):
    """Outcomes and consent: what returned is durable and binds the next request anywhere. Follows `moved_to`."""

    async def record_outcome(self, key: CustomerKey, outcome: OutcomeWrite, *, deadline: float) -> OutcomeResult:
        """Raise the contact, append to the decision stream and place the order, once per outcome id."""

    async def set_consent(self, key: CustomerKey, write: ConsentWrite, *, deadline: float) -> ConsentResult:
        """Put a consent in force, unless a later version is."""
