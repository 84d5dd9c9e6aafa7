"""Events through a whole event worker on a real store, which infers 200 needs of each customer with durable-rules."""

import asyncio
import os
import re
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis
import uvloop

from api.adapters.embedded import EmbeddedServer
from api.adapters.records import encode_consent, encode_events, encode_needs, encode_profile
from api.bootstrap import Stores, open_stores
from api.deadline import Deadline
from api.exposition import MetricsFolder
from api.forms import EventForm
from api.ingestion.intake import EventIntake
from api.needs import active_needs, row_of
from api.ports import FIRST, LoadedRecord, Stream
from api.security import open_secrets
from api.settings import Settings
from api.telemetry import Metrics
from bench.customers import CONSENT, customer_id, profile_values
from bench.event_worker import event_worker, positions
from bench.measure import median
from bench.needs_case import LEAST_PER_S, NEEDS, need_files
from bench.processes import cpu_s
from bench.report import CaseResult, Figure, Target
from bench.workshop import Workshop
from engine import Plan, Snapshot, compile_bundle
from engine.ids import CustomerId

_BATCH: Final = 500
_CAUGHT_UP_S: Final = 0.05
_TOLD_S: Final = 1.5
"""A worker writes its counts down each second."""
_WITHIN_MS: Final = 10_000
_PATIENCE_S: Final = 120.0
_INFERRED: Final = re.compile(r'^nextbest_needs_inferred_total\{by="(\w+)"\} ([\d.e+]+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drained:
    """What some events took, in seconds."""

    took: float
    worker: float
    child: float
    store: float


def run(workshop: Workshop, *, quick: bool) -> CaseResult:
    """Measure; about a minute. Each event is the only one of its customer, so that needs are inferred for each."""
    count, rounds = (1_000, 2) if quick else (5_000, 4)
    settings = Settings(rules=_rules_in(workshop.folder / "need-rules"), data_dir=workshop.folder / "needs-data")
    settings.data_dir.mkdir()
    store = EmbeddedServer(settings.data_dir)
    store.start()
    try:
        drained = uvloop.run(_measured(settings, store, workshop.folder / "needs-worker.log", count, rounds))
    finally:
        store.stop()
    worker, child, kept = (
        median([1e6 * getattr(each, what) / count for each in drained]) for what in ("worker", "child", "store")
    )
    return CaseResult(
        case="stored_needs",
        title=f"events through one event worker on a real store, {NEEDS} needs inferred of each",
        figures=(
            Figure(
                what="folded a second, worker, its child and store on this machine",
                value=round(median([count / each.took for each in drained])),
                unit="events",
            ),
            Figure(what="processor time of the worker", value=round(worker, 1), unit="us an event"),
            Figure(what="processor time of its child", value=round(child, 1), unit="us an event"),
            Figure(what="processor time of the store", value=round(kept, 1), unit="us an event"),
        ),
        targets=(
            Target(
                what="events a second and core, worker and child together",
                bound="at least",
                target=LEAST_PER_S,
                measured=round(1e6 / (worker + child)),
                unit="events/s",
            ),
        ),
        notes=("Events wait in their streams while the worker is paused, then it takes them all.",),
    )


def _rules_in(folder: Path) -> Path:
    for name, content in need_files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


async def _measured(
    settings: Settings, store: EmbeddedServer, log: Path, count: int, rounds: int
) -> Sequence[_Drained]:
    plan = compile_bundle({str(p.relative_to(settings.rules)): p.read_bytes() for p in settings.rules.rglob("*.yaml")})
    async with open_stores(settings, open_secrets(settings), patient=True) as stores:
        await _load(stores, plan.plan, count * (rounds + 1))
        with event_worker(settings, log, store.url) as worker, redis.Redis.from_url(store.url) as looking:
            sender = _Sender(stores, plan.plan, looking)
            await _drain(sender, worker, store.pid, 0, count)
            drained = [await _drain(sender, worker, store.pid, (1 + at) * count, count) for at in range(rounds)]
            await asyncio.sleep(_TOLD_S)
            _see_that_all_were_inferred(settings.data_dir / "metrics", count * (rounds + 1))
    return drained


async def _load(stores: Stores, plan: Plan, customers: int) -> None:
    """Customers who differ in every number, whose needs are stored as they are."""
    now_s = int(time.time())
    for first in range(0, customers, _BATCH):
        await stores.records.load([_record(plan, number, now_s) for number in range(first, first + _BATCH)])


def _record(plan: Plan, number: int, now_s: int) -> LoadedRecord:
    profile = plan.profile_schema.encode(profile_values(number))
    events = plan.event_layout.empty(0)
    snapshot = Snapshot(known=True, profile=profile, events=events, consent=CONSENT)
    return LoadedRecord(
        customer=CustomerId(customer_id(number)),
        profile=encode_profile(plan.profile_schema, profile),
        events=encode_events((plan.event_layout, events)),
        needs=encode_needs(active_needs(plan, snapshot, row_of(plan, snapshot, now_s), now_s)),
        consent=encode_consent(CONSENT),
    )


class _Sender:
    """Takes events in as the HTTP door does, and sees when all are folded."""

    def __init__(self, stores: Stores, plan: Plan, looking: "redis.Redis") -> None:
        self._stores = stores
        self._plan = plan
        self._looking = looking
        self._intake = EventIntake(stores.customers, stores.journal)

    async def send(self, first: int, count: int) -> None:
        """One event of each of some customers."""
        for number in range(first, first + count, _BATCH):
            forms = [_event(at) for at in range(number, number + _BATCH)]
            deadline = Deadline.within(_WITHIN_MS)
            checked = await asyncio.gather(
                *(self._intake.check(self._plan.catalogue, each, deadline) for each in forms)
            )
            if not all(await self._intake.take(checked, deadline)):
                raise RuntimeError("an event was taken for a duplicate")

    async def caught_up(self) -> None:
        """Wait until the worker has folded everything."""
        give_up_at = time.perf_counter() + _PATIENCE_S
        while await self._behind():
            if time.perf_counter() > give_up_at:
                raise RuntimeError("the event worker does not get through")
            await asyncio.sleep(_CAUGHT_UP_S)

    async def _behind(self) -> bool:
        after = {partition: position or FIRST for partition, position in enumerate(positions(self._looking))}
        return bool(await self._stores.journal.read(Stream.EVENTS, after, count=1))


def _event(number: int) -> EventForm:
    return EventForm(
        specversion="1.0",
        id=str(number),
        source="bench",
        type="branch_visit",
        subject=f"customer_id:{customer_id(number)}",
    )


async def _drain(sender: _Sender, worker: int, store: int, first: int, count: int) -> _Drained:
    os.kill(worker, signal.SIGSTOP)
    try:
        await sender.send(first, count)
    finally:
        before = _used(worker, store)
        began = time.perf_counter()
        os.kill(worker, signal.SIGCONT)
    await sender.caught_up()
    took = time.perf_counter() - began
    worker_s, child_s, store_s = (now - then for now, then in zip(_used(worker, store), before, strict=True))
    return _Drained(took=took, worker=worker_s, child=child_s, store=store_s)


def _used(worker: int, store: int) -> tuple[float, float, float]:
    """Processor time so far of the worker, of its children, and of the store."""
    children = Path(f"/proc/{worker}/task/{worker}/children").read_text(encoding="ascii").split()
    return cpu_s(worker), sum(cpu_s(int(child)) for child in children), cpu_s(store)


def _see_that_all_were_inferred(folder: Path, events: int) -> None:
    told = MetricsFolder(folder, "bench", Metrics()).exposition().decode()
    by = {name: float(count) for name, count in _INFERRED.findall(told)}
    if by.get("durable_rules", 0.0) < events:
        raise RuntimeError(f"durable-rules did not infer all needs of {events} customers: {by}")
