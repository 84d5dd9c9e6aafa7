"""The archiver at work: on time, at once when memory runs short, and patient with a store that is away."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import redis

from api.adapters.embedded import EmbeddedServer
from api.archiving import archiver as archiver_module
from api.archiving import run
from api.archiving.archiver import held
from api.archiving.audit import verify, verify_events
from api.archiving.chain import START
from api.archiving.files import ARCHIVE, EVENTS, QUARANTINE
from api.archiving.finding import recorded_on
from api.archiving.ledger import anchors_of, signing_key, standing
from api.archiving.tables import read
from api.bootstrap import Stores, open_stores
from api.decision_record import decode
from api.entries import QuarantineEntry, encode_entry
from api.ports import Arrival, Stream
from api.security import open_secrets
from api.settings import Settings
from tests.integration.api.installations import settings_of, until
from tests.integration.archiving.deciding import FIRST_DAY, Desk

DAY = FIRST_DAY.date().isoformat()


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks after everything often enough to wait for."""
    monkeypatch.setattr(run, "LOOK_EACH_S", 0.05)
    monkeypatch.setattr(run, "SHORT_EACH_S", 0.05)


@asynccontextmanager
async def archiver(settings: Settings, stores: Stores) -> AsyncIterator[None]:
    """An archiver at work for as long as the context lasts."""
    stop = asyncio.Event()
    with held(settings.data_dir / ARCHIVE):
        working = asyncio.create_task(run.work(settings, open_secrets(settings), stores, stop))
        try:
            yield
        finally:
            stop.set()
            await working


def archived(settings: Settings) -> list[str]:
    """The decisions of the first day that are in the archive."""
    return [decode(each).decision_id for each in recorded_on(settings.data_dir / ARCHIVE, DAY)]


async def until_archived(settings: Settings, *decisions: str) -> None:
    """Wait until the archive has these."""

    async def there() -> bool:
        return sorted(archived(settings)) == sorted(decisions)

    await until(there, "the decisions are not archived")


async def test_what_waits_is_archived_at_once_when_memory_runs_short(data_dir: Path) -> None:
    """Otherwise it would wait for its time; at the end everything is archived and anchored."""
    settings = settings_of(data_dir, archive_each_s=100_000)
    async with open_stores(settings, open_secrets(settings), patient=True) as stores:
        desk = Desk.opened(settings, stores)
        desk.answered = 0.0
        await desk.load(3)
        first = await desk.decide("C0000001", FIRST_DAY)
        async with archiver(settings, stores):
            await until_archived(settings, first)
            second = await desk.decide("C0000002", FIRST_DAY)
            with redis.Redis(unix_socket_path=f"{data_dir}/valkey/server.sock") as client:
                client.config_set("maxmemory", int(1.1 * int(client.info("memory")["used_memory"])))
                await until_archived(settings, first, second)
                client.config_set("maxmemory", 0)
            third = await desk.decide("C0000003", FIRST_DAY)
        assert sorted(archived(settings)) == sorted([first, second, third])
    anchors = [anchor for _, anchor in anchors_of(data_dir / ARCHIVE)]
    assert anchors[-1].records == 3


async def test_folded_events_leave_their_stream_after_their_time_and_are_counted(data_dir: Path) -> None:
    """Behind the archive; at once where memory runs short."""
    settings = settings_of(data_dir, archive_each_s=0.05, events_keep_s=3_600)
    async with open_stores(settings, open_secrets(settings), patient=True) as stores:
        soon = asyncio.get_running_loop().time() + 30
        places = [await stores.events.ask_rebuild(5, [name], deadline=soon) for name in "abc"]
        owned = await stores.events.own(5, "worker", lease_ms=60_000, deadline=soon)
        assert owned is not None
        await stores.events.advance([(owned, places[-1])], deadline=soon)

        async def left() -> int:
            (count,) = await stores.journal.lengths(Stream.EVENTS, [5])
            return count

        async def archived_all() -> bool:
            return standing(data_dir / ARCHIVE / EVENTS)[0].get(5, START).entry_id == places[-1]

        async def only_the_last() -> bool:
            return await left() == 1

        async with archiver(settings, stores):
            await until(archived_all, "events are not archived")
            assert await left() == 3
            with redis.Redis(unix_socket_path=f"{data_dir}/valkey/server.sock") as client:
                client.config_set("maxmemory", int(1.5 * int(client.info("memory")["used_memory"])))
                await until(only_the_last, "nothing makes room")
                client.config_set("maxmemory", 0)
    values = msgspec.json.decode((data_dir / "metrics" / "ended.json").read_bytes())["values"]
    assert values["events_trimmed"] == [[[], [2]]]


async def test_what_was_put_aside_stays_until_memory_runs_short(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person finds it in the store; when room is needed, in the archive, but for what came within the hour."""
    monkeypatch.setattr(run, "ASIDE_KEPT_S", 0.2)
    settings = settings_of(data_dir, archive_each_s=0.05)
    folder = data_dir / ARCHIVE / QUARANTINE
    async with open_stores(settings, open_secrets(settings), patient=True) as stores:

        async def put_aside(*names: str) -> None:
            for name in names:
                entry = QuarantineEntry("unknown_event_type", name.encode(), 1_000)
                arrival = Arrival("test", name, encode_entry(entry))
                await stores.journal.append_once(
                    Stream.QUARANTINE, 5, [arrival], deadline_ms=2**52, deadline=asyncio.get_running_loop().time() + 5
                )

        async def left() -> int:
            (count,) = await stores.journal.lengths(Stream.QUARANTINE, [5])
            return count

        async def told() -> bool:
            rows = [row for path in folder.glob("day=*/quarantined-*") for row in read(path)]
            return sorted(row.value("body") for row in rows) == [b"a", b"b", b"c"]

        async def only_the_last() -> bool:
            return await left() == 1

        async with archiver(settings, stores):
            await put_aside("a", "b", "c")
            await until(told, "what was put aside is not archived")
            assert await left() == 3
            with redis.Redis(unix_socket_path=f"{data_dir}/valkey/server.sock") as client:
                client.config_set("maxmemory", int(1.5 * int(client.info("memory")["used_memory"])))
                await until(only_the_last, "nothing makes room")
                client.config_set("maxmemory", 0)
    assert await told()
    assert verify_events(data_dir / ARCHIVE, signing_key(open_secrets(settings).token)).findings == []


async def test_a_disk_that_refuses_is_tried_again(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so once, nothing is trimmed, and nothing is lost or twice when there is room again."""
    settings = settings_of(data_dir, archive_each_s=0.05)
    refused: list[int] = []

    def full(_rows: object, path: Path) -> None:
        refused.append(1)
        path.write_bytes(b"a part")
        raise OSError(errno.ENOSPC, "No space left on device")

    async def refused_twice() -> bool:
        return len(refused) > 1

    async with open_stores(settings, open_secrets(settings), patient=True) as stores:
        desk = Desk.opened(settings, stores)
        await desk.load(1)
        decision = await desk.decide("C0000001", FIRST_DAY)
        async with archiver(settings, stores):
            with monkeypatch.context() as patched:
                patched.setattr(archiver_module, "write", full)
                await until(refused_twice, "nothing was written")
            await until_archived(settings, decision)
    assert caplog.text.count("No space left on device") == 1
    assert verify(data_dir / ARCHIVE, signing_key(open_secrets(settings).token)).findings == []


async def test_a_store_that_is_away_is_waited_for(data_dir: Path) -> None:
    settings = settings_of(data_dir / "apart", archive_each_s=0.05)
    settings.data_dir.mkdir()
    server = EmbeddedServer(settings.data_dir)
    server.start()
    try:
        async with open_stores(settings, open_secrets(settings), patient=True) as stores:
            desk = Desk.opened(settings, stores)
            desk.answered = 0.0
            await desk.load(2)
            async with archiver(settings, stores):
                first = await desk.decide("C0000001", FIRST_DAY)
                await until_archived(settings, first)
                assert server.child is not None
                server.child.kill()
                server.child.wait()
                await asyncio.sleep(0.2)
                server.restart_if_dead()

                async def back() -> bool:
                    return (await stores.health.status()).available

                await until(back, "the store does not come back")
                second = await desk.decide("C0000002", FIRST_DAY)
                await until_archived(settings, first, second)
    finally:
        server.stop()
