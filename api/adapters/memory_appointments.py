"""Calendars of branches in memory: what the scripts do to keys is done here to dictionaries."""

from collections import Counter
from collections.abc import Mapping

from api.adapters.memory import MemoryState
from api.ports.appointments import Booking, BookingState


class MemoryAppointmentStore:
    """`AppointmentStore` in memory."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self._times: dict[str, dict[str, int]] = {}

    async def book(self, booking: Booking, *, deadline: float) -> BookingState:
        self._state.check(booking.deadline_ms)
        times = self._times.setdefault(booking.branch, {})
        own = times.get(booking.order_id)
        if own is not None:
            return BookingState.HELD if own == booking.at_ms else BookingState.OTHER_TIME
        if list(times.values()).count(booking.at_ms) >= booking.places:
            return BookingState.TAKEN
        times[booking.order_id] = booking.at_ms
        return BookingState.BOOKED

    async def give_back(self, branch: str, order_id: str, *, deadline_ms: int, deadline: float) -> None:
        self._state.check(deadline_ms)
        self._times.get(branch, {}).pop(order_id, None)

    async def taken(self, branch: str, *, deadline: float) -> Mapping[int, int]:
        self._state.check()
        return Counter(self._times.get(branch, {}).values())
