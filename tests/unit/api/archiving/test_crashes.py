"""An archiver that dies at any step of a batch leaves an archive in which everything counts once, and goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.adapters.memory import MemoryState
from api.adapters.memory_events import MemoryJournal
from api.archiving import archiver, files, ledger
from api.archiving.archiver import Archiver
from api.archiving.audit import verify
from api.archiving.errors import ArchiveDamaged
from api.archiving.known import Known
from api.archiving.ledger import ANCHORS, LEDGER, Ledger, batches_of
from api.archiving.makers import Makers
from api.archiving.rows import Rows
from api.archiving.tables import read
from api.entries import ConsentEntry, encode_entry
from api.ports import Stream
from api.security import Secrets
from api.settings import Settings

KEY = b"k" * 32
KEYS = Secrets(token=KEY, exploration=KEY, ids=KEY)
DAY_MS = 86_400_000
BODIES = [f"body {number}".encode() for number in range(6)]


class Killed(BaseException):
    """The process is gone."""


class Dying:
    """Lets so many steps pass and dies at the next, before or in the middle of it."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, take: Callable[..., Any]) -> Callable[..., Any]:
        """The same step, which may be the last."""

        def taken(*words: Any) -> Any:
            if not self.left:
                if take is files.append_durably:
                    take(words[0], words[1][: len(words[1]) // 2])
                raise Killed
            self.left -= 1
            return take(*words)

        return taken


def streams() -> MemoryState:
    """Two partitions with what comes to the files of several days."""
    state = MemoryState()
    for number, body in enumerate(BODIES):
        state.append(Stream.DECISIONS, number % 2, "z", body)
        consent = ConsentEntry(
            record="C1", version=1, purposes={}, profiling_objection=None, received_ms=number * DAY_MS
        )
        state.append(Stream.DECISIONS, number % 2, "k", encode_entry(consent))
    return state


def opened(folder: Path, state: MemoryState) -> Archiver:
    """An archiver as a process starts it."""
    folder.mkdir(exist_ok=True)
    settings = Settings(data_dir=folder.parent)
    rows = Rows(Makers(settings, KEYS, Known(folder)))
    return Archiver(folder, Ledger.opened(folder, KEY), rows, MemoryJournal(state), lambda: 1e9)


async def until_it_ends(folder: Path, state: MemoryState) -> None:
    """Archive, anchor, archive more, anchor."""
    running = opened(folder, state)
    await running.batch()
    running.anchor()


def bodies(folder: Path) -> list[bytes]:
    """What counts of the archive, by partition and number."""
    names = [name for _, batch in batches_of(folder) for name in batch.files if "others" in name]
    rows = [row for name in names for row in read(folder / name)]
    return [row.value("recorded") for row in sorted(rows, key=lambda row: row.value("recorded"))]


async def test_everything_counts_once_wherever_the_archiver_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every file's bytes, name and folder, in the middle of the ledger's line and of the anchor's."""
    deaths = 0
    while True:
        folder, state, dying = tmp_path / f"archive-{deaths}", streams(), Dying(deaths)
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
                await until_it_ends(folder, state)
                break
            except Killed:
                deaths += 1
        await until_it_ends(folder, state)
        assert bodies(folder) == BODIES
        found = verify(folder, KEY)
        assert (found.findings, found.records, found.anchors) == ([], 2 * len(BODIES), 1)
    assert deaths > 15


async def test_a_stream_is_trimmed_no_further_than_it_is_archived(tmp_path: Path) -> None:
    """Nor, what is archived, before a day has passed."""
    state = streams()
    running = opened(tmp_path / "archive", state)
    await running.batch()
    state.append(Stream.DECISIONS, 0, "z", b"later")
    assert await running.trim() == 0  # its clock stands in 2001
    old = Archiver(tmp_path / "archive", running.ledger, running.rows, MemoryJournal(state), lambda: 9e9)
    await old.trim()
    assert [entry.body for entry in state.streams[Stream.DECISIONS, 0]][1:] == [b"later"]


async def test_an_anchor_comes_once_an_hour_and_only_with_something_new(tmp_path: Path) -> None:
    state, now = streams(), [1e9]
    running = opened(tmp_path / "archive", state)
    running = Archiver(tmp_path / "archive", running.ledger, running.rows, MemoryJournal(state), lambda: now[0])
    assert not running.anchor_if_due()
    await running.batch()
    assert running.anchor_if_due()
    state.append(Stream.DECISIONS, 0, "z", b"later")
    await running.batch()
    assert not running.anchor_if_due()
    now[0] += 3_600
    assert running.anchor_if_due()
    assert not running.anchor_if_due()


async def test_a_ledger_that_was_changed_is_not_gone_on_with(tmp_path: Path) -> None:
    folder, state = tmp_path / "archive", streams()
    for body in (b"1", b"2"):
        state.append(Stream.DECISIONS, 0, "z", body)
        await opened(folder, state).batch()
    lines = (folder / LEDGER).read_bytes().splitlines(keepends=True)
    for spoiled, why in ((lines[1:], "does not follow"), ([b"{}\n"], "no entry of the ledger")):
        (folder / LEDGER).write_bytes(b"".join(spoiled))
        with pytest.raises(ArchiveDamaged, match=why):
            opened(folder, state)
        assert verify(folder, KEY).findings
    (folder / ANCHORS).write_bytes(b"{}\n")
    assert verify(folder, KEY).findings == [f"{ANCHORS}: line 1 is no anchor"]


async def test_days_past_their_time_are_dropped_and_not_missed(tmp_path: Path) -> None:
    """What is left is verified still: batches that lost a part by their bytes, others record by record."""
    folder, state = tmp_path / "archive", streams()
    running = opened(folder, state)
    await running.batch()
    before = verify(folder, KEY).records
    assert running.drop_before("1970-01-04") == 3
    assert sorted(path.name for path in folder.glob("day=1970*")) == [f"day=1970-01-0{day}" for day in (4, 5, 6)]
    assert running.drop_before("1970-01-04") == 0
    state.append(Stream.DECISIONS, 0, "z", b"later")
    await opened(folder, state).batch()
    found = verify(folder, KEY)
    assert (found.findings, found.records) == ([], before - 3 + 1)
    (left,) = folder.glob("day=1970-01-05/*")
    left.write_bytes(left.read_bytes() + b" ")
    assert len(verify(folder, KEY).findings) == 1


async def test_an_entry_that_makes_no_sense_is_archived_as_it_is(tmp_path: Path) -> None:
    """One that nobody can read, and one of a day that is none: neither stops those behind it."""
    state, folder = MemoryState(), tmp_path / "archive"
    endless = ConsentEntry(record="C1", version=1, purposes={}, profiling_objection=None, received_ms=2**60)
    bodies_of = {"r": b"no decision", "k": encode_entry(endless), "o": b"", "z": b"later"}
    for kind, body in bodies_of.items():
        state.append(Stream.DECISIONS, 3, kind, body)
    assert await opened(folder, state).batch() == (4, False)
    assert bodies(folder) == sorted(bodies_of.values())
    assert verify(folder, KEY).findings == []
