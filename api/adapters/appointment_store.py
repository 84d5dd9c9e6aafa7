"""Calendars of branches on Redis or Valkey: the times of each lie under one key, by the order that has them."""

from collections import Counter
from collections.abc import Mapping

from api.adapters import keys
from api.adapters.commands import checked, pack
from api.adapters.nodes import Nodes
from api.adapters.outcome_store import in_time
from api.adapters.script import BOOK, GIVE_BACK
from api.appointments import KEPT
from api.ports.appointments import Booking, BookingState


class RedisAppointmentStore:
    """`AppointmentStore` on one server or a cluster."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def book(self, booking: Booking, *, deadline: float) -> BookingState:
        name = keys.times(booking.branch)
        node = self._nodes.of_key(name)
        words = (
            booking.deadline_ms + node.clock_ahead_ms,
            booking.order_id,
            booking.at_ms,
            booking.places,
            int(KEPT.total_seconds()) * 1_000,
        )
        return BookingState(in_time(await BOOK.run(node, (name,), words, deadline)))

    async def give_back(self, branch: str, order_id: str, *, deadline_ms: int, deadline: float) -> None:
        name = keys.times(branch)
        node = self._nodes.of_key(name)
        in_time(await GIVE_BACK.run(node, (name,), (deadline_ms + node.clock_ahead_ms, order_id), deadline))

    async def taken(self, branch: str, *, deadline: float) -> Mapping[int, int]:
        name = keys.times(branch)
        times = checked(await self._nodes.of_key(name).call(pack(b"HVALS", name), 1, deadline))
        return Counter(map(int, times))
