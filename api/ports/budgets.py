"""The port of budgets: leases that a process spends by itself, and what became of the units that offers hold."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from api.ports.events import Ownership

RECOVERED_AFTER_MS: Final = 5_000
"""So long after a lease ended its records are counted: no clock of the store is that far behind another."""
DRAWS_KNOWN_MS: Final = 86_400_000
"""For so long after a lease ended it is known what commits drew of it; beyond that all of it counts as spent."""


class LeaseAsked(NamedTuple):
    """A share of a budget that a worker would like to have; what is None does not bound it."""

    budget: str
    lease: str
    worker: str
    each: int
    total: int | None
    per_day: int | None
    channel: str
    total_of_channel: int | None
    day: int
    """In the bank's zone, as an ordinal."""
    latest_end_ms: int | None
    """The end of the day, where days are bounded."""
    length_ms: int


class LeaseTaken(NamedTuple):
    """What was taken: nothing where the budget has nothing left. Instants are the store's."""

    amount: int
    ends_ms: int
    left: int
    now_ms: int


class OpenLease(NamedTuple):
    """A lease that has not been ended."""

    lease: str
    amount: int
    ends_ms: int
    worker: str


class Settled(NamedTuple):
    """A unit whose time is over; `number` rises within its partition."""

    number: int
    budget: str
    spent: bool
    amount: int
    day: int
    channel: str


class Standing(NamedTuple):
    """How a budget stands, in amounts; `taken` is everything that is not left."""

    taken: int
    spent: int
    """Of it what came to something and has been told."""
    day: int
    today: int
    by_channel: dict[str, int]


class HeldUnits(NamedTuple):
    """What offers hold of a budget in some partitions: what came to something already, and what is open."""

    budget: str
    spent: int
    open: int


class BudgetStore(Protocol):
    """Budgets, each in a place of its own; the units of offers lie with their customers."""

    async def take(self, asked: LeaseAsked, *, deadline: float) -> LeaseTaken:
        """Take a share of total, day and channel together: a quarter of what is left for each worker, at least one."""

    async def end(self, budget: str, lease: str, *, drawn: int, certain: bool, deadline: float) -> int:
        """Give back what was not drawn, once; `certain` when every draw is known to be committed. Says how much."""

    async def open_leases(self, budget: str, *, deadline: float) -> Sequence[OpenLease]:
        """The leases of a budget that nobody has ended."""

    async def recover(self, budget: str, lease: OpenLease, *, deadline: float) -> int:
        """Give back what no commit drew of a lease that ended a while ago, once. Says how much."""

    async def settle(self, owned: Ownership, *, count: int, deadline: float) -> Sequence[Settled]:
        """Look at units of a partition whose time is over; gives what is settled and not told, at most so many."""

    async def tell(self, partition: int, settled: Sequence[Settled], *, deadline: float) -> int:
        """Tell the budgets what became of units, each once; what came to nothing goes back. Says how much."""

    async def standing(self, budget: str, *, deadline: float) -> Standing:
        """How a budget stands."""

    async def held(self, *, deadline: float) -> Sequence[HeldUnits]:
        """What all offers hold of budgets."""
