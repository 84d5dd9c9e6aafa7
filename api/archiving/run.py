"""The archiver's process: batches every few minutes, sooner when memory runs short; events are trimmed behind each, and
an hour is the time of anchors and of trimming decisions."""

import asyncio
import logging
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from api.archiving.archiver import Archiver, held, see_that_it_is_ours
from api.archiving.event_rows import EventRows, event_rows, quarantine_rows
from api.archiving.files import ARCHIVE, EVENTS, QUARANTINE
from api.archiving.known import Known
from api.archiving.ledger import Ledger, signing_key
from api.archiving.makers import Makers
from api.archiving.rows import Rows
from api.archiving.trimming import EventTrim, EventTrimmer
from api.background import give_way
from api.bootstrap import Stores, open_stores
from api.exposition import MetricsFolder
from api.ports import StoreUnavailable, Stream
from api.scorers import models_folder
from api.security import Secrets, open_secrets
from api.settings import Settings
from api.telemetry import Metrics
from api.watch import is_short
from models.artefact import read_manifest
from models.durable import sync_folder
from models.errors import ModelRefused
from models.promotion import read_evidence
from models.registry import open_registry

LOOK_EACH_S: Final = 5.0
TRIM_EACH_S: Final = 3_600.0
SHORT_EACH_S: Final = 30.0
"""Between two batches, and two trims, while the store's memory runs short."""
MOST_EVENTS: Final = 20_000
"""Of one batch; an event is a small part of a decision."""
ASIDE_KEPT_S: Final = 3_600.0
"""How long what was put aside stays at hand for a person while memory runs short; else until they decide."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Archiving:
    """An archive that is held, with what writes it."""

    archiver: Archiver
    events: Archiver
    aside: Archiver
    """What was put aside, and stays in its streams for a person all the same."""
    trimmer: EventTrimmer
    known: Known
    stores: Stores
    rows: Rows

    async def catch_up(self) -> "Archived":
        """Archive everything that the streams hold; says how many records.

        Raises:
            StoreUnavailable: the store went away; what was archived stays.
        """
        await self.known.learn(self.stores.records)
        counts = dict.fromkeys((self.archiver, self.events, self.aside), 0)
        waiting = set(counts)
        # By turns: neither waits for an end of the other, which under load may not come.
        while waiting:
            for each in tuple(waiting):
                count, more = await each.batch()
                counts[each] += count
                if not more:
                    waiting.remove(each)
        for each in counts:
            each.anchor_if_due()
        return Archived(*counts.values())

    def anchor(self) -> None:
        """Anchor what came since the last anchors."""
        for each in (self.archiver, self.events, self.aside):
            each.anchor()

    def drop_before(self, day: str) -> None:
        """Remove the files of the days before one."""
        for each in (self.archiver, self.events, self.aside):
            each.drop_before(day)

    async def trim_events(self, keep_s: float) -> EventTrim:
        """Take events out of the streams that are folded, archived and older than so many seconds.

        Raises:
            StoreUnavailable: the store went away; it is done later.
        """
        return await self.trimmer.trim(self.events.ledger.heads, int(1_000 * (time.time() - keep_s)))


class Archived(NamedTuple):
    """How much moved into the archive."""

    records: int
    """Decisions, outcomes and consents."""
    events: int
    """And timers."""
    quarantined: int


async def archiving(settings: Settings, keys: Secrets, stores: Stores) -> Archiving:
    """The archive of an installation, to be gone on with by whoever holds it.

    Raises:
        ArchiveBusy: the store's records go into another archive.
        ArchiveDamaged: it was cut, or holds something else.
        StoreUnavailable: the store is away.
    """
    archive, key = settings.data_dir / ARCHIVE, signing_key(keys.token)
    await see_that_it_is_ours(archive, stores.journal)
    known = Known(archive)
    await known.learn(stores.records)
    rows = Rows(Makers(settings, keys, known))
    return Archiving(
        archiver=Archiver(archive, Ledger.opened(archive, key), rows, stores.journal),
        events=_of_events(archive / EVENTS, key, stores, Stream.EVENTS, event_rows()),
        aside=_of_events(archive / QUARANTINE, key, stores, Stream.QUARANTINE, quarantine_rows()),
        trimmer=EventTrimmer(stores.events),
        known=known,
        stores=stores,
        rows=rows,
    )


def _of_events(folder: Path, key: bytes, stores: Stores, stream: Stream, rows: EventRows) -> Archiver:
    if not folder.exists():
        folder.mkdir(mode=0o700)
        sync_folder(folder.parent)
    ledger = Ledger.opened(folder, key)
    return Archiver(folder, ledger, rows, stores.journal, stream=stream, most_rows=MOST_EVENTS)


def run(settings: Settings) -> None:
    """Archive until SIGINT or SIGTERM.

    Raises:
        ArchiveBusy: another process archives, or the store's records go elsewhere.
        ArchiveDamaged: the archive was cut, or holds something else.
        SecretsUnusable: the keys cannot be had.
    """
    give_way(os.getpid())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    keys = open_secrets(settings)

    async def archive() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for stopping in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(stopping, stop.set)
        async with open_stores(settings, keys, patient=True) as stores:
            await work(settings, keys, stores, stop)

    with held(settings.data_dir / ARCHIVE):
        uvloop.run(archive())


async def run_once(settings: Settings) -> Archived:
    """Archive everything that the streams hold now, anchor and trim; says how many records.

    Raises:
        ArchiveBusy: another process archives, or the store's records go elsewhere.
        ArchiveDamaged: the archive was cut, or holds something else.
        StoreUnavailable: the store is away.
    """
    keys = open_secrets(settings)
    with held(settings.data_dir / ARCHIVE):
        async with open_stores(settings, keys, patient=True) as stores:
            work = await archiving(settings, keys, stores)
            archived = await work.catch_up()
            work.anchor()
            await work.archiver.trim()
            await work.trim_events(settings.events_keep_s)
            return archived


async def work(settings: Settings, keys: Secrets, stores: Stores, stop: asyncio.Event) -> None:
    """Archive until `stop` is set; a store that is away, or a disk that is full, is waited for."""
    metrics = Metrics()
    folder = MetricsFolder(settings.data_dir / "metrics", "archiver", metrics)
    turns = _Turns(settings, keys, stores, metrics)
    while not stop.is_set():
        await turns.take()
        with suppress(OSError):
            await folder.keep()
        await _pause(stop, min(LOOK_EACH_S, settings.archive_each_s))
    await turns.end()
    folder.close()


class _Turns:
    """Does what is due."""

    def __init__(self, settings: Settings, keys: Secrets, stores: Stores, metrics: Metrics) -> None:
        self._settings = settings
        self._keys = keys
        self._stores = stores
        self._metrics = metrics
        self._archiving: Archiving | None = None
        self._archived_at = self._trimmed_at = -TRIM_EACH_S - settings.archive_each_s
        self._refused: str | None = None

    async def take(self) -> None:
        """Archive and trim, where it is time; sooner where memory runs short."""
        try:
            await self._take()
            self._refused = None
        except StoreUnavailable:
            self._metrics.store_failures.add(("archiver",))
        except OSError as error:
            if self._refused != error.strerror:
                _log.error("The archive cannot be written, nothing is trimmed: %s", error.strerror)
            self._refused, self._archiving = error.strerror, None

    async def _take(self) -> None:
        if self._archiving is None:
            self._archiving = await archiving(self._settings, self._keys, self._stores)
        each_s = self._settings.archive_each_s
        short, now = is_short(await self._stores.health.status()), time.monotonic()
        if now >= self._archived_at + (min(SHORT_EACH_S, each_s) if short else each_s):
            self._metrics.archived.add((), sum(await self._archiving.catch_up()))
            self._metrics.archived_at.set((), time.time())
            self._archived_at = now
            tell_of_the_model(self._metrics, models_folder(self._settings), self._archiving.rows.exploration_price)
            trimmed = await self._archiving.trim_events(0.0 if short else self._settings.events_keep_s)
            self._metrics.events_trimmed.add((), trimmed.removed)
            self._metrics.event_holders.set((), len(trimmed.held_by))
        if now >= self._trimmed_at + (SHORT_EACH_S if short else TRIM_EACH_S):
            if self._settings.archive_keep_days:
                oldest = datetime.now(UTC).date() - timedelta(days=self._settings.archive_keep_days)
                self._archiving.drop_before(oldest.isoformat())
            await self._archiving.archiver.trim()
            if short:
                self._metrics.aside_trimmed.add((), await self._archiving.aside.trim(ASIDE_KEPT_S))
            self._trimmed_at = now

    async def end(self) -> None:
        """Archive what is left and anchor it, where that can be done."""
        if self._archiving is not None:
            with suppress(StoreUnavailable, OSError):
                await self._archiving.catch_up()
                self._archiving.anchor()


def tell_of_the_model(metrics: Metrics, models_dir: Path, price: float | None) -> None:
    """What exploration costs, and what is known about the model that serves."""
    if price is not None:
        metrics.exploration_price.set((), price)
    try:
        current = open_registry(models_dir).current()
        if current is None:
            return
        found, rates = read_evidence(models_dir, current), read_manifest(models_dir / current).learned.rates
    except ModelRefused:
        return
    for evidence in found:
        metrics.model_objections.set((evidence.kind,), len(evidence.objections))
        for name, figure in evidence.figures.items():
            if isinstance(figure, float | int):
                metrics.model_evidence.set((evidence.kind, name), figure)
    metrics.immature_actions.set((), len(rates.immature()))


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
