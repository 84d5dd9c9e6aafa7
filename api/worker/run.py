"""The worker process: takes partitions, folds their events until a signal says stop, and gives them back."""

import asyncio
import logging
import signal
from typing import Final

import uvloop

from api.adapters.record_reader import RecordReader
from api.bootstrap import (
    Stores,
    compile_rules,
    learn_schemas,
    learning,
    open_secrets,
    open_stores,
    repeating,
    worker_name,
)
from api.exposition import MetricsFolder
from api.ports import StoreUnavailable
from api.settings import Settings
from api.telemetry import Metrics
from api.worker.consumer import Consumer
from api.worker.partitions import RENEW_EVERY_S, Partitions
from api.worker.timers import Timers
from engine.plan import Plan

WAIT_S: Final = 0.5
AWAY_S: Final = 0.5
_log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Fold events until SIGINT or SIGTERM.

    Raises:
        RuleErrors: the rule files do not make a bundle.
        SecretsUnusable: the keys cannot be had.
    """
    keys = open_secrets(settings)
    plan = compile_rules(settings.rules)

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for stopping in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(stopping, stop.set)
        async with open_stores(settings, keys, patient=True) as stores:
            await work(settings, plan, stores, stop)

    uvloop.run(serve())


async def work(settings: Settings, plan: Plan, stores: Stores, stop: asyncio.Event) -> None:
    """Fold events until `stop` is set."""
    metrics = Metrics()
    folder = MetricsFolder(settings.data_dir / "metrics", "worker", metrics)
    reader = RecordReader(plan.profile_schema, plan.event_layout)
    partitions = Partitions(stores.events, worker_name())
    consumer = Consumer(
        plan=plan,
        reader=reader,
        learn=lambda: learn_schemas(reader, stores.records),
        journal=stores.journal,
        events=stores.events,
        partitions=partitions,
        metrics=metrics,
    )
    timers = Timers(stores.events, partitions)
    async with repeating(folder.flush), learning(reader, stores.records):
        await _loop(partitions, consumer, timers, metrics, stop)
        await partitions.release()
    folder.close()


async def _loop(
    partitions: Partitions, consumer: Consumer, timers: Timers, metrics: Metrics, stop: asyncio.Event
) -> None:
    loop = asyncio.get_running_loop()
    renew_at, away = 0.0, False
    while not stop.is_set():
        try:
            if loop.time() >= renew_at:
                renew_at = loop.time() + RENEW_EVERY_S
                await partitions.renew()
                metrics.owned.set((), len(partitions))
            await timers.step()
            await consumer.step(WAIT_S)
            away = False
        except* StoreUnavailable:
            if not away:
                _log.warning("The store does not answer: events wait in it until it does.")
            away = True
            metrics.store_failures.add(("worker",))
            renew_at = 0.0
            await _pause(stop, AWAY_S)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
