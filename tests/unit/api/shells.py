"""A shell of fakes with the starter rules behind it: what the doors' tests stand on."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec

from api.access.callers import Caller
from api.access.keyring import Gate, Keyring, digest_of
from api.access.looks import LookLog, looks_key
from api.access.opening import open_people
from api.access.roles import EVERY_ROLE, Role
from api.adapters.memory import MemoryCustomerStore, MemoryOutcomeStore, MemoryState
from api.adapters.memory_appointments import MemoryAppointmentStore
from api.adapters.memory_events import MemoryHealth, MemoryJournal
from api.adapters.memory_merges import MemoryMergeStore
from api.adapters.memory_orders import MemoryOrderStore
from api.adapters.memory_relations import MemoryRelationStore
from api.adapters.record_reader import RecordReader
from api.cockpit.plugs import Plugs
from api.kiosk.seal import Seal
from api.main import App, create_app
from api.merging.saga import Merging
from api.ports import Stream, key_of
from api.problems import Problem, ProblemType
from api.reloading.status import ReloadStatus
from api.schemas import DecisionRequest, Degraded
from api.security import Secrets
from api.service_port import Shell
from api.settings import Settings
from api.settling import Settling
from api.telemetry import Metrics
from api.tokens import TokenCodec, Tracked
from api.vocabulary import Vocabulary
from api.watch import StoreWatch
from engine import Plan, compile_bundle
from engine.contacts import hash32

ROOT = Path(__file__).resolve().parents[3]
ANY_KEY = "nbk_may-do-everything"
EXPIRED_KEY = "nbk_of-yesterday"
AUTHORIZED = {"authorization": f"Bearer {ANY_KEY}"}


def key_of_role(role: Role) -> str:
    """The key of a caller with one role."""
    return f"nbk_{role}"


def a_keyring(**others: Caller) -> Keyring:
    """A key for everything, one for each role, one that has expired, and others by their words."""
    callers = {
        ANY_KEY: Caller(name="key:any", roles=EVERY_ROLE),
        EXPIRED_KEY: Caller(name="key:expired", roles=EVERY_ROLE, expires_at_s=1.0),
        **{key_of_role(role): Caller(name=f"key:{role}", roles=frozenset({role})) for role in Role},
        **others,
    }
    return Keyring({digest_of(key.encode()): caller for key, caller in callers.items()})


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
        self.saw_reasons: list[bool] = []
        self.reached: asyncio.Queue[DecisionRequest] = asyncio.Queue()
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None
        self.explained: bytes = b""

    async def decide(self, request: DecisionRequest, arrived_at: float, sees_reasons: bool = True) -> bytes:
        self.decided.append(request)
        self.arrivals.append(arrived_at)
        self.saw_reasons.append(sees_reasons)
        self.reached.put_nowait(request)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return msgspec.json.encode({"asked": request})

    def fallback(self, request: DecisionRequest, degraded: Degraded) -> bytes:
        return msgspec.json.encode({"asked": request, "degraded": [degraded]})

    async def explain(self, request: DecisionRequest, arrived_at: float) -> bytes:
        return self.explained or msgspec.json.encode({"explained": request})

    async def replay(self, decision_id: str, arrived_at: float) -> bytes:
        if decision_id != "known":
            raise Problem(ProblemType.UNKNOWN_DECISION)
        return msgspec.json.encode({"replayed": decision_id})


class FewArchived:
    """An archive with one decision that it tells, and one that it cannot."""

    async def explained(self, decision_id: str) -> bytes | None:
        if decision_id == "unreadable":
            raise Problem(ProblemType.OTHER_BUNDLE)
        return msgspec.json.encode({"archived": decision_id}) if decision_id == "archived" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An application with its fakes, and a client that speaks to it."""

    app: App
    client: httpx.AsyncClient
    service: EchoService
    state: MemoryState
    watch: StoreWatch
    tokens: TokenCodec
    metrics: Metrics
    merges: MemoryMergeStore
    relations: MemoryRelationStore
    looks: Path
    """Where looks at customers are noted."""

    def bodies(self, stream: Stream, partition: int | None = None) -> list[bytes]:
        """What was appended to a stream, in all partitions or in one."""
        return [
            entry.body
            for (kind, where), entries in self.state.streams.items()
            for entry in entries
            if kind is stream and partition in {None, where}
        ]


Deciding = Callable[[MemoryState, Metrics, TokenCodec], Any]


def echo(_state: MemoryState, _metrics: Metrics, _tokens: TokenCodec) -> EchoService:
    """The service that most doors are tested with."""
    return EchoService()


@asynccontextmanager
async def running(
    *, keyring: Keyring | None = None, deciding: Deciding = echo, **settings: object
) -> AsyncIterator[Running]:
    """An application on fakes, for as long as the context lasts."""
    state, metrics, tokens = MemoryState(), Metrics(), TokenCodec(KEYS)
    service = deciding(state, metrics, tokens)

    watch = StoreWatch(MemoryHealth(state))
    merges, relations = MemoryMergeStore(state), MemoryRelationStore(state)

    reader = RecordReader(service.plan.profile_schema, service.plan.event_layout)

    def settling() -> Settling:
        return Settling(service.plan, merges, relations, reader.read)

    folder = Path(tempfile.mkdtemp(prefix="nextbest-looks-"))
    looks = LookLog(folder, looks_key(KEYS.token))
    access = Gate(a_keyring() if keyring is None else keyring, is_open=settings.get("access") == "open")

    @asynccontextmanager
    async def opening(chosen: Settings) -> AsyncIterator[Shell]:
        transport = httpx.ASGITransport(app)
        async with open_people(chosen, KEYS, transport) as people, looks.writing():
            access.people = people
            yield Shell(
                settings=chosen,
                access=access,
                looks=looks,
                service=service,
                customers=MemoryCustomerStore(state),
                outcomes=MemoryOutcomeStore(state),
                journal=MemoryJournal(state),
                orders=MemoryOrderStore(state),
                appointments=MemoryAppointmentStore(state),
                archived=FewArchived(),
                merges=merges,
                relations=relations,
                merging=lambda: Merging(
                    merges, layout=service.plan.event_layout, read=reader.read, settle=settling().settle
                ),
                watch=watch,
                tokens=tokens,
                plugs=Plugs(chosen.data_dir) if chosen.demonstration else None,
                seal=Seal(KEYS.token),
                metrics=metrics,
                read=reader.read,
                exposition=lambda: b"# nothing counted\n",
                reload=ReloadStatus(),
                relating=lambda: settling().relating,
                people=people,
            )

    app = create_app(Settings.model_validate(settings), opening)
    try:
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://nextbest", headers=AUTHORIZED) as client:
                yield Running(
                    app=app,
                    client=client,
                    service=service,
                    state=state,
                    watch=watch,
                    tokens=tokens,
                    metrics=metrics,
                    merges=merges,
                    relations=relations,
                    looks=folder,
                )
    finally:
        shutil.rmtree(folder)


def an_offer(**changes: Any) -> Tracked:
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
