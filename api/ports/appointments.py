"""The port of who comes to which branch at which time: a time has so many places, and an order has one of them."""

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple, Protocol


class Booking(NamedTuple):
    """A wish to come."""

    deadline_ms: int
    branch: str
    """Empty where none is named: all of those share one calendar."""
    at_ms: int
    order_id: str
    places: int
    """How many the branch can see at that time."""


class BookingState(IntEnum):
    """How a wish to come was taken; only BOOKED wrote anything."""

    BOOKED = 0
    HELD = 1
    """The order has this very time already."""
    TAKEN = 2
    """No place is left."""
    OTHER_TIME = 3
    """The order has another time."""


class AppointmentStore(Protocol):
    """Calendars of branches, each a whole: of several who want the last place, one gets it."""

    async def book(self, booking: Booking, *, deadline: float) -> BookingState:
        """Take a place, durable when it returns.

        Raises:
            StoreUnavailable: no answer in time; the same booking may be sent again.
        """

    async def give_back(self, branch: str, order_id: str, *, deadline_ms: int, deadline: float) -> None:
        """Free an order's place; does nothing where it has none.

        Raises:
            StoreUnavailable: no answer in time.
        """

    async def taken(self, branch: str, *, deadline: float) -> Mapping[int, int]:
        """How many come, by the time in milliseconds since the epoch.

        Raises:
            StoreUnavailable: no answer in time.
        """
