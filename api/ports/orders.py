"""The port of what has to be done for customers: orders wait until somebody takes them, and their status comes back."""

from collections.abc import Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple, Protocol

from api.ports.customers import CustomerKey


class OrderStatus(StrEnum):
    """How far an order is; it never goes back."""

    PLACED = "placed"
    RECEIVED = "received"
    """Somebody has taken it on; it waits for nobody else."""
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    REJECTED = "rejected"
    """By the bank."""
    CANCELLED = "cancelled"
    """By the customer."""


RANK: Final = {
    OrderStatus.PLACED: 0,
    OrderStatus.RECEIVED: 1,
    OrderStatus.IN_PROGRESS: 2,
    OrderStatus.COMPLETED: 3,
    OrderStatus.REJECTED: 3,
    OrderStatus.CANCELLED: 3,
}
"""A status replaces those of a lower rank; of the highest, the first stays."""


class OrderReport(NamedTuple):
    """What the back office says of an order."""

    deadline_ms: int
    order_id: str
    status: OrderStatus
    body: bytes
    """The whole report, as `entries.encode_report` makes it."""


class ReportState(IntEnum):
    """How a report was taken; only APPLIED wrote anything."""

    APPLIED = 0
    UNCHANGED = 1
    """The order has this status already."""
    SUPERSEDED = 2
    """The order is further than that."""
    CLOSED = 3
    """The order has ended otherwise."""


class ReportResult(NamedTuple):
    """The end of a report; `acknowledged` when this very report took the order off the queue."""

    state: ReportState
    in_force: bytes
    acknowledged: bool = False


class KeptOrder(NamedTuple):
    """An order and the last report on it; None while it waits."""

    order: bytes
    report: bytes | None


class Hold(NamedTuple):
    """Who works on an order that waits, and until when nobody else may; or when it is to be tried again."""

    until_ms: int
    """0: nobody works on it."""
    not_before_ms: int
    """0: at once."""
    attempts: int
    by: str


class HoldState(IntEnum):
    """How a wish to hold was taken; only HELD wrote anything."""

    HELD = 0
    TAKEN = 1
    """Somebody else works on it."""
    GONE = 2
    """No such order waits: it was reported on."""


class HoldWish(NamedTuple):
    """Somebody wants to work on an order, to go on, or (`until_ms` 0) to put it back."""

    deadline_ms: int
    order_id: str
    by: str
    until_ms: int
    not_before_ms: int = 0
    attempts: int = 0
    """To be added to those that were made."""


class HoldResult(NamedTuple):
    """The end of a wish, and the hold in force."""

    state: HoldState
    in_force: Hold | None


class OrderStore(Protocol):
    """Orders and their status. Those that wait lie in `Stream.FULFILMENT`, where outcomes and callbacks put them."""

    async def report(self, key: CustomerKey, report: OrderReport, *, deadline: float) -> ReportResult | None:
        """Note a status; the first one takes the order off the stream. None: no such order. Follows `moved_to`."""

    async def orders_of(self, key: CustomerKey, *, deadline: float) -> Sequence[KeptOrder]:
        """A customer's orders, those that wait first; reports are kept for `KEPT_DAYS` after the last one."""

    async def hold(self, key: CustomerKey, wish: HoldWish, *, deadline: float) -> HoldResult:
        """Let one of several work on an order that waits; who disappears holds it until its time is over."""

    async def holds(self, partitions: Sequence[int], *, deadline: float) -> Mapping[str, Hold]:
        """The holds on orders of these partitions, by order id; those whose time is over among them."""


KEPT_DAYS: Final = 400
HOLDS_KEPT_DAYS: Final = 30
"""After the last one of a partition, for orders that nobody ever reports on."""
