"""What one offer holds of a budget: drawn when it is made, beside the contact that tells what comes of it."""

from typing import NamedTuple


class Unit(NamedTuple):
    """What one offer holds of a budget, by a lease; amounts are offers, or minor units of money."""

    budget: str
    lease: str
    lease_ends_ms: int
    """By the store's clock; from then on no commit may use it."""
    amount: int
    day: int
    channel: str
    """The channel whose total it comes from; empty where the channel has none."""
    contact: bytes
    """The first 12 bytes of the contact that it belongs to: at, action, session."""
    counts_from: int
    """The state of that contact from which on the unit is spent."""
    held_until_s: int
    decision_id: str
