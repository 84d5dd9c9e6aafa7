"""The worker process: takes partitions, folds their events until a signal says stop, and gives them back."""

import asyncio
import contextlib
import logging
import math
import signal
import time
from dataclasses import dataclass
from typing import Final

import uvloop

from api.adapters.record_reader import RecordReader
from api.adapters.records import encode_layout
from api.beside import repeating
from api.bootstrap import Stores, bundles_of, open_bundle, open_stores, spare_the_collector, worker_name
from api.exposition import MetricsFolder
from api.known import LEARN_EACH_S, learn_schemas, learning
from api.merging.saga import Merging
from api.merging.sides import Refused
from api.ports import RecordStore, StoreUnavailable
from api.reloading.bundles import Bundles
from api.reloading.reloader import Reloader
from api.security import open_secrets
from api.settings import Settings
from api.settling import Settling
from api.telemetry import Metrics
from api.worker.budgets import BudgetKeeper
from api.worker.consumer import Consumer
from api.worker.inference.needs import Needs
from api.worker.kafka import reading_kafka
from api.worker.newcomers import Newcomers
from api.worker.partitions import RENEW_EVERY_S, Partitions
from api.worker.timers import Timers
from api.worker.waiting import WaitingCount
from engine.plan import Plan

WAIT_S: Final = 0.5
RENEW_SOME_S: Final = RENEW_EVERY_S / 16
"""Leases are extended some at a time: events do not wait while all of them are."""
LOOK_AFTER_EACH_S: Final = 0.1
"""Between two looks at what is due, at budgets and at newcomers: looking alone takes a fraction of a millisecond."""
AWAY_S: Final = 0.5
FOLD_AFTER_S: Final = 2.5 * LEARN_EACH_S
"""So long after a layout is put nobody who reads records is without it."""
_log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Fold events until SIGINT or SIGTERM.

    Raises:
        RuleErrors: the rule files do not make a bundle.
        BundleUnreadable: there are none.
        SecretsUnusable: the keys cannot be had.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    keys = open_secrets(settings)
    bundles = bundles_of(settings, keys)
    plan, _ = open_bundle(settings, bundles)

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for stopping in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(stopping, stop.set)
        async with open_stores(settings, keys, patient=True) as stores:
            await work(settings, plan, stores, stop, bundles)

    uvloop.run(serve())


async def work(
    settings: Settings, plan: Plan, stores: Stores, stop: asyncio.Event, bundles: Bundles | None = None
) -> None:
    """Fold events until `stop` is set; with `bundles`, under whatever bundle comes to serve meanwhile."""
    metrics = Metrics()
    folder = MetricsFolder(settings.data_dir / "metrics", "worker", metrics)
    folding = Folding(plan, RecordReader(plan.profile_schema, plan.event_layout))
    partitions = Partitions(stores.events, worker_name())
    needs = Needs(metrics)
    newcomers = Newcomers(
        journal=stores.journal,
        customers=stores.customers,
        partitions=partitions,
        merge=lambda record, customer: _become_one(stores, folding, record, customer),
        metrics=metrics,
    )
    consumer = Consumer(
        plan=folding.plan,
        reader=folding.reader,
        learn=lambda: learn_schemas(folding.reader, stores.records),
        journal=stores.journal,
        events=stores.events,
        partitions=partitions,
        metrics=metrics,
        needs=needs,
        newcomers=newcomers,
    )
    timers = Timers(stores.events, partitions)
    keeper = BudgetKeeper(stores.budgets, partitions, metrics)
    waiting = WaitingCount(stores.journal, partitions, metrics)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(needs.close)
        await stack.enter_async_context(repeating(folder.keep))
        await stack.enter_async_context(learning(lambda: folding.reader, stores.records))
        if bundles is not None:
            reloader = _reloader(settings, bundles, metrics, folding)
            await stack.enter_async_context(reloader.running(at_once=settings.resume))
        if settings.kafka is not None:
            await stack.enter_async_context(reading_kafka(settings.kafka, stores, lambda: folding.plan, metrics))
        turn = _Turn(partitions, consumer, timers, keeper, waiting, newcomers, metrics, folding, stores.records, needs)
        await _loop(turn, stop)
        await partitions.release()
    folder.close()


async def _become_one(stores: Stores, folding: "Folding", record: str, customer: str) -> bool:
    """Merge the record of somebody who was not known into their customer's; False where that cannot be."""
    read = folding.reader.read
    settling = Settling(folding.plan, stores.merges, stores.relations, read)
    merging = Merging(stores.merges, layout=folding.plan.event_layout, read=read, settle=settling.settle)
    try:
        await merging.merge(record, customer, by="event worker", why="the identity became known")
    except Refused:
        return False
    return True


class Folding:
    """The plan under which events are folded, and the one that is to follow it."""

    def __init__(self, plan: Plan, reader: RecordReader) -> None:
        self.plan = plan
        self.reader = reader
        self.following: tuple[Plan, RecordReader] | None = None
        self.model = None
        self.taken_up = asyncio.Event()
        self.begun = False
        """Whether the store knows that events are folded under this plan."""

    @property
    def ruleset(self) -> str:
        """See `api.reloading.reloader.Served`."""
        return self.plan.hash

    def prepare(self, plan: Plan, _model: str | None) -> tuple[Plan, RecordReader]:
        """What folding under another plan takes."""
        reader = RecordReader(plan.profile_schema, plan.event_layout)
        reader.adopt(self.reader)
        return plan, reader

    async def take_up(self, prepared: tuple[Plan, RecordReader]) -> None:
        """Fold under another plan once the step under way has ended; back when that is so."""
        self.taken_up.clear()
        self.following = prepared
        await self.taken_up.wait()


def _reloader(
    settings: Settings, bundles: Bundles, metrics: Metrics, folding: Folding
) -> Reloader[tuple[Plan, RecordReader]]:
    return Reloader(
        settings=settings,
        bundles=bundles,
        metrics=metrics,
        served=lambda: folding,
        plan=lambda: folding.plan,
        prepare=folding.prepare,
        take_up=folding.take_up,
        leads=False,
    )


@dataclass(frozen=True, slots=True)
class _Turn:
    """What takes part in folding."""

    partitions: Partitions
    consumer: Consumer
    timers: Timers
    budgets: BudgetKeeper
    waiting: WaitingCount
    newcomers: Newcomers
    metrics: Metrics
    folding: Folding
    records: RecordStore
    needs: Needs

    async def look_after(self) -> None:
        """See to a plan that is to follow, to what is due, to budgets, to what waits for people, and to newcomers.

        Raises:
            StoreUnavailable: the store went away.
        """
        if self.folding.following is not None or not self.folding.begun:
            await self._begin()
        await self.timers.step()
        await self.budgets.step(self.folding.plan)
        await self.waiting.step()
        await self.newcomers.step()

    async def step(self) -> None:
        """Fold what came.

        Raises:
            StoreUnavailable: the store went away.
        """
        await self.consumer.step(WAIT_S)

    async def _begin(self) -> None:
        """Let everybody know the layout first, and only then fold under it: who reads records has to read ours."""
        folding = self.folding
        plan, reader = folding.following or (folding.plan, folding.reader)
        layout = plan.event_layout
        await self.records.put_layout(layout.hash, encode_layout(layout))
        if folding.following is not None:
            await asyncio.sleep(FOLD_AFTER_S)
        await self.records.begin_folding(layout.hash, int(time.time()))
        await learn_schemas(reader, self.records)
        await self.needs.take_up(plan)
        self.consumer.take_up(plan, reader)
        folding.plan, folding.reader = plan, reader
        folding.following, folding.begun = None, True
        spare_the_collector()
        folding.taken_up.set()


async def _loop(turn: _Turn, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    renewed_at, looked_after_at, away = -math.inf, -math.inf, False
    while not stop.is_set():
        try:
            now = loop.time()
            if now - renewed_at >= RENEW_SOME_S:
                await turn.partitions.renew_next(now - renewed_at)
                renewed_at = now
                turn.metrics.owned.set((), len(turn.partitions))
            if now - looked_after_at >= LOOK_AFTER_EACH_S:
                await turn.look_after()
                looked_after_at = now
            await turn.step()
            away = False
        except* StoreUnavailable:
            if not away:
                _log.warning("The store does not answer: events wait in it until it does.")
            away = True
            turn.metrics.store_failures.add(("worker",))
            renewed_at = -math.inf
            await _pause(stop, AWAY_S)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
