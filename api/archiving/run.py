"""The archiver's process: a batch every few minutes, at once when memory runs short; an anchor and a trim an hour."""

import asyncio
import logging
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import uvloop

from api.archiving.archiver import MOST_ROWS, Archiver, held, see_that_it_is_ours
from api.archiving.files import ARCHIVE
from api.archiving.known import Known
from api.archiving.ledger import Ledger, signing_key
from api.archiving.makers import Makers
from api.archiving.rows import Rows
from api.background import give_way
from api.bootstrap import Stores, open_stores
from api.exposition import MetricsFolder
from api.ports import StoreUnavailable
from api.security import Secrets, open_secrets
from api.settings import Settings
from api.telemetry import Metrics
from api.watch import is_full

LOOK_EACH_S: Final = 5.0
TRIM_EACH_S: Final = 3_600.0
FULL_EACH_S: Final = 60.0
"""Between two batches, and two trims, while the store's memory runs short."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Archiving:
    """An archive that is held, with what writes it."""

    archiver: Archiver
    known: Known
    stores: Stores

    async def catch_up(self) -> int:
        """Archive everything that the streams hold; says how many records.

        Raises:
            StoreUnavailable: the store went away; what was archived stays.
        """
        await self.known.learn(self.stores.records)
        total = 0
        while count := await self.archiver.batch():
            total += count
            if count < MOST_ROWS:
                break
        self.archiver.anchor_if_due()
        return total


async def archiving(settings: Settings, keys: Secrets, stores: Stores) -> Archiving:
    """The archive of an installation, to be gone on with by whoever holds it.

    Raises:
        ArchiveBusy: the store's records go into another archive.
        ArchiveDamaged: it was cut, or holds something else.
        StoreUnavailable: the store is away.
    """
    archive = settings.data_dir / ARCHIVE
    await see_that_it_is_ours(archive, stores.journal)
    known = Known(archive)
    await known.learn(stores.records)
    ledger = Ledger.opened(archive, signing_key(keys.token))
    return Archiving(Archiver(archive, ledger, Rows(Makers(settings, keys, known)), stores.journal), known, stores)


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


async def run_once(settings: Settings) -> int:
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
            count = await work.catch_up()
            work.archiver.anchor()
            await work.archiver.trim()
            return count


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
        full, now = is_full(await self._stores.health.status()), time.monotonic()
        if now >= self._archived_at + (min(FULL_EACH_S, each_s) if full else each_s):
            self._metrics.archived.add((), await self._archiving.catch_up())
            self._metrics.archived_at.set((), time.time())
            self._archived_at = now
        if now >= self._trimmed_at + (FULL_EACH_S if full else TRIM_EACH_S):
            if self._settings.archive_keep_days:
                oldest = datetime.now(UTC).date() - timedelta(days=self._settings.archive_keep_days)
                self._archiving.archiver.drop_before(oldest.isoformat())
            await self._archiving.archiver.trim()
            self._trimmed_at = now

    async def end(self) -> None:
        """Archive what is left and anchor it, where that can be done."""
        if self._archiving is not None:
            with suppress(StoreUnavailable, OSError):
                await self._archiving.catch_up()
                self._archiving.archiver.anchor()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
