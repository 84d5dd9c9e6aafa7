"""A shell of fakes with the starter rules behind it: what the doors' tests stand on."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import httpx
import msgspec

from api.adapters.record_reader import RecordReader
from api.main import App, create_app
from api.ports import (
    Arrival,
    Claim,
    ClaimState,
    Commit,
    CommitState,
    Committed,
    ConsentResult,
    ConsentState,
    ConsentWrite,
    CustomerKey,
    Entry,
    Gathered,
    Identity,
    OutcomeResult,
    OutcomeState,
    OutcomeWrite,
    RequestClaim,
    Resolution,
    StoredRecord,
    StoreStatus,
    StoreUnavailable,
    Stream,
    key_of,
)
from api.problems import Problem, ProblemType
from api.schemas import DecisionRequest, Degraded
from api.security import Secrets, TokenCodec, Tracked
from api.service_port import Shell
from api.settings import Settings
from api.telemetry import Metrics
from api.vocabulary import Vocabulary
from engine import Plan, compile_bundle
from engine.contacts import hash32
from engine.ids import CustomerId

ROOT = Path(__file__).resolve().parents[3]
KEYS = Secrets(token=b"t" * 32, exploration=b"e" * 32, ids=b"i" * 32)


@cache
def starter_plan() -> Plan:
    """The plan of the starter rules, compiled once a run."""
    rules = ROOT / "rules"
    return compile_bundle({str(path.relative_to(rules)): path.read_bytes() for path in rules.rglob("*.yaml")}).plan


class EchoService:
    """Answers with what it was asked, so that a test sees what reached the service."""

    def __init__(self) -> None:
        self.plan = starter_plan()
        self.vocabulary = Vocabulary.of(self.plan)
        self.decided: list[DecisionRequest] = []
        self.arrivals: list[float] = []
        self.reached: asyncio.Queue[DecisionRequest] = asyncio.Queue()
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None

    async def decide(self, request: DecisionRequest, arrived_at: float) -> bytes:
        self.decided.append(request)
        self.arrivals.append(arrived_at)
        self.reached.put_nowait(request)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return msgspec.json.encode({"asked": request})

    def fallback(self, request: DecisionRequest, degraded: Degraded) -> bytes:
        return msgspec.json.encode({"asked": request, "degraded": [degraded]})

    async def explain(self, request: DecisionRequest, arrived_at: float) -> bytes:
        return msgspec.json.encode({"explained": request})

    async def replay(self, decision_id: str, arrived_at: float) -> bytes:
        if decision_id != "known":
            raise Problem(ProblemType.UNKNOWN_DECISION)
        return msgspec.json.encode({"replayed": decision_id})


@dataclass
class MemoryStores:
    """Every port that the doors use, in memory; `away` makes all of them unavailable."""

    customers_by_identity: dict[Identity, tuple[CustomerId, ...]] = field(default_factory=dict)
    records: dict[CustomerKey, StoredRecord] = field(default_factory=dict)
    outcomes: dict[str, OutcomeWrite] = field(default_factory=dict)
    outcome_keys: list[CustomerKey] = field(default_factory=list)
    consents: dict[CustomerKey, ConsentWrite] = field(default_factory=dict)
    entries: dict[tuple[Stream, int], list[Entry]] = field(default_factory=dict)
    seen: set[tuple[Stream, str, str]] = field(default_factory=set)
    away: bool = False
    memory_used_share: float | None = None

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable

    async def resolve(self, identities: Sequence[Identity], *, deadline: float) -> Resolution:
        self._answer()
        for identity in identities:
            if identity.scheme == "customer_id":
                return Resolution((CustomerId(identity.value),))
            if identity in self.customers_by_identity:
                return Resolution(self.customers_by_identity[identity])
        return Resolution(())

    async def gather(self, key: CustomerKey, claim: RequestClaim | None, *, deadline: float) -> Gathered:
        self._answer()
        return Gathered(self.records.get(key, StoredRecord()), Claim(ClaimState.NONE), key)

    async def commit(self, key: CustomerKey, commit: Commit, *, deadline: float) -> Committed:
        self._answer()
        return Committed(CommitState.COMMITTED)

    async def decisions_between(
        self, partition: int, first_ms: int, last_ms: int, *, deadline: float
    ) -> Sequence[bytes]:
        self._answer()
        return ()

    async def record_outcome(self, key: CustomerKey, outcome: OutcomeWrite, *, deadline: float) -> OutcomeResult:
        self._answer()
        if outcome.outcome_id in self.outcomes:
            return OutcomeResult(OutcomeState.DUPLICATE)
        self.outcomes[outcome.outcome_id] = outcome
        self.outcome_keys.append(key)
        state = OutcomeState.LATE_IMPRESSION if outcome.is_late_impression else OutcomeState.RECORDED
        return OutcomeResult(state, ordered=outcome.order is not None)

    async def set_consent(self, key: CustomerKey, write: ConsentWrite, *, deadline: float) -> ConsentResult:
        self._answer()
        before = self.consents.get(key)
        if before is not None and before.consent == write.consent:
            return ConsentResult(ConsentState.UNCHANGED, write.version)
        if before is not None and write.version <= before.version:
            return ConsentResult(ConsentState.STALE, before.version)
        self.consents[key] = write
        return ConsentResult(ConsentState.APPLIED, write.version)

    async def append_once(
        self, stream: Stream, partition: int, arrivals: Sequence[Arrival], *, deadline_ms: int, deadline: float
    ) -> Sequence[bool]:
        self._answer()
        return [self._append(stream, partition, arrival) for arrival in arrivals]

    def _append(self, stream: Stream, partition: int, arrival: Arrival) -> bool:
        name = (stream, arrival.source, arrival.id)
        if name in self.seen:
            return False
        self.seen.add(name)
        held = self.entries.setdefault((stream, partition), [])
        held.append(Entry(f"{len(held) + 1}-0", "r", arrival.body))
        return True

    async def read(
        self, stream: Stream, after: Mapping[int, str], *, count: int, wait_s: float = 0.0
    ) -> Mapping[int, Sequence[Entry]]:
        self._answer()
        return {}

    async def trim(self, stream: Stream, partition: int, before: str) -> int:
        self._answer()
        return 0

    async def status(self) -> StoreStatus:
        return StoreStatus(not self.away, "always", self.memory_used_share)

    def bodies(self, stream: Stream) -> list[bytes]:
        """What was appended to a stream, in all partitions."""
        return [entry.body for (kind, _), held in self.entries.items() if kind is stream for entry in held]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An application with its fakes, and a client that speaks to it."""

    app: App
    client: httpx.AsyncClient
    service: EchoService
    stores: MemoryStores
    tokens: TokenCodec
    metrics: Metrics


@asynccontextmanager
async def running(**settings: object) -> AsyncIterator[Running]:
    """An application on fakes, for as long as the context lasts."""
    service, stores, metrics, tokens = EchoService(), MemoryStores(), Metrics(), TokenCodec(KEYS)

    @asynccontextmanager
    async def opening(chosen: Settings) -> AsyncIterator[Shell]:
        yield Shell(
            settings=chosen,
            service=service,
            customers=stores,
            outcomes=stores,
            journal=stores,
            health=stores,
            tokens=tokens,
            metrics=metrics,
            read=RecordReader(service.plan.profile_schema, service.plan.event_layout).read,
            exposition=lambda: b"# nothing counted\n",
        )

    app = create_app(Settings.model_validate(settings), opening)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://nextbest") as client:
            yield Running(app=app, client=client, service=service, stores=stores, tokens=tokens, metrics=metrics)


def an_offer(**changes: object) -> Tracked:
    """An offer that was made to C0000001 at an ATM, and stays valid for a long time."""
    offer = Tracked(
        valid_until_s=4_000_000_000,
        decided_at_ms=1_790_000_000_000,
        partition=key_of("C0000001").partition,
        record="C0000001",
        decision_id="0100-01a0c3-aa55",
        action="home_insurance",
        action_hash=hash32("home_insurance"),
        channel=0,
        placement="idle_screen",
        rank=1,
        treatment="home_insurance",
        session_hash=hash32("session"),
    )
    return offer._replace(**changes)
