"""One store behind all its ports, real or in memory, and values to put into it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.adapters import keys
from api.adapters.appointment_store import RedisAppointmentStore
from api.adapters.budget_store import RedisBudgetStore
from api.adapters.cluster import nodes_at
from api.adapters.commands import pack
from api.adapters.customer_store import RedisCustomerStore
from api.adapters.event_store import RedisEventStore, RedisJournal
from api.adapters.flights import Timing
from api.adapters.memory import MemoryCustomerStore, MemoryOutcomeStore, MemoryState
from api.adapters.memory_appointments import MemoryAppointmentStore
from api.adapters.memory_budgets import MemoryBudgetStore
from api.adapters.memory_events import MemoryEventStore, MemoryHealth, MemoryJournal, MemoryRecordStore
from api.adapters.memory_merges import MemoryMergeStore
from api.adapters.memory_orders import MemoryOrderStore
from api.adapters.memory_relations import MemoryRelationStore
from api.adapters.merge_store import RedisMergeStore
from api.adapters.order_store import RedisOrderStore
from api.adapters.outcome_store import RedisOutcomeStore
from api.adapters.record_store import RedisHealth, RedisRecordStore
from api.adapters.relation_store import RedisRelationStore
from api.ports import (
    BudgetStore,
    Commit,
    CustomerKey,
    CustomerStore,
    EventStore,
    Gathered,
    Journal,
    OutcomeStore,
    OutcomeWrite,
    RecordStore,
    RequestClaim,
    StoredRecord,
    StoreHealth,
    key_of,
)
from api.ports.appointments import AppointmentStore
from api.ports.merges import MergeStore
from api.ports.orders import OrderStore
from api.ports.relations import RelationStore
from engine.contacts import Contact, ContactState, DeclineReason, hash32
from engine.contacts import pack as pack_contacts

DEDUPE_KEY = b"d" * 32
PATIENT = Timing(flight=10.0)
"""A busy machine is no reason for a contract to fail."""
ADA = key_of("C0000001")
GRACE = key_of("C0000002")
CARD, LOAN = hash32("gold_card"), hash32("personal_loan")
SESSION = hash32("session-1")


class Clock:
    """The wall clock, which a test may put forward."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now_s(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._ahead_s

    def put_forward(self, *, days: int) -> None:
        """Let days pass."""
        self._ahead_s += 86_400 * days


@dataclass(frozen=True)
class World:
    """All ports of one store."""

    customers: CustomerStore
    outcomes: OutcomeStore
    journal: Journal
    events: EventStore
    records: RecordStore
    health: StoreHealth
    budgets: BudgetStore
    clock: Clock
    """The callers' clock, by which days of receipt are told."""
    move: Callable[[CustomerKey, CustomerKey], "asyncio.Future[None]"]
    orders: OrderStore
    appointments: AppointmentStore
    merges: MergeStore
    relations: RelationStore

    async def read(self, key: CustomerKey = ADA, claim: RequestClaim | None = None) -> Gathered:
        """Gather with patience."""
        return await self.customers.gather(key, claim, deadline=soon())

    async def record(self, key: CustomerKey = ADA) -> StoredRecord:
        """The record as it is now."""
        return (await self.read(key)).record


def soon() -> float:
    """A deadline that nobody misses."""
    return asyncio.get_running_loop().time() + 10.0


def soon_ms() -> int:
    """The same on the wall clock."""
    return int(1_000 * time.time()) + 10_000


def a_contact(
    *, at: int = 1_700_000_000, action: int = CARD, session: int = SESSION, state: ContactState = ContactState.PENDING
) -> Contact:
    """A contact on the web, pending unless said otherwise."""
    return Contact(at, action, session, 1, state, 0, 10)


def a_claim(
    request_id: str = "r1", *, body: bytes = b"body-one", attempt: bytes = b"attempt1", hold_ms: int = 10_000
) -> RequestClaim:
    """A claim on a request id."""
    return RequestClaim(request_id, body, attempt, hold_ms)


def a_commit(read: Gathered, *contacts: Contact, claim: RequestClaim | None = None, **changes: object) -> Commit:
    """A commit of what was decided on a read."""
    commit = Commit(
        deadline_ms=soon_ms(),
        contacts_version=read.record.contacts_version,
        consent_version=read.record.consent_version,
        new_contacts=pack_contacts(contacts),
        dropped_contacts=0,
        decision=b"decision",
        claim=claim,
        answer=b"answer" if claim else b"",
    )
    return commit._replace(**changes)  # type: ignore[arg-type]  # each test names fields of its own


def an_outcome(state: ContactState, outcome_id: str = "o1", **changes: object) -> OutcomeWrite:
    """An outcome of the gold card in the session, in time."""
    now_ms = int(1_000 * time.time())
    outcome = OutcomeWrite(
        deadline_ms=soon_ms(),
        outcome_id=outcome_id,
        decision_id="decision-1",
        decided_at_ms=now_ms,
        action="gold_card",
        action_hash=CARD,
        session_hash=SESSION,
        channel=1,
        state=state,
        occurred_at_ms=now_ms,
        valid_until_ms=now_ms + 60_000,
        entry=b"outcome",
        reason=DeclineReason.NOT_NOW if state is ContactState.DECLINED else DeclineReason.NONE,
        order=b"order" if state is ContactState.ACCEPTED else None,
    )
    return outcome._replace(**changes)  # type: ignore[arg-type]  # each test names fields of its own


@asynccontextmanager
async def in_memory() -> AsyncIterator[World]:
    """A store of fakes."""
    clock = Clock()
    state = MemoryState()

    async def move(loser: CustomerKey, winner: CustomerKey) -> None:
        kept = state.kept(loser)
        kept.record = kept.record._replace(moved_to=winner.record.encode())
        state.keep(loser, kept)

    yield World(
        MemoryCustomerStore(state),
        MemoryOutcomeStore(state),
        MemoryJournal(state, clock.now_s),
        MemoryEventStore(state),
        MemoryRecordStore(state),
        MemoryHealth(state),
        MemoryBudgetStore(state),
        clock,
        lambda loser, winner: asyncio.ensure_future(move(loser, winner)),
        orders=MemoryOrderStore(state),
        appointments=MemoryAppointmentStore(state),
        merges=MemoryMergeStore(state),
        relations=MemoryRelationStore(state),
    )


@asynccontextmanager
async def on_server(url: str) -> AsyncIterator[World]:
    """A store on an empty server."""
    clock = Clock()
    nodes = nodes_at(url, PATIENT)
    await nodes.start()
    for node in nodes.everyone():
        await node.call(pack("FLUSHALL"), 1, soon())

    async def move(loser: CustomerKey, winner: CustomerKey) -> None:
        node = nodes.of_partition(loser.partition)
        await node.call(pack("HSET", keys.record(loser), "moved_to", winner.record), 1, soon())

    try:
        yield World(
            RedisCustomerStore(nodes),
            RedisOutcomeStore(nodes, DEDUPE_KEY),
            RedisJournal(nodes, DEDUPE_KEY, clock.now_s),
            RedisEventStore(nodes),
            RedisRecordStore(nodes),
            RedisHealth(nodes, "always"),
            RedisBudgetStore(nodes),
            clock,
            lambda loser, winner: asyncio.ensure_future(move(loser, winner)),
            orders=RedisOrderStore(nodes),
            appointments=RedisAppointmentStore(nodes),
            merges=RedisMergeStore(nodes),
            relations=RedisRelationStore(nodes),
        )
    finally:
        await nodes.close()
