"""The only place that builds adapters: a bundle, a model, a store and a service, for as long as a process runs."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import time
from typing import Final

from api.access.looks import FOLDER, LookLog, looks_key
from api.access.opening import open_access, open_people, see_that_access_is_settled
from api.adapters.appointment_store import RedisAppointmentStore
from api.adapters.budget_store import RedisBudgetStore
from api.adapters.bundle_files import read_rules
from api.adapters.cluster import nodes_at
from api.adapters.customer_store import RedisCustomerStore
from api.adapters.embedded import RunningServer, running_url
from api.adapters.event_store import RedisEventStore, RedisJournal
from api.adapters.flights import Timing
from api.adapters.merge_store import RedisMergeStore
from api.adapters.order_store import RedisOrderStore
from api.adapters.outcome_store import RedisOutcomeStore
from api.adapters.record_reader import RecordReader
from api.adapters.record_store import RedisHealth, RedisRecordStore
from api.adapters.relation_store import RedisRelationStore
from api.adapters.server_checks import ALWAYS, UNKNOWN, check_server
from api.archiving.asking import ArchiveDesk
from api.beside import beside, repeating
from api.cockpit.plugs import Plugs
from api.compiled import see_that_modules_are_up_to_date
from api.exposition import MetricsFolder
from api.kiosk.seal import Seal
from api.known import learning
from api.leases import Leases
from api.merging.saga import Merging
from api.ports import StoredRecord, StoreUnavailable
from api.reloading.beginning import begin_with
from api.reloading.bundles import Bundles
from api.reloading.reloader import Reloader
from api.reloading.together import Together
from api.rivals import open_rival, rival_of
from api.scorers import open_scorers
from api.security import Secrets, open_secrets
from api.service import Service
from api.service_port import Shell
from api.serving import Serving
from api.settings import Settings
from api.settling import Settling
from api.telemetry import Metrics
from api.tokens import TokenCodec
from api.watch import StoreWatch
from engine import Plan, compile_bundle
from engine.compiler.bundle import MODEL, hash_of
from engine.compiler.carry import unpack_plan
from engine.decision import Snapshot

YOUNG_OBJECTS: Final = 20_000
"""Python's own 700 would search for garbage after every other request; what requests leave is freed by counting."""
PATIENT_S: Final = 5.0


def release() -> str:
    """The release of the product that runs."""
    try:
        return version("nextbest")
    except PackageNotFoundError:
        return "0"


def compile_rules(source: Path) -> Plan:
    """The plan of a folder of rule files, or of a built bundle.

    Raises:
        RuleErrors: with everything that is wrong with them.
        BundleUnreadable: there are none.
    """
    return compile_bundle(read_rules(source), root=str(source)).plan


def see_that_it_can_start(settings: Settings) -> None:
    """Find out before any process is started what would keep all of them from starting, and leave them the bundle.

    Where something is wrong with the rules on disk, that bundle is the one that served last.

    Raises:
        RuleErrors: the rule files do not make a bundle, or their tests fail, and none has served here before.
        BundleUnreadable: there are none.
        SecretsUnusable: the keys cannot be had.
        KeysUnusable: the file of the callers' keys is not what it should be.
        AccessUnusable: it would be open to more than this machine.
        UnsuitableStore: the external store would lose or evict what was acknowledged.
        ModulesOutOfDate: sources have changed since they were compiled.
    """
    see_that_modules_are_up_to_date()
    see_that_access_is_settled(settings)
    bundles = bundles_of(settings, open_secrets(settings))
    if not settings.resume or bundles.current is None:
        begin_with(bundles, settings.rules)
    durability_of(settings)


def bundles_of(settings: Settings, keys: Secrets) -> Bundles:
    """The installation's bundles."""
    return Bundles(settings.data_dir, keys, str(settings.rules))


def open_bundle(settings: Settings, bundles: Bundles) -> tuple[Plan, str | None]:
    """The plan to start with, and the model that its bundle names.

    A process that is started again resumes with the bundle that served last: what lies on disk may be half written, or
    refused by all others.

    Raises:
        RuleErrors: the rule files do not make a bundle.
        BundleUnreadable: there are none.
    """
    files = bundles.files(bundles.current) if settings.resume and bundles.current is not None else None
    if files is None:
        files = read_rules(settings.rules)
    ruleset = hash_of(files)
    named = files[MODEL].decode("ascii", "replace").strip() if MODEL in files else None
    packed = bundles.staged(ruleset)
    if packed is not None:
        return unpack_plan(packed), named
    plan = compile_bundle(files, root=str(settings.rules)).plan
    bundles.keep(ruleset, files)
    return plan, named


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
    orders: RedisOrderStore
    appointments: RedisAppointmentStore
    merges: RedisMergeStore
    relations: RedisRelationStore
    events: RedisEventStore
    records: RedisRecordStore
    health: RedisHealth
    budgets: RedisBudgetStore


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
            orders=RedisOrderStore(nodes),
            appointments=RedisAppointmentStore(nodes),
            merges=RedisMergeStore(nodes),
            relations=RedisRelationStore(nodes),
            events=RedisEventStore(nodes),
            records=RedisRecordStore(nodes),
            health=RedisHealth(nodes, durability),
            budgets=RedisBudgetStore(nodes),
        )
    finally:
        await nodes.close()


def spare_the_collector() -> None:
    """Take everything that lives as long as the process out of the collector's sight: it walks what work makes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)


@asynccontextmanager
async def open_shell(settings: Settings) -> AsyncIterator[Shell]:
    """Everything behind the routes, built from settings.

    Raises:
        RuleErrors: the rule files do not make a bundle.
        BundleUnreadable: there are none.
        SecretsUnusable: the keys cannot be had.
    """
    keys = open_secrets(settings)
    bundles = bundles_of(settings, keys)
    metrics = Metrics()
    plugs = Plugs(settings.data_dir) if settings.demonstration else None
    maker = ServingMaker(settings, TokenCodec(keys), release(), plugs)
    serving = maker.make(*open_bundle(settings, bundles))
    _show(metrics, serving)
    folder = MetricsFolder(settings.data_dir / "metrics", "api", metrics)
    async with open_access(settings) as access, open_stores(settings, keys) as stores, repeating(folder.keep):
        leases = Leases(stores.budgets, worker_name(), metrics)
        service = Service(serving=serving, store=stores.customers, secrets=keys, metrics=metrics, leases=leases)

        async def take_up(following: Serving) -> None:
            service.take_up(following)
            _show(metrics, following)

        def read(stored: StoredRecord) -> Snapshot:
            reader = service.serving.reader
            return reader.read(stored if stored.ties is None else reader.present(stored, int(time())))

        def settling() -> Settling:
            return Settling(service.plan, stores.merges, stores.relations, service.serving.reader.read)

        def merging() -> Merging:
            serving, settle = service.serving, settling().settle
            return Merging(stores.merges, layout=serving.plan.event_layout, read=serving.reader.read, settle=settle)

        reloader = Reloader(
            settings=settings,
            bundles=bundles,
            metrics=metrics,
            served=lambda: service.serving.origin,
            plan=lambda: service.plan,
            prepare=lambda plan, named: maker.make(plan, named, service.serving),
            take_up=take_up,
            challenge=lambda: rival_of(service.serving),
            together=Together(settings.data_dir / "bundles"),
        )
        archived = ArchiveDesk(settings)
        looks = LookLog(settings.data_dir / FOLDER, looks_key(keys.token))
        watch = StoreWatch(stores.health)
        await watch.look()
        async with (
            learning(lambda: reader_of(service.serving), stores.records),
            beside(watch.keep_looking()),
            reloader.running(at_once=settings.resume),
            leases.running(),
            archived.open(),
            open_people(settings, keys) as people,
            looks.writing(),
            plugs.running() if plugs is not None else nullcontext(),
        ):
            access.people = people
            spare_the_collector()
            yield Shell(
                settings=settings,
                access=access,
                looks=looks,
                people=people,
                service=service,
                customers=stores.customers,
                outcomes=stores.outcomes,
                journal=stores.journal,
                orders=stores.orders,
                appointments=stores.appointments,
                archived=archived,
                merges=stores.merges,
                relations=stores.relations,
                merging=merging,
                relating=lambda: settling().relating,
                watch=watch,
                tokens=maker.tokens,
                plugs=plugs,
                seal=Seal(keys.token),
                metrics=metrics,
                read=read,
                exposition=folder.exposition,
                reload=reloader.status,
            )
    folder.close()


class ServingMaker:
    """Makes of a plan what serves with it."""

    def __init__(self, settings: Settings, tokens: TokenCodec, running: str, plugs: Plugs | None = None) -> None:
        self.tokens = tokens
        self._settings = settings
        self._release = running
        self._plugs = plugs

    def make(self, plan: Plan, named: str | None, before: Serving | None = None) -> Serving:
        """What serves with a plan and the model that its bundle names; what both need is taken over from before."""
        scorers = open_scorers(self._settings, plan, named, before.model if before is not None else None)
        reader = RecordReader(plan.profile_schema, plan.event_layout)
        if before is not None:
            reader.adopt(reader_of(before))
        rival = None
        if named is None and scorers.model is not None:
            rival_before = None if before is None else before.rival
            rival = open_rival(self._settings, plan, reader, self.tokens, self._release, rival_before)
        return Serving(
            plan=plan,
            scorer=scorers.scorer if self._plugs is None else self._plugs.scorer(scorers.scorer),
            baseline=scorers.baseline,
            reader=reader,
            tokens=self.tokens,
            release=self._release,
            model=scorers.model,
            rival=rival,
        )


def reader_of(serving: Serving) -> RecordReader:
    """The reader that `ServingMaker` gave it."""
    assert isinstance(serving.reader, RecordReader)
    return serving.reader


def _show(metrics: Metrics, serving: Serving) -> None:
    metrics.bundle.values.clear()
    for each in (serving, *([serving.rival.serving] if serving.rival is not None else [])):
        metrics.bundle.set((each.origin.ruleset, each.origin.model, each.origin.release), 1)


def worker_name() -> str:
    """What a worker calls itself in leases: unique among all that are running."""
    return f"{os.uname().nodename}:{os.getpid()}"
