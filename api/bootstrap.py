"""The only place that builds adapters: a bundle, a model, a store and a service, for as long as a process runs."""

import asyncio
import contextlib
import gc
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from api.adapters.bundle_files import read_rules
from api.adapters.cluster import nodes_at
from api.adapters.customer_store import RedisCustomerStore
from api.adapters.embedded import RunningServer, running_url
from api.adapters.event_store import RedisEventStore, RedisJournal
from api.adapters.flights import Timing
from api.adapters.outcome_store import RedisOutcomeStore
from api.adapters.record_reader import RecordReader
from api.adapters.record_store import RedisHealth, RedisRecordStore
from api.adapters.records import decode_schema
from api.adapters.server_checks import ALWAYS, UNKNOWN, check_server
from api.exposition import MetricsFolder
from api.faults import log_fault
from api.ports import RecordStore, StoreUnavailable
from api.security import Secrets, SecretsUnusable, read_or_mint_secrets, read_secrets
from api.service import Service
from api.service_port import Shell
from api.serving import Serving
from api.settings import Settings
from api.telemetry import Metrics
from api.tokens import TokenCodec
from api.watch import StoreWatch
from engine import Plan, compile_bundle
from engine.ports import Scorer
from models.artefact import MANIFEST
from models.baseline import Baseline
from models.errors import ModelRefused
from models.loading import load_model
from models.registry import open_registry
from models.verify import verify_in_child

EACH_S: Final = 1.0
YOUNG_OBJECTS: Final = 20_000
"""Python's own 700 would search for garbage after every other request; what requests leave is freed by counting."""
PATIENT_S: Final = 5.0
_log = logging.getLogger(__name__)


def release() -> str:
    """The release of the product that runs."""
    try:
        return version("nextbest")
    except PackageNotFoundError:
        return "0"


def compile_rules(folder: Path) -> Plan:
    """The plan of a folder of rule files.

    Raises:
        RuleErrors: with everything that is wrong with them.
        BundleUnreadable: the files cannot be read at all.
    """
    return compile_bundle(read_rules(folder), root=str(folder)).plan


def open_secrets(settings: Settings) -> Secrets:
    """The installation's keys; minted where the store is our own, given by the operator where it is not.

    Raises:
        SecretsUnusable: there are none, or they cannot be used.
    """
    if settings.redis_url is None and settings.secrets is None:
        return read_or_mint_secrets(settings.secrets_path)
    if settings.secrets is None:
        raise SecretsUnusable("an external store needs --secrets FILE, the same for every process that uses it")
    return read_secrets(settings.secrets)


def see_that_it_can_start(settings: Settings) -> None:
    """Find out before any process is started what would keep all of them from starting.

    Raises:
        RuleErrors: the rule files do not make a bundle.
        SecretsUnusable: the keys cannot be had.
        UnsuitableStore: the external store would lose or evict what was acknowledged.
    """
    open_secrets(settings)
    compile_rules(settings.rules)
    durability_of(settings)


def durability_of(settings: Settings) -> str:
    """How durable the store is; an external one that is away cannot be asked, and counts as unknown.

    Raises:
        UnsuitableStore: the external store would lose or evict what was acknowledged.
    """
    if settings.redis_url is None:
        return ALWAYS
    try:
        return check_server(settings.redis_url.get_secret_value(), vouched=settings.store_is_durable)
    except StoreUnavailable:
        return UNKNOWN


def open_scorers(settings: Settings, plan: Plan) -> tuple[Scorer, Scorer]:
    """The model that scores, and the baseline behind it; the baseline alone where no model can be had."""
    folder = settings.model or settings.data_dir / "models"
    registry = open_registry(folder)
    baseline = registry.baseline(plan)
    try:
        if (folder / MANIFEST).is_file():
            verify_in_child(folder)
            model = load_model(folder)
            return model.bind(plan), Baseline(plan, model.learned, model.version)
        if registry.current() is None and settings.model is None:
            _log.info("no model has been promoted: the baseline scores")
            return baseline, baseline
        return registry.load().bind(plan), baseline
    except ModelRefused as refusal:
        _log.error("the model is not taken up, the baseline scores: %s", refusal.reason)
        return baseline, baseline


def store_url(settings: Settings) -> str:
    """Where the store listens: the address given, or the embedded server's, whether or not it runs already."""
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    url = running_url(settings.data_dir)
    if url is None:
        noted = RunningServer.of(settings.data_dir)
        url = noted.url if noted else f"unix://{(settings.data_dir / 'valkey' / 'server.sock').absolute()}"
    return url


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Every port on one store."""

    customers: RedisCustomerStore
    outcomes: RedisOutcomeStore
    journal: RedisJournal
    events: RedisEventStore
    records: RedisRecordStore
    health: RedisHealth


@asynccontextmanager
async def open_stores(settings: Settings, keys: Secrets, *, patient: bool = False) -> AsyncIterator[Stores]:
    """Connect to the store, and stay connected; one that is away comes back by itself.

    A patient process moves much at once and has nobody waiting: its trips may take seconds.
    """
    durability = await asyncio.to_thread(durability_of, settings)
    nodes = nodes_at(store_url(settings), Timing(flight=PATIENT_S) if patient else None)
    await nodes.start()
    try:
        yield Stores(
            customers=RedisCustomerStore(nodes),
            outcomes=RedisOutcomeStore(nodes, keys.ids),
            journal=RedisJournal(nodes, keys.ids),
            events=RedisEventStore(nodes),
            records=RedisRecordStore(nodes),
            health=RedisHealth(nodes, durability),
        )
    finally:
        await nodes.close()


def _spare_the_collector() -> None:
    """Take everything that lives as long as the process out of the collector's sight: it walks what requests make."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)


@asynccontextmanager
async def open_shell(settings: Settings) -> AsyncIterator[Shell]:
    """Everything behind the routes, built from settings.

    Raises:
        RuleErrors: the rule files do not make a bundle.
        SecretsUnusable: the keys cannot be had.
    """
    keys = open_secrets(settings)
    plan = compile_rules(settings.rules)
    scorer, baseline = open_scorers(settings, plan)
    reader = RecordReader(plan.profile_schema, plan.event_layout)
    tokens, metrics = TokenCodec(keys), Metrics()
    serving = Serving(plan=plan, scorer=scorer, baseline=baseline, reader=reader, tokens=tokens, release=release())
    metrics.bundle.set((plan.hash, scorer.version, release()), 1)
    folder = MetricsFolder(settings.data_dir / "metrics", "api", metrics)
    async with open_stores(settings, keys) as stores, repeating(folder.flush), learning(reader, stores.records):
        watch = StoreWatch(stores.health)
        await watch.look()
        async with beside(watch.keep_looking()):
            _spare_the_collector()
        yield Shell(
            settings=settings,
            service=Service(serving=serving, store=stores.customers, secrets=keys, metrics=metrics),
            customers=stores.customers,
            outcomes=stores.outcomes,
            journal=stores.journal,
            watch=watch,
            tokens=tokens,
            metrics=metrics,
            read=reader.read,
            exposition=folder.exposition,
        )
    folder.close()


@asynccontextmanager
async def repeating(step: Callable[[], None], each_s: float = EACH_S) -> AsyncIterator[None]:
    """Take a step again and again for as long as the context lasts; a step that fails is logged, and taken again."""

    async def repeat() -> None:
        while True:
            await asyncio.sleep(each_s)
            try:
                step()
            except Exception as error:  # noqa: BLE001 - what runs beside the requests must not end with one failure
                log_fault(_log, "a repeated step", error)

    async with beside(repeat()):
        yield


@asynccontextmanager
async def learning(reader: RecordReader, records: RecordStore) -> AsyncIterator[None]:
    """Learn other bundles' profile schemas: all at the start, and again when a record of an unknown one is met."""
    await learn_schemas(reader, records)

    async def repeat() -> None:
        while True:
            await asyncio.sleep(EACH_S)
            if reader.unknown:
                await learn_schemas(reader, records)

    async with beside(repeat()):
        yield


async def learn_schemas(reader: RecordReader, records: RecordStore) -> None:
    """Let a reader know every schema that the store keeps; an unreachable store is asked again later."""
    with contextlib.suppress(StoreUnavailable):
        for columns in await records.schemas():
            reader.learn(decode_schema(columns))


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let something go on for as long as the context lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def worker_name() -> str:
    """What a worker calls itself in leases: unique among all that are running."""
    return f"{os.uname().nodename}:{os.getpid()}"
