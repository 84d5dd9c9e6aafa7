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
from api.bootstrap import Stores, open_stores
from api.exposition import MetricsFolder
from api.ports import StoreUnavailable
from api.security import Secrets, open_secrets
from api.settings import Settings
from api.telemetry import Metrics
from api.watch import is_full

LOOK_EACH_S: Final = 5.0
TRIM_EACH_S: Final = 3_600.0
NICENESS: Final = 10
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
    os.nice(NICENESS)
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
    """Archive until `stop` is set; a store that is away is waited for."""
    metrics = Metrics()
    folder = MetricsFolder(settings.data_dir / "metrics", "archiver", metrics)
    at_work: Archiving | None = None
    batch_at = trim_at = 0.0
    refused: str | None = None
    while not stop.is_set():
        try:
            if at_work is None:
                at_work = await archiving(settings, keys, stores)
            full = is_full(await stores.health.status())
            if full or time.monotonic() >= batch_at:
                batch_at = time.monotonic() + settings.archive_each_s
                metrics.archived.add((), await at_work.catch_up())
            if full or time.monotonic() >= trim_at:
                trim_at = time.monotonic() + TRIM_EACH_S
                if settings.archive_keep_days:
                    oldest = datetime.now(UTC).date() - timedelta(days=settings.archive_keep_days)
                    at_work.archiver.drop_before(oldest.isoformat())
                await at_work.archiver.trim()
            metrics.archived_at.set((), time.time())
            refused = None
        except StoreUnavailable:
            metrics.store_failures.add(("archiver",))
        except OSError as error:
            if refused != error.strerror:
                _log.error("The archive cannot be written, nothing is trimmed: %s", error.strerror)
            refused, at_work, batch_at = error.strerror, None, 0.0
        await folder.keep()
        await _pause(stop, min(LOOK_EACH_S, settings.archive_each_s))
    if at_work is not None:
        with suppress(StoreUnavailable, OSError):
            await at_work.catch_up()
            at_work.archiver.anchor()
    folder.close()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
