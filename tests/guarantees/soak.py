"""A million events by HTTP through worker and archiver: no memory grows with them, and each is archived once.

At the end events come while no worker runs and archivers are killed, and a new worker finds them waiting.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import pyarrow.compute as pc
import pyarrow.parquet as pq

from api.archiving.archiver import held
from api.archiving.audit import verify_events
from api.archiving.files import ARCHIVE, EVENTS
from api.archiving.ledger import signing_key, standing
from api.archiving.past import opened
from api.archiving.run import archiving
from api.bootstrap import Stores
from api.ports import PARTITIONS, Stream
from api.security import open_secrets
from bench.load import KEY
from bench.report import CaseResult, Figure, Target
from tests.guarantees.house import PATIENCE_S, House, house
from tests.guarantees.memory import MIB, Course, Footprint, peak_bytes

CUSTOMERS: Final = tuple(f"C{number:07}" for number in range(1, 2_001))
VISITORS: Final = 500
BATCH: Final = 500
KINDS: Final = ("branch_visit", "card_declined", "salary_paid", "travel_purchase")
WEIGHTS: Final = (40, 40, 15, 5)
REPEATED: Final = 0.01
FROM_VISITORS: Final = 0.01
SETTLED_AFTER: Final = 0.25
"""The share of events after which memory is looked at: by then histories are as long and caches as full as they get."""
SAMPLE_EACH_S: Final = 1.0
DRAINED_WITHIN_S: Final = 120.0
MOST_PROCESS: Final = 16.0
"""Bytes an event by which a process may grow: a single forgotten object has fifty."""
MOST_STORE: Final = 16.0
"""Beside the ids, which are known for seven days: an event that stayed would take some hundred."""
MOST_IDS: Final = 24.0
MOST_MORE_MB: Final = 48.0
ARCHIVER_LIVES_S: Final = (1.5, 4.0)
"""From its start: the first batch comes after a second or two."""
SOURCE: Final = "soak"
_HEADERS: Final = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is sent, how fast, and how much of it while no worker runs."""

    events: int
    a_second: float
    waiting: int


FULL: Final = Size(events=1_000_000, a_second=4_500.0, waiting=100_000)
QUICK: Final = Size(events=4_000, a_second=2_000.0, waiting=2_000)


@dataclass(slots=True)
class Tally:
    """What was sent, and what it did."""

    sent: int = 0
    accepted: int = 0
    repeated: int = 0
    refused: int = 0
    seconds: float = 0.0
    caught_up_s: float = 0.0
    peaks: list[int] = field(default_factory=list)
    """Bytes of the worker that kept up, and of the one that found events waiting."""
    left: int = 0
    archived: int = 0
    distinct: int = 0
    killed: int = 0
    unfinished: int = 0
    """Kills that left files of a batch that does not count."""


class Sender:
    """Draws events and sends them at a bounded rate."""

    def __init__(self, port: int, tally: Tally) -> None:
        self._address = f"http://127.0.0.1:{port}/v1/events"
        self._tally = tally
        self._chance = random.Random(7)
        self._number = 0
        self._last: dict[str, Any] | None = None

    async def send(self, count: int, a_second: float, footprint: Footprint | None) -> None:
        """Send so many, and have memory looked at meanwhile."""
        began = time.monotonic()
        async with httpx.AsyncClient(timeout=PATIENCE_S) as client, asyncio.TaskGroup() as group:
            looking = None if footprint is None else group.create_task(self._look(footprint))
            for at in range(0, count, BATCH):
                await asyncio.sleep(began + at / a_second - time.monotonic())
                await self._batch(client, min(BATCH, count - at))
            if looking is not None:
                looking.cancel()
        self._tally.seconds += time.monotonic() - began

    async def _look(self, footprint: Footprint) -> None:
        while True:
            await asyncio.to_thread(footprint.sample, self._tally.accepted)
            await asyncio.sleep(SAMPLE_EACH_S)

    async def _batch(self, client: httpx.AsyncClient, count: int) -> None:
        """A batch, again until the server took it."""
        body = msgspec.json.encode([self._event() for _ in range(count)])
        self._tally.sent += count
        while True:
            answer = await client.post(self._address, content=body, headers=_HEADERS)
            if answer.status_code == httpx.codes.ACCEPTED:
                statuses = [each["status"] for each in answer.json()["results"]]
                self._tally.accepted += statuses.count("accepted")
                self._tally.repeated += statuses.count("duplicate")
                return
            self._tally.refused += 1
            await asyncio.sleep(0.1)

    def _event(self) -> dict[str, Any]:
        chance = self._chance
        if self._last is not None and chance.random() < REPEATED:
            return self._last
        self._number += 1
        (kind,) = chance.choices(KINDS, WEIGHTS)
        visitor = chance.random() < FROM_VISITORS
        subject = f"card_token:{chance.randrange(VISITORS)}" if visitor else f"customer_id:{chance.choice(CUSTOMERS)}"
        self._last = {
            "specversion": "1.0",
            "id": str(self._number),
            "source": SOURCE,
            "type": kind,
            "subject": subject,
            "time": datetime.now(UTC).isoformat(),
            "data": {"amount": chance.randrange(1, 5_000)} if kind in ("salary_paid", "travel_purchase") else {},
        }
        return self._last


def run(folder: Path, *, quick: bool) -> CaseResult:
    """Send them while everything runs; then let a worker find many waiting, and look at what the archive holds."""
    size, tally = QUICK if quick else FULL, Tally()
    with house(folder, CUSTOMERS) as home:
        socket = home.store.url.removeprefix("unix://")
        with home.server(max_batch_bytes=MIB) as server:
            sender = Sender(server.port, tally)
            with _process(home, "archiving") as archiver, _process(home, "worker") as worker:
                pids = {"api": server.pid, "worker": worker.pid, "archiver": archiver.pid}
                footprint = Footprint(pids, socket)
                asyncio.run(sender.send(size.events, size.a_second, footprint))
                _until_folded(footprint)
                tally.peaks.append(peak_bytes(worker.pid))
                _end(worker)
            asyncio.run(_send_while_archivers_die(sender, size, home, tally))
            with _process(home, "worker") as worker:
                tally.caught_up_s = _until_folded(footprint)
                tally.peaks.append(peak_bytes(worker.pid))
                _end(worker)
        home.with_stores(lambda stores: _archive_the_rest(home, stores, tally))
        return _result(home, size, tally, footprint, quick=quick)


async def _send_while_archivers_die(sender: Sender, size: Size, home: House, tally: Tally) -> None:
    chance, folder = random.Random(11), home.settings.data_dir / ARCHIVE / EVENTS
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(sender.send(size.waiting, size.a_second, None))
        while not sending.done() or not tally.killed:
            with _process(home, "archiving"):
                await asyncio.sleep(chance.uniform(*ARCHIVER_LIVES_S))
            tally.killed += 1
            _, last = standing(folder)
            tally.unfinished += any(folder.glob(f"day=*/*-{last + 1:08}.parquet"))


@contextmanager
def _process(home: House, name: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A process of the installation, which is killed at the end."""
    environment = {**os.environ, **home.environment({"archive_each_s": 5.0, "events_keep_s": 5.0})}
    process = subprocess.Popen([sys.executable, "-m", f"api.{name}"], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _end(worker: "subprocess.Popen[bytes]") -> None:
    """Let it give its partitions back, so that the next one need not wait until they are taken from it."""
    worker.terminate()
    worker.wait()


def _until_folded(footprint: Footprint) -> float:
    began = time.monotonic()
    while footprint.behind():
        assert time.monotonic() < began + DRAINED_WITHIN_S, "the worker does not get through"
        time.sleep(0.2)
    return time.monotonic() - began


async def _archive_the_rest(home: House, stores: Stores, tally: Tally) -> None:
    keys = open_secrets(home.settings)
    with held(home.settings.data_dir / ARCHIVE):
        work = await archiving(home.settings, keys, stores)
        await work.catch_up()
        work.anchor()
        await work.trim_events(0.0)
    tally.left = sum(await stores.journal.lengths(Stream.EVENTS, range(PARTITIONS)))
    archive = opened(home.settings.data_dir)
    assert archive is not None
    table = pq.read_table(list(archive.files), columns=["source", "event_id"], partitioning=None)
    ids = table.filter(pc.equal(table.column("source"), SOURCE)).column("event_id")
    tally.archived, tally.distinct = len(ids), pc.count_distinct(ids).as_py()


def _result(home: House, size: Size, tally: Tally, footprint: Footprint, *, quick: bool) -> CaseResult:
    settled = {name: course.after(int(SETTLED_AFTER * size.events)) for name, course in footprint.courses.items()}
    key = signing_key(open_secrets(home.settings).token)
    findings = verify_events(home.settings.data_dir / ARCHIVE, key).findings
    ids = settled["store"].slope - settled["store without ids"].slope
    return CaseResult(
        case="soak",
        title="a million events through HTTP, worker and archiver: memory stays",
        figures=(
            Figure(what="events accepted", value=float(tally.accepted), unit=""),
            Figure(what="repeated and known again", value=float(tally.repeated), unit=""),
            Figure(what="batches refused and sent again", value=float(tally.refused), unit=""),
            Figure(what="events a second", value=tally.sent / tally.seconds, unit=""),
            Figure(what="most entries in the streams", value=float(footprint.longest_streams), unit=""),
            Figure(what="kills that left a batch unfinished", value=float(tally.unfinished), unit=""),
            Figure(what="seconds until the waiting events were folded", value=tally.caught_up_s, unit="s"),
            *_sizes(settled),
        ),
        targets=(
            *(() if quick else _slopes(settled, ids)),
            _at_most("peak of a worker that finds events waiting, above the other's", MOST_MORE_MB, _more(tally), "MB"),
            Target(what="archivers killed", bound="at least", target=1.0, measured=float(tally.killed)),
            _at_most("entries left in the streams", float(PARTITIONS), float(tally.left)),
            _at_most("accepted events that are not archived", 0.0, float(tally.accepted - tally.distinct)),
            _at_most("events archived twice", 0.0, float(tally.archived - tally.distinct)),
            _at_most("findings of the audit", 0.0, float(len(findings))),
        ),
        notes=(
            f"Slopes by least squares after the first {SETTLED_AFTER:.0%} of the events; {len(CUSTOMERS):,} customers, "
            f"{VISITORS} visitors whom nobody knows, {REPEATED:.0%} repeated; batches of {BATCH}.",
            f"Then {size.waiting:,} events while no worker runs and archivers are killed, and a new worker.",
        ),
        details={name: course.thinned(40) for name, course in footprint.courses.items()},
    )


def _slopes(settled: dict[str, Course], ids: float) -> Sequence[Target]:
    processes = [
        _at_most(f"growth of {name}", MOST_PROCESS, settled[name].slope, "bytes an event")
        for name in ("api", "worker", "archiver")
    ]
    without_ids = settled["store without ids"].slope
    return [
        *processes,
        _at_most("growth of the store without ids", MOST_STORE, without_ids, "bytes an event"),
        _at_most("growth of the ids that are known for seven days", MOST_IDS, ids, "bytes an event"),
    ]


def _sizes(settled: dict[str, Course]) -> Iterator[Figure]:
    for name, course in settled.items():
        for what, at in (("first", 0), ("last", -1)):
            with suppress(IndexError):
                yield Figure(what=f"{name}, {what} sample", value=course.points[at][1] / MIB, unit="MB")


def _more(tally: Tally) -> float:
    return (tally.peaks[1] - tally.peaks[0]) / MIB


def _at_most(what: str, target: float, measured: float, unit: str = "") -> Target:
    return Target(what=what, bound="at most", target=target, measured=measured, unit=unit)
