"""Books the time of an appointment before its order is placed, and frees it where the order comes to nothing."""

from collections.abc import Set
from datetime import UTC, datetime

from api.deadline import Deadline
from api.entries import FulfilmentOrder, decode_order
from api.ports import CustomerKey
from api.ports.appointments import Booking, BookingState
from api.problems import Problem, ProblemType
from api.routes.reading import unless_unavailable
from api.service_port import Shell

_POINTER = "/appointment_at"


async def book(shell: Shell, order: FulfilmentOrder, deadline: Deadline) -> bool:
    """Take the place that an order asks for; says whether it was taken just now.

    INVARIANT: the place is taken before the order is placed, so that no two orders have it. A process that ends in
    between leaves a place that nobody comes for, and never two customers for one.

    Raises:
        Problem: no place is left, the order has another time, or the store is away.
    """
    if order.appointment_at_ms is None:
        return False
    places = shell.settings.appointment_places
    wish = Booking(deadline.deadline_ms, order.branch or "", order.appointment_at_ms, order.order_id, places)
    state = await unless_unavailable(shell, "appointment", shell.appointments.book(wish, deadline=deadline.deadline))
    if state is BookingState.TAKEN:
        why = "no place is left at this time, see /v1/appointments"
        raise Problem(ProblemType.APPOINTMENT_TAKEN, why, pointer=_POINTER)
    if state is BookingState.OTHER_TIME:
        raise Problem(ProblemType.APPOINTMENT_TAKEN, "this offer has an appointment at another time", pointer=_POINTER)
    return state is BookingState.BOOKED


async def give_back(shell: Shell, order: FulfilmentOrder, deadline: Deadline) -> None:
    """Free the place of an order that comes to nothing.

    Raises:
        Problem: the store is away.
    """
    if order.appointment_at_ms is None:
        return
    freeing = shell.appointments.give_back(
        order.branch or "", order.order_id, deadline_ms=deadline.deadline_ms, deadline=deadline.deadline
    )
    await unless_unavailable(shell, "appointment", freeing)


async def give_back_of(shell: Shell, key: CustomerKey, order_id: str, deadline: Deadline) -> None:
    """The same, by the order's id.

    Raises:
        Problem: the store is away.
    """
    kept = await unless_unavailable(shell, "orders", shell.orders.orders_of(key, deadline=deadline.deadline))
    for order in map(decode_order, (each.order for each in kept)):
        if order.order_id == order_id:
            await give_back(shell, order, deadline)


async def full_times(shell: Shell, branch: str | None) -> Set[datetime]:
    """The times at which nobody else can come to a branch.

    Raises:
        Problem: the store is away.
    """
    deadline = Deadline.within(shell.settings.write_timeout_ms).deadline
    reading = shell.appointments.taken(branch or "", deadline=deadline)
    taken = await unless_unavailable(shell, "appointments", reading)
    places = shell.settings.appointment_places
    return {datetime.fromtimestamp(at_ms / 1_000, UTC) for at_ms, coming in taken.items() if coming >= places}
