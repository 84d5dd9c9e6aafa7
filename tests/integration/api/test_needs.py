"""The process that infers needs is killed again and again: state and reports are those of a run without a kill."""

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from contextlib import suppress
from time import time

import pytest

from api.adapters.memory import MemoryState
from api.adapters.memory_events import MemoryEventStore, MemoryJournal, MemoryRecordStore
from api.adapters.record_reader import RecordReader
from api.entries import EventEntry, decode_event, encode_entry
from api.known import learn_schemas
from api.ports import PARTITIONS, Arrival, Stream, key_of
from api.telemetry import Metrics
from api.worker.consumer import Consumer
from api.worker.inference import needs as needs_module
from api.worker.inference.messages import Chain
from api.worker.inference.needs import Needs
from api.worker.inference.process import Inferring
from api.worker.partitions import Partitions
from engine.need_events import NEED_EVENTS
from tests.unit.api.shells import starter_plan

PLAN = starter_plan()
CUSTOMERS = [f"C{number:07}" for number in range(1, 41)]
KINDS = ("mortgage_application", "solicitor_payment", "travel_purchase", "currency_enquiry")
NOW_S = int(time()) + 600
"""When both runs take place: one instant, late enough for no write to come too late."""
DAY_S = 86_400


def happenings(seed: int) -> list[EventEntry]:
    """Events of the past year, in the order in which they come in."""
    chance = random.Random(seed)
    entries = []
    for number in range(400):
        at_ms = 1_000 * (NOW_S - chance.randrange(365 * DAY_S))
        customer, kind = chance.choice(CUSTOMERS), chance.choice(KINDS)
        entries.append(EventEntry(customer, "test", str(number), kind, at_ms, at_ms, {}))
    return entries


class House:
    """A worker's consumer with the process that infers needs, on a store in memory and a clock that stands."""

    def __init__(self) -> None:
        self.state = MemoryState()
        self.journal = MemoryJournal(self.state)
        self.metrics = Metrics()
        self.pids: list[int] = []
        self.needs = Needs(self.metrics, self._start)
        reader, records = RecordReader(PLAN.profile_schema, PLAN.event_layout), MemoryRecordStore(self.state)
        events = MemoryEventStore(self.state)
        self.partitions = Partitions(events, "worker")
        self.consumer = Consumer(
            plan=PLAN,
            reader=reader,
            learn=lambda: learn_schemas(reader, records),
            journal=self.journal,
            events=events,
            partitions=self.partitions,
            metrics=self.metrics,
            needs=self.needs,
            clock=lambda: NOW_S,
        )

    async def _start(self, chain: Chain) -> Inferring:
        process = await Inferring.start(chain)
        self.pids.append(process.pid)
        return process

    async def run(self, entries: Sequence[EventEntry]) -> None:
        """Let all of them come in, a few at a time, and fold them with whatever they lead to."""
        await self.needs.take_up(PLAN)
        await self.partitions.renew()
        try:
            for at in range(0, len(entries), 5):
                for entry in entries[at : at + 5]:
                    arrival = Arrival(entry.source, entry.id, encode_entry(entry))
                    partition = key_of(entry.record).partition
                    await self.journal.append_once(Stream.EVENTS, partition, [arrival], deadline_ms=2**52, deadline=1e9)
                done = 1
                while done:
                    done = await self.consumer.step(0.0)
        finally:
            await self.needs.close()

    def records(self) -> list[object]:
        """What is stored of everybody."""
        return [(kept.record.events, kept.record.needs) for kept in (self.state.kept(key_of(c)) for c in CUSTOMERS)]

    def reports(self) -> list[tuple[str, str, object]]:
        """The needs that were reported, in no order."""
        bodies = [entry.body for at in range(PARTITIONS) for entry in self.state.streams.get((Stream.EVENTS, at), [])]
        events = [decode_event(body) for body in bodies]
        return sorted((each.record, each.type, each.data["need"]) for each in events if each.type in NEED_EVENTS)


async def kill_at_random(house: House, chance: random.Random) -> None:
    """Kill whatever process infers needs just then, and do so again."""
    while True:
        await asyncio.sleep(chance.uniform(0.0, 0.02))
        if house.pids:
            with suppress(ProcessLookupError):
                os.kill(house.pids[-1], signal.SIGKILL)


async def test_kills_neither_lose_nor_repeat_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is killed over a customer twice leaves them to the generated code, which concludes the same."""
    monkeypatch.setattr(needs_module, "FAILING", (1_000_000, 60.0))
    entries = happenings(7)
    clean, killed = House(), House()
    await clean.run(entries)
    killing = asyncio.create_task(kill_at_random(killed, random.Random(7)))
    try:
        await killed.run(entries)
    finally:
        killing.cancel()
    assert len(killed.pids) > 5
    assert killed.metrics.inference_faults.values[("crashed",)] > 0
    assert killed.records() == clean.records()
    assert killed.reports() == clean.reports()
    assert len(clean.reports()) > len(CUSTOMERS) // 2
    assert clean.metrics.needs_inferred.values.get(("generated",)) is None
    assert clean.metrics.inference_faults.values == {}
