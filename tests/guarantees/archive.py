"""Every record is archived once though the archiver is killed at random, and every decision replays identically."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from api.adapters.embedded import EmbeddedServer
from api.archiving.audit import verify
from api.archiving.files import ARCHIVE
from api.archiving.known import Known
from api.archiving.ledger import batches_of, signing_key
from api.archiving.makers import Makers
from api.archiving.replaying import all_replayed
from api.archiving.run import run_once
from api.archiving.tables import read
from api.bootstrap import Stores, open_stores
from api.decision_record import decode
from api.ports import FIRST, PARTITIONS, Stream
from api.security import open_secrets
from api.settings import Settings
from bench.report import CaseResult, Figure, Target
from tests.integration.api.installations import settings_of
from tests.integration.archiving.deciding import FIRST_DAY, Desk

DAYS: Final = 4
CUSTOMERS: Final = 300
EACH: Final = 20
"""So many decisions lie between two changes of consent."""
PATIENCE_S: Final = 60.0
READ_AT_ONCE: Final = 1_000
SHARE_WHILE_WRITING: Final = 0.5
PAUSE_S: Final = 0.01
"""Between decisions beyond those asked for, which only keep archivers at work until all have been killed."""
LONGEST_LIFE_S: Final = 0.25
"""After its first batch; a batch comes every 50 ms."""


@dataclass(slots=True)
class Tally:
    """What was decided, and what happened to the archiver."""

    decided: Counter[str] = field(default_factory=Counter)
    appended: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Every entry of the streams, whatever its kind, by partition and id."""
    kills: int = 0
    unfinished: int = 0
    """Kills that left files of a batch that does not count."""


def run(folder: Path, *, quick: bool) -> CaseResult:
    """Decide for days of an injected clock while archivers are killed; then archive the rest and look at everything."""
    decisions, kills = (150, 4) if quick else (2_000, 20)
    settings = settings_of(folder, archive_each_s=0.05)
    server = EmbeddedServer(folder)
    server.start()
    try:
        tally = asyncio.run(_storm(settings, decisions, kills))
        asyncio.run(run_once(settings))
    finally:
        server.stop()
    return _result(settings, tally)


async def _storm(settings: Settings, decisions: int, kills: int) -> Tally:
    tally, chance, over = Tally(), random.Random(5), asyncio.Event()
    async with open_stores(settings, open_secrets(settings), patient=True) as stores:
        desk = Desk.opened(settings, stores)
        deciding = asyncio.create_task(_decide(desk, decisions, over, tally))
        for _ in range(kills):
            await asyncio.to_thread(_kill_one, settings, chance, tally)
        over.set()
        await deciding
        tally.appended = await _appended(stores)
    return tally


async def _appended(stores: Stores) -> Counter[tuple[int, str]]:
    """Everything that was ever appended: nothing is old enough to be trimmed."""
    found: Counter[tuple[int, str]] = Counter()
    positions = dict.fromkeys(range(PARTITIONS), FIRST)
    while read_now := await stores.journal.read(Stream.DECISIONS, positions, count=READ_AT_ONCE):
        for partition, entries in read_now.items():
            found.update((partition, entry.id) for entry in entries)
            positions[partition] = entries[-1].id
    return found


async def _decide(desk: Desk, decisions: int, over: asyncio.Event, tally: Tally) -> None:
    """Decide for as long as archivers are killed, at least so often; days pass meanwhile, and come again."""
    names = await desk.load(CUSTOMERS)
    number = 0
    while number < decisions or not over.is_set():
        at = FIRST_DAY + timedelta(days=DAYS) * (number % decisions / decisions)
        name = names[number % len(names)]
        tally.decided[await desk.decide(name, at)] += 1
        number += 1
        if number % EACH == 0:
            await desk.consent(name, 1 + number, at)
        if number > decisions:
            await asyncio.sleep(PAUSE_S)


def _kill_one(settings: Settings, chance: random.Random, tally: Tally) -> None:
    """Kill an archiver some time after its first batch, or as soon as it has begun to write one."""
    archive = settings.data_dir / ARCHIVE
    counted = _batches(archive)
    with _archiver(settings) as process:
        if chance.random() < SHARE_WHILE_WRITING:
            _until(lambda: _unfinished(archive, counted + 1), process)
        else:
            _until(lambda: _batches(archive) > counted, process)
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, LONGEST_LIFE_S))
    tally.kills += process.returncode == -signal.SIGKILL
    tally.unfinished += _unfinished(archive, _batches(archive) + 1)


def _batches(archive: Path) -> int:
    """How many batches count."""
    return sum(1 for _ in batches_of(archive))


def _unfinished(archive: Path, batch: int) -> bool:
    """Whether there are files of a batch that is not noted yet."""
    return any(archive.glob(f"day=*/*-{batch:08}.parquet"))


@contextmanager
def _archiver(settings: Settings) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen([sys.executable, "-m", "api.archiving"], env={**os.environ, **settings.as_environment()})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _until(holds: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not holds():
        assert process.poll() is None, "the archiver ended by itself"
        assert time.monotonic() < give_up_at, "the archiver archives nothing"
        time.sleep(0.001)


def _result(settings: Settings, tally: Tally) -> CaseResult:
    archive, keys = settings.data_dir / ARCHIVE, open_secrets(settings)
    rows = [row for path in sorted(archive.glob("day=*/*.parquet")) for row in read(path)]
    kinds = Counter(row.table.name for row in rows)
    decisions = [row for row in rows if row.table.name == "decisions"]
    archived = Counter(row.value("decision_id") for row in decisions)
    entries = Counter((row.partition, row.entry_id) for row in rows)
    days = Counter(path.parent.name for path in archive.glob("day=*/decisions-*"))
    makers = Makers(settings, keys, Known(archive))
    identical, others = all_replayed(makers, (row.value("recorded") for row in decisions))
    found = verify(archive, signing_key(keys.token))
    wrong_day = sum(
        f"day={datetime.fromtimestamp(decode(each).decided_at_us / 1_000_000, UTC).date()}" != day
        for path in archive.glob("day=*/decisions-*")
        for day in [path.parent.name]
        for each in (row.value("recorded") for row in read(path))
    )
    return CaseResult(
        case="archive",
        title="archivers are killed while decisions of some days are archived",
        figures=(
            Figure(what="decisions", value=float(len(decisions)), unit=""),
            Figure(what="outcomes", value=float(kinds["outcomes"]), unit=""),
            Figure(what="consents", value=float(kinds["consents"]), unit=""),
            Figure(what="days", value=float(len(days)), unit=""),
            Figure(what="batches", value=float(found.batches), unit=""),
            Figure(what="decisions replayed identically", value=float(identical), unit=""),
        ),
        targets=(
            Target(what="archivers killed", bound="at least", target=1.0, measured=float(tally.kills)),
            Target(
                what="batches that a kill left unfinished",
                bound="at least",
                target=1.0,
                measured=float(tally.unfinished),
            ),
            Target(
                what="decisions lost", bound="at most", target=0.0, measured=float((tally.decided - archived).total())
            ),
            Target(
                what="decisions archived twice",
                bound="at most",
                target=0.0,
                measured=float((archived - tally.decided).total()),
            ),
            Target(
                what="entries of any kind lost",
                bound="at most",
                target=0.0,
                measured=float((tally.appended - entries).total()),
            ),
            Target(
                what="entries of any kind archived twice",
                bound="at most",
                target=0.0,
                measured=float((entries - tally.appended).total()),
            ),
            Target(
                what="decisions in the files of another day", bound="at most", target=0.0, measured=float(wrong_day)
            ),
            Target(
                what="decisions that do not replay identically",
                bound="at most",
                target=0.0,
                measured=float(len(others)),
            ),
            Target(what="findings of the audit", bound="at most", target=0.0, measured=float(len(found.findings))),
        ),
    )
