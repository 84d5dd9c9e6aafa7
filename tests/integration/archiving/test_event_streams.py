"""The life of events in a real store: in, folded, archived, out of their streams, and found again by a rebuild."""

import asyncio
import errno
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner

from api.adapters.records import decode_events
from api.archiving import archiver as archiver_module
from api.archiving.archiver import held
from api.archiving.files import ARCHIVE
from api.archiving.past import opened
from api.archiving.run import archiving
from api.bootstrap import store_url
from api.cli import app
from api.ports import PARTITIONS, Stream, key_of
from api.rebuilding import rebuild
from api.security import open_secrets
from tests.integration.api.installations import PATIENCE_S, Installation, installed, load, until
from tests.unit.api.shells import starter_plan

CUSTOMERS = [f"C{number:07}" for number in range(1, 31)]
EVENTS = ("branch_visit", "loan_refused")


class Bank:
    """An installation whose events are archived by hand."""

    def __init__(self, house: Installation) -> None:
        self.house = house

    async def told(self, round_: int) -> None:
        """Everybody has some events."""
        for customer in CUSTOMERS:
            for kind in EVENTS:
                answer = await self.house.tell(kind, customer, id=f"{kind}-{customer}-{round_}")
                assert answer.status_code == 202, answer.text

    async def lengths(self) -> int:
        return sum(await self.house.stores.journal.lengths(Stream.EVENTS, range(PARTITIONS)))

    async def archived(self, keep_s: float = 0.0) -> int:
        """Archive what there is and trim behind it; how many entries left the streams."""
        settings = self.house.settings
        keys = open_secrets(settings)
        with held(settings.data_dir / ARCHIVE):
            work = await archiving(settings, keys, self.house.stores)
            await work.catch_up()
            return (await work.trim_events(keep_s)).removed

    async def states(self) -> Mapping[str, list[int]]:
        """What is kept of everybody's events, since when apart."""
        layout = starter_plan().event_layout
        wanted = [key_of(each) for each in CUSTOMERS]
        records = await self.house.stores.events.records(wanted, deadline=2**40)
        found = [decode_events(each.record.events, layout) if each.record.events else [] for each in records]
        return {customer: (state or [])[1:] for customer, state in zip(CUSTOMERS, found, strict=True)}

    async def until_folded(self) -> None:
        """Wait until every partition is done up to its last entry."""

        async def done() -> bool:
            return all(
                store.hget(f"own:{{{each}}}", "position") == store.xrevrange(f"e:{{{each}}}", count=1)[0][0]
                for each in {key_of(each).partition for each in CUSTOMERS}
            )

        with self.store() as store:
            await until(done, "events are not folded")

    def store(self) -> "redis.Redis":
        return redis.Redis(unix_socket_path=f"{self.house.settings.data_dir}/valkey/server.sock")


async def test_events_leave_the_streams_behind_the_archive_and_a_rebuild_finds_them_there(data_dir: Path) -> None:
    """Of everybody and of one, with what came after the archive's last batch."""
    async with installed(data_dir) as house:
        bank = Bank(house)
        await load(house.stores, *CUSTOMERS)
        async with house.working():
            await bank.told(1)
            await bank.until_folded()
        count = await bank.lengths()
        assert await bank.archived(keep_s=3_600) == 0
        assert await bank.lengths() == count
        assert await bank.archived() > 0
        partitions = len({key_of(each).partition for each in CUSTOMERS})
        assert await bank.lengths() == partitions
        async with house.working():
            await bank.told(2)
            url, archive = store_url(house.settings), lambda: opened(data_dir)
            assert (await rebuild(url, None, PATIENCE_S, archive)).places == {}
            before = await bank.states()
            with bank.store() as store:
                for customer in CUSTOMERS:
                    key = key_of(customer)
                    store.hdel(f"c:{{{key.partition}}}:{key.record}", "e")
            assert not any((await bank.states()).values())
            words = ["rebuild", "--data-dir", str(data_dir), "--customer", CUSTOMERS[0], "--json"]
            ended = await asyncio.to_thread(CliRunner().invoke, app, words)
            told = {"asked": 1, "waiting": 0, "not_asked": 0, "incomplete": 0}
            assert (ended.exit_code, json.loads(ended.stdout)) == (0, told)
            assert (await bank.states())[CUSTOMERS[0]] == before[CUSTOMERS[0]]
            done = await rebuild(url, None, PATIENCE_S, archive)
            assert (done.asked, done.places, done.unasked, done.incomplete) == (len(CUSTOMERS), {}, 0, 0)
        assert await bank.states() == before
        with bank.store() as store:
            assert not list(store.scan_iter("past:*"))


async def test_a_group_of_another_system_keeps_what_it_still_needs(data_dir: Path) -> None:
    """What it has not read, and what it has read and not acknowledged."""
    async with installed(data_dir) as house:
        bank = Bank(house)
        await load(house.stores, *CUSTOMERS)
        key = key_of(CUSTOMERS[0])
        name = f"e:{{{key.partition}}}"
        with bank.store() as store:
            store.xgroup_create(name, "fraud", id="0", mkstream=True)
            async with house.working():
                await bank.told(1)
                await bank.told(2)
                await bank.until_folded()
            count = store.xlen(name)
            await bank.archived()
            assert store.xlen(name) == count
            ((_, read),) = store.xreadgroup("fraud", "one", {name: ">"}, count=3)
            store.xack(name, "fraud", read[0][0], read[2][0])
            await bank.archived()
            assert store.xrange(name, count=1)[0][0] == read[1][0]
            store.xack(name, "fraud", read[1][0])
            await bank.archived()
            assert store.xrange(name, count=1)[0][0] == read[2][0]
            store.xgroup_destroy(name, "fraud")
            await bank.archived()
            assert store.xlen(name) == 1


async def test_nothing_leaves_a_stream_while_the_disk_is_full(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And all of it is archived once when there is room again."""

    def full(_rows: object, path: Path) -> None:
        path.write_bytes(b"a part")
        raise OSError(errno.ENOSPC, "No space left on device")

    async with installed(data_dir) as house:
        bank = Bank(house)
        await load(house.stores, *CUSTOMERS)
        async with house.working():
            await bank.told(1)
            await bank.until_folded()
        count = await bank.lengths()
        with monkeypatch.context() as patched:
            patched.setattr(archiver_module, "write", full)
            with pytest.raises(OSError, match="No space"):
                await bank.archived()
        assert await bank.lengths() == count
        await bank.archived()
        archive = opened(data_dir)
        assert archive is not None
        bodies = archive.bodies(range(PARTITIONS))
        assert {key.record for key in bodies} == set(CUSTOMERS)
        assert {len(each) for each in bodies.values()} == {len(EVENTS)}
