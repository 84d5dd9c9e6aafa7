"""Events are archived once, wherever an archiver dies, before they leave their streams; rebuilding finds them there."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from api.adapters.memory import Lease, MemoryState
from api.adapters.memory_events import MemoryEventStore, MemoryJournal
from api.archiving import archiver, ledger, past
from api.archiving.archiver import Archiver
from api.archiving.audit import verify, verify_events
from api.archiving.chain import START
from api.archiving.event_rows import event_rows, quarantine_rows
from api.archiving.ledger import Ledger
from api.archiving.tables import read
from api.archiving.trimming import EventTrim, EventTrimmer
from api.entries import EventEntry, QuarantineEntry, encode_entry
from api.ports import CustomerKey, Entry, EventStore, Stream, Trimmed
from tests.unit.api.archiving.test_crashes import KEY, Dying, Killed

NOON_MS = int(1_000 * datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp())
DAY_MS = 86_400_000
BOB = CustomerKey(1, "bob")


def an_event(name: str, record: str = "bob", **changes: object) -> EventEntry:
    entry = EventEntry(record, "core", name, "salary", NOON_MS, NOON_MS, {"amount": 1})
    return msgspec.structs.replace(entry, **changes)


class House:
    """Streams in memory whose clock a test sets, and an archive of theirs."""

    def __init__(self, data_dir: Path) -> None:
        self.now_ms = NOON_MS
        self.state = MemoryState(now_ms=lambda: self.now_ms)
        self.data_dir = data_dir

    @property
    def folder(self) -> Path:
        """Where the events' archive lies."""
        return self.data_dir / "archive" / "events"

    def append(self, partition: int, *events: EventEntry) -> None:
        for each in events:
            self.state.append(Stream.EVENTS, partition, "r", encode_entry(each))

    def opened(self) -> Archiver:
        """An archiver as a process starts it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        journal = MemoryJournal(self.state)
        opened = Ledger.opened(self.folder, KEY)
        now_s = self.now_ms / 1_000
        return Archiver(self.folder, opened, event_rows(), journal, lambda: now_s, stream=Stream.EVENTS, most_rows=3)

    def folded(self, partition: int) -> None:
        """The worker is done with everything that a partition has."""
        self.state.leases[partition] = Lease(position=self.places(partition)[-1])

    def places(self, partition: int) -> list[str]:
        return [entry.id for entry in self.state.streams[Stream.EVENTS, partition]]

    async def trim(self, kept_since_ms: int = 2**52) -> EventTrim:
        return await EventTrimmer(MemoryEventStore(self.state)).trim(self.opened().ledger.heads, kept_since_ms)

    def archived(self, key: CustomerKey = BOB) -> Sequence[bytes]:
        """What a rebuild finds of a record."""
        found = past.opened(self.data_dir)
        assert found is not None
        return found.bodies(range(key.partition, key.partition + 1), key.record).get(key, [])


async def everything(running: Archiver) -> None:
    """Archive until there is nothing left, and anchor it."""
    while (await running.batch())[1]:
        pass
    running.anchor()


async def test_events_are_archived_once_wherever_the_archiver_dies_and_trimmed_behind_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each death the streams are trimmed as far as they may be; what comes next finds all of it."""
    monkeypatch.setattr(archiver, "READ_AT_ONCE", 2)
    events = [encode_entry(an_event(f"e{number}")) for number in range(8)]
    deaths, died = 0, True
    while died:
        house, dying = House(tmp_path / str(deaths)), Dying(deaths)
        for body in events:
            house.state.append(Stream.EVENTS, 1, "r", body)
        house.state.append(Stream.EVENTS, 0, "t", b"C1")
        house.folded(1)
        running = house.opened()
        with monkeypatch.context() as patched:
            for module, name in (
                (archiver, "write"),
                (archiver, "sync_file"),
                (archiver, "sync_folder"),
                (ledger, "append_durably"),
                (ledger, "replace_durably"),
            ):
                patched.setattr(module, name, dying.step(getattr(module, name)))
            try:
                await everything(running)
                died = False
            except Killed:
                deaths += 1
        await house.trim()
        await everything(house.opened())
        assert house.archived() == events
        found = verify(house.folder, KEY)
        assert (found.findings, found.records) == ([], 9)
    assert deaths > 15


async def test_nothing_leaves_the_streams_before_it_is_folded_and_archived_and_old_enough(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.append(1, an_event("a"), an_event("b"))
    assert (await house.trim()).removed == 0
    await everything(house.opened())
    assert await house.trim() == EventTrim(removed=0, left=2)
    house.folded(1)
    assert (await house.trim(kept_since_ms=NOON_MS)).removed == 0
    house.append(1, an_event("c"))
    house.folded(1)
    assert await house.trim() == EventTrim(removed=1, left=2)  # the last that is archived, and one that is not
    assert house.archived() == [encode_entry(an_event("a")), encode_entry(an_event("b"))]


async def test_events_lie_in_the_files_of_the_day_on_which_they_came(tmp_path: Path) -> None:
    """Whatever they say themselves; and one is found by a reader of Parquet files."""
    house = House(tmp_path)
    house.append(1, an_event("a", at_ms=0), an_event("b", at_ms=2**62))
    house.state.append(Stream.EVENTS, 1, "r", b"no event")
    await everything(house.opened())
    house.now_ms += DAY_MS
    house.append(1, an_event("c"))
    await everything(house.opened())
    names = sorted(path.relative_to(house.folder).as_posix() for path in house.folder.glob("day=*/*"))
    assert [name.rpartition("-")[0] for name in names] == [
        "day=2026-03-01/events",
        "day=2026-03-01/others",
        "day=2026-03-02/events",
    ]
    (row,) = read(house.folder / names[0])
    assert [row.value(each) for each in ("record", "type", "source", "event_id", "data")] == [
        "bob",
        "salary",
        "core",
        "a",
        '{"amount":1}',
    ]
    assert len([row for name in names for row in read(house.folder / name)]) == 4


async def test_an_archive_says_since_when_nothing_is_missing(tmp_path: Path) -> None:
    """The first entry of all, until days are dropped; then the first day that is left."""
    assert past.opened(tmp_path) is None
    house = House(tmp_path)
    house.append(7, an_event("a"))
    house.now_ms += DAY_MS
    house.append(1, an_event("b"))
    await everything(house.opened())
    found = past.opened(tmp_path)
    assert found is not None
    assert (found.since_s, found.whole, found.through(7), found.through(3)) == (NOON_MS // 1_000, True, 1, 0)
    house.opened().drop_before("2026-03-02")
    later = past.opened(tmp_path)
    assert later is not None
    assert (later.since_s, later.whole) == (int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()), False)
    assert later.bodies(range(1_024)) == {BOB: [encode_entry(an_event("b"))]}


async def test_partitions_are_looked_at_as_many_together_as_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them once, each in one block."""
    house = House(tmp_path)
    for partition, count in ((0, 2), (1, 2), (5, 9), (6, 1)):
        house.append(partition, *(an_event(f"{partition}-{number}") for number in range(count)))
    await everything(house.opened())
    monkeypatch.setattr(past, "MOST_ROWS", 4)
    found = past.opened(tmp_path)
    assert found is not None
    assert [(block.start, block.stop) for block in found.blocks()] == [(0, 5), (5, 6), (6, 1_024)]


async def test_whoever_touches_archived_events_is_found_out(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.append(1, an_event("a"), an_event("b"))
    await everything(house.opened())
    assert verify_events(house.data_dir / "archive", KEY).findings == []
    (path,) = house.folder.glob("day=*/*")
    path.unlink()
    (finding,) = verify_events(house.data_dir / "archive", KEY).findings
    assert finding.startswith("events/day=2026-03-01/")


class Held(MemoryEventStore):
    """Every partition is held back by a group of another system."""

    async def trim(self, partition: int, *, archived: str, kept_since_ms: int, deadline: float) -> Trimmed:
        return Trimmed(0, 5, "fraud_desk")


async def test_a_group_that_holds_events_back_is_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = House(tmp_path)
    house.append(1, an_event("a"))
    await everything(house.opened())
    store: EventStore = Held(house.state)
    trimmer = EventTrimmer(store)
    for _ in range(2):
        assert await trimmer.trim(house.opened().ledger.heads, 0) == EventTrim(0, 5, {"fraud_desk"})
    assert caplog.text.count("fraud_desk") == 1


def test_entries_of_every_kind_keep_their_bytes() -> None:
    """Timers and wishes count as well, so that a gap would show."""
    rows = event_rows()
    for kind, body in (("t", b"C1"), ("b", b"\x91\xa2C1"), ("r", b"\xff")):
        row, day = rows.row(3, START, Entry("86400000-0", kind, body))
        assert (row.value("kind"), row.value("recorded"), day) == (kind, body, "1970-01-02")


def test_what_was_put_aside_is_told_as_far_as_it_can_be_read() -> None:
    """The reason, whose and what where it was an event, and the bytes in any case."""
    rows = quarantine_rows()
    for body, told in ((encode_entry(an_event("a")), ("bob", "salary", "a")), (b"{no event", (None, None, None))):
        aside = encode_entry(QuarantineEntry("invalid_event", body, NOON_MS))
        row, _ = rows.row(3, START, Entry(f"{NOON_MS}-0", "r", aside))
        assert (row.table.name, row.value("reason"), row.value("body")) == ("quarantined", "invalid_event", body)
        assert tuple(row.value(each) for each in ("record", "type", "event_id")) == told
    row, _ = rows.row(3, START, Entry(f"{NOON_MS}-0", "r", b"\xff"))
    assert (row.table.name, row.value("recorded")) == ("others", b"\xff")
