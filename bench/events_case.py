"""Events through one event worker: how many a second of its processor, and how long until a decision sees one."""

import asyncio
import gc
import os
import random
import signal
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import redis
import uvloop

from api.bootstrap import Stores, open_stores
from api.deadline import Deadline
from api.forms import EventForm
from api.ingestion.intake import EventIntake
from api.ports import FIRST, Stream, key_of
from api.security import open_secrets
from bench.customers import customer_id
from bench.event_worker import event_worker, positions
from bench.installation import installed, worker_settings
from bench.measure import median, spread
from bench.processes import cpu_s
from bench.report import CaseResult, Figure, Measurement, Target
from bench.workshop import CUSTOMERS, Workshop

LEAST_A_SECOND: Final = 5_000
MOST_EFFECT_MS: Final = 50.0
WATCHED: Final = 200
"""Customers of whom only watched events tell."""
_BATCH: Final = 500
_TICK_S: Final = 0.02
_LOOK_S: Final = 0.001
_CAUGHT_UP_S: Final = 0.05
"""Between two looks at whether everything is folded: one takes some milliseconds of store and sender."""
_WITHIN_MS: Final = 10_000
_PATIENCE_S: Final = 120.0


def run(workshop: Workshop, *, quick: bool) -> CaseResult:
    """Measure; about two minutes."""
    asked = _Asked(count=4_000, rounds=2, seconds=3.0) if quick else _Asked(count=20_000, rounds=4, seconds=15.0)
    settings, log = worker_settings(workshop), workshop.folder / "event-worker.log"
    with installed(workshop) as installation, event_worker(settings, log, installation.store_url) as worker:
        measuring = _Measuring(workshop, worker, installation.store_pid, installation.store_url)
        return uvloop.run(measuring.run(asked))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    count: int
    rounds: int
    seconds: float


class _Measuring:
    """One worker under events of customers drawn by chance."""

    def __init__(self, workshop: Workshop, worker: int, store: int, store_url: str) -> None:
        self._workshop = workshop
        self._worker = worker
        self._store = store
        self._redis = redis.Redis.from_url(store_url)
        self._chance = random.Random(5)
        self._sent = 0

    async def run(self, asked: _Asked) -> CaseResult:
        settings = worker_settings(self._workshop)
        async with open_stores(settings, open_secrets(settings), patient=True) as stores:
            intake = EventIntake(stores.customers, stores.journal)
            await self._drain(stores, intake, asked.count // 4)
            drained = [await self._drain(stores, intake, asked.count) for _ in range(asked.rounds)]
            a_second, worker_us, store_us = (median([each[at] for each in drained]) for at in range(3))
            carried = median([await self._carried(stores, intake, asked.count) for _ in range(asked.rounds)])
            alone = spread(await self._effects(stores, intake, 0, asked.seconds / 3))
            effect = spread(await self._effects(stores, intake, carried / 2, asked.seconds))
        a_core, rules = 1e6 / worker_us, len(self._workshop.plan.actions)
        return CaseResult(
            case="events",
            title="events through one event worker, simple state",
            measurements=(
                Measurement(what="event to effect at half load", rules=rules, spread=effect),
                Measurement(what="event to effect, nothing else going on", rules=rules, spread=alone),
            ),
            figures=(
                Figure(what="folded a second, worker and store on this machine", value=a_second, unit="events"),
                Figure(what="taken in and folded a second, sender on this machine too", value=carried, unit="events"),
                Figure(what="processor time of the worker", value=worker_us, unit="us an event"),
                Figure(what="processor time of the store", value=store_us, unit="us an event"),
            ),
            targets=(
                Target(
                    what="events a second of one core of the worker",
                    bound="at least",
                    target=LEAST_A_SECOND,
                    measured=a_core,
                ),
                Target(
                    what="event to effect on the next decision, p99",
                    bound="at most",
                    target=MOST_EFFECT_MS,
                    measured=effect.p99_us / 1_000,
                    unit="ms",
                ),
            ),
            notes=(
                "Folded a second: events wait in their streams while the worker is paused, then it takes them all.",
                "Taken in and folded: a sender that never waits, from its first event until all are folded.",
                "Effect: from the call that takes an event in until its customer's record shows it, at half that rate.",
            ),
        )

    async def _drain(self, stores: Stores, intake: EventIntake, count: int) -> tuple[float, float, float]:
        """Events a second, and the worker's and the store's microseconds an event."""
        os.kill(self._worker, signal.SIGSTOP)
        try:
            for _ in range(0, count, _BATCH):
                await self._send(intake, [self._event() for _ in range(_BATCH)])
        finally:
            store_before, worker_before = cpu_s(self._store), cpu_s(self._worker)
            began = time.perf_counter()
            os.kill(self._worker, signal.SIGCONT)
        await self._caught_up(stores)
        took = time.perf_counter() - began
        worker, store = cpu_s(self._worker) - worker_before, cpu_s(self._store) - store_before
        return count / took, 1e6 * worker / count, 1e6 * store / count

    async def _carried(self, stores: Stores, intake: EventIntake, count: int) -> float:
        """Events a second that are taken in and folded at the same time."""
        began = time.perf_counter()
        for _ in range(0, count, _BATCH):
            await self._send(intake, [self._event() for _ in range(_BATCH)])
        await self._caught_up(stores)
        return count / (time.perf_counter() - began)

    async def _caught_up(self, stores: Stores) -> None:
        """Wait until the worker has folded everything."""
        give_up_at = time.perf_counter() + _PATIENCE_S
        while await self._behind(stores):
            if time.perf_counter() > give_up_at:
                raise RuntimeError("the event worker does not get through")
            await asyncio.sleep(_CAUGHT_UP_S)

    async def _behind(self, stores: Stores) -> bool:
        after = {partition: position or FIRST for partition, position in enumerate(positions(self._redis))}
        return bool(await stores.journal.read(Stream.EVENTS, after, count=1))

    async def _effects(self, stores: Stores, intake: EventIntake, rate: float, seconds: float) -> "array[float]":
        """Microseconds until an event shows, of one event a tick, while so many a second come in."""
        # A search for garbage among all that was imported takes as long as what is measured.
        gc.collect()
        gc.freeze()
        effects: array[float] = array("d")
        watching: set[asyncio.Task[None]] = set()
        began = time.perf_counter()
        sent = tick = 0
        while (now := time.perf_counter() - began) < seconds:
            due = int(now * rate) - sent
            for at in range(0, due, _BATCH):
                await self._send(intake, [self._event() for _ in range(min(_BATCH, due - at))])
            sent += due
            tick += 1
            task = asyncio.create_task(self._watch(stores, intake, customer_id(1 + tick % WATCHED), effects))
            watching.add(task)
            task.add_done_callback(watching.discard)
            await asyncio.sleep(max(0.0, began + tick * _TICK_S - time.perf_counter()))
        await asyncio.gather(*watching)
        return effects

    async def _watch(self, stores: Stores, intake: EventIntake, customer: str, effects: "array[float]") -> None:
        key = key_of(customer)
        loop = asyncio.get_running_loop()
        (before,) = await stores.events.records([key], deadline=loop.time() + _PATIENCE_S)
        began = time.perf_counter()
        await self._send(intake, [self._event(customer)])
        while True:
            (now,) = await stores.events.records([key], deadline=loop.time() + _PATIENCE_S)
            if now.applied != before.applied:
                effects.append(1e6 * (time.perf_counter() - began))
                return
            await asyncio.sleep(_LOOK_S)

    def _event(self, customer: str | None = None) -> EventForm:
        self._sent += 1
        named = customer or customer_id(WATCHED + 1 + self._chance.randrange(CUSTOMERS - WATCHED - 1))
        (kind,) = self._workshop.plan.catalogue.events
        return EventForm(
            specversion="1.0",
            id=f"{os.getpid()}-{self._sent}",
            source="bench",
            type=kind,
            subject=f"customer_id:{named}",
        )

    async def _send(self, intake: EventIntake, forms: Sequence[EventForm]) -> None:
        deadline = Deadline.within(_WITHIN_MS)
        catalogue = self._workshop.plan.catalogue
        checked = await asyncio.gather(*(intake.check(catalogue, form, deadline) for form in forms))
        if not all(await intake.take(checked, deadline)):
            raise RuntimeError("an event was taken for a duplicate")
