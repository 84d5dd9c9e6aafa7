"""Events through a worker that infers 200 needs of each customer with durable-rules, its store in memory; and the same
with the generated code alone.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from api.adapters.memory import Kept, MemoryState
from api.adapters.memory_events import MemoryEventStore, MemoryJournal, MemoryRecordStore
from api.adapters.record_reader import RecordReader
from api.adapters.records import encode_consent, encode_events, encode_needs, encode_profile
from api.entries import EventEntry, encode_entry
from api.known import learn_schemas
from api.needs import active_needs, row_of
from api.ports import Arrival, CustomerKey, StoredRecord, Stream, key_of
from api.telemetry import Metrics
from api.worker.consumer import Consumer
from api.worker.inference.messages import Chain
from api.worker.inference.needs import Needs
from api.worker.inference.process import Inferring
from api.worker.partitions import Partitions
from bench.blocks import BlockDrawer
from bench.bundle import SEED, action_file, frame, written
from bench.customers import CONSENT, customer_id, profile_values
from bench.report import CaseResult, Figure, Target
from engine import Plan, Snapshot, compile_bundle

NEEDS: Final = 200
LEAST_PER_S: Final = 1_000.0
_CUSTOMERS: Final = 4_000
_FEW_CUSTOMERS: Final = 500
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class _Children:
    """Starts the processes that infer, and remembers them."""

    pids: list[int] = field(default_factory=list)

    async def __call__(self, chain: Chain) -> Inferring:
        process = await Inferring.start(chain)
        self.pids.append(process.pid)
        return process

    def processor_s(self) -> float:
        """What they took of a processor since they began."""
        return sum(_processor_s(pid) for pid in self.pids)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """How long some events took."""

    took_s: float
    worker_s: float
    """Of a processor."""
    child_s: float


def run(*, quick: bool) -> CaseResult:
    """Measure; the customers differ in every number, and each event changes an input of a need."""
    plan = compile_bundle(need_files()).plan
    customers = _FEW_CUSTOMERS if quick else _CUSTOMERS
    inferred = asyncio.run(_through_a_worker(plan, customers, infers=True))
    generated = asyncio.run(_through_a_worker(plan, customers, infers=False))
    per_core = customers / (inferred.worker_s + inferred.child_s)
    return CaseResult(
        case="needs",
        title=f"events through a worker, {NEEDS} needs inferred of each, store in memory",
        figures=(
            Figure(what="with durable-rules, two processes", value=round(customers / inferred.took_s), unit="events/s"),
            Figure(what="processor time of the worker", value=_us(inferred.worker_s, customers), unit="us an event"),
            Figure(what="processor time of its child", value=_us(inferred.child_s, customers), unit="us an event"),
            Figure(what="generated code alone", value=round(customers / generated.took_s), unit="events/s"),
        ),
        targets=(
            Target(
                what="events a second and core, both processes together",
                bound="at least",
                target=LEAST_PER_S,
                measured=round(per_core),
                unit="events/s",
            ),
        ),
        notes=("Without the store's own time: what it takes to read a record and to write it stands in other cases.",),
    )


def need_files(count: int = NEEDS) -> dict[str, bytes]:
    """A theme with so many needs: every fourth asks for the one before it, and every tenth for a visit."""
    drawer = BlockDrawer(SEED)
    lines = ["theme: everything", "title: Everything", "owner: bench@bank.example", "version: 1", "needs:"]
    used: list[str] = []
    for number in range(count):
        block = drawer.block(wanted=number % 4 == 0, never=used if number % 4 == 3 else ())
        used = [cell.attribute.name for cell in block.cells]
        cells = list(written(block))
        if number % 4 == 3:
            cells.append(f"needs.need_{number - 1}: true")
        if number % 10 == 9:
            cells.append(f"history: [{{seen: branch_visit, in: {number}d}}]")
        lines.append(f"  - {{need: need_{number}, when: {{{', '.join(cells)}}}}}")
    lines += ["active: {needs.need_0: true}", "journey: [action_0000]", "weight: 1.2", ""]
    action = action_file(0, drawer.block(wanted=True))
    files = {**frame(), "thematic/everything.yaml": "\n".join(lines), "actions/action_0000.yaml": action}
    return {name: text.encode() for name, text in files.items()}


async def _through_a_worker(plan: Plan, customers: int, *, infers: bool) -> _Run:
    """Fold one event of each customer, whose needs are stored as they are: what is measured is finding that out."""
    state, metrics, children = MemoryState(), Metrics(), _Children()
    records = MemoryRecordStore(state)
    reader = RecordReader(plan.profile_schema, plan.event_layout)
    journal, events = MemoryJournal(state), MemoryEventStore(state)
    now_s = int(time.time())
    for number in range(customers):
        _keep(state, plan, number, now_s)
    partitions = Partitions(events, "bench")
    needs = Needs(metrics, children)
    await needs.take_up(plan)
    consumer = Consumer(
        plan=plan,
        reader=reader,
        learn=lambda: learn_schemas(reader, records),
        journal=journal,
        events=events,
        partitions=partitions,
        metrics=metrics,
        needs=needs if infers else None,
    )
    await partitions.renew()
    if infers:
        await needs.held("nobody", plan, row_of(plan, _snapshot(plan, 0), now_s))
    try:
        await _send(journal, [_entry(number, now_s) for number in range(customers)])
        started, worker_s, child_s = time.perf_counter(), time.process_time(), children.processor_s()
        done = 0
        while done < customers:
            done += await consumer.step(0.0)
        return _Run(
            took_s=time.perf_counter() - started,
            worker_s=time.process_time() - worker_s,
            child_s=children.processor_s() - child_s,
        )
    finally:
        _see_that_all_were_inferred(metrics, customers, infers=infers)
        await needs.close()


def _see_that_all_were_inferred(metrics: Metrics, customers: int, *, infers: bool) -> None:
    by = metrics.needs_inferred.values
    if infers and (by.get(("durable_rules",), 0) < customers or metrics.inference_faults.values):
        raise AssertionError(f"durable-rules did not infer all needs: {by}, {metrics.inference_faults.values}")


def _keep(state: MemoryState, plan: Plan, number: int, now_s: int) -> None:
    snapshot = _snapshot(plan, number)
    assert snapshot.profile is not None
    assert snapshot.events is not None
    row = row_of(plan, snapshot, now_s)
    state.keep(
        _key(number),
        Kept(
            StoredRecord(
                owner=customer_id(number).encode(),
                profile=encode_profile(plan.profile_schema, snapshot.profile),
                events=encode_events((plan.event_layout, snapshot.events)),
                needs=encode_needs(active_needs(plan, snapshot, row, now_s)),
                consent=encode_consent(CONSENT),
            )
        ),
    )


def _snapshot(plan: Plan, number: int) -> Snapshot:
    profile = plan.profile_schema.encode(profile_values(number))
    return Snapshot(known=True, profile=profile, events=plan.event_layout.empty(0), consent=CONSENT)


def _key(number: int) -> CustomerKey:
    return key_of(customer_id(number))


def _entry(number: int, now_s: int) -> EventEntry:
    at_ms = 1_000 * (now_s - number % 1_000)
    return EventEntry(customer_id(number), "bench", str(number), "branch_visit", at_ms, at_ms, {})


async def _send(journal: MemoryJournal, entries: Sequence[EventEntry]) -> None:
    for entry in entries:
        arrival = Arrival(entry.source, entry.id, encode_entry(entry))
        await journal.append_once(
            Stream.EVENTS, key_of(entry.record).partition, [arrival], deadline_ms=2**52, deadline=1e12
        )


def _processor_s(pid: int) -> float:
    """Processor time of a process so far, by the kernel's own count."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _us(seconds: float, events: int) -> float:
    return round(seconds / events * 1e6, 1)
