"""Moves the streams of all partitions into an archive, batch by batch, and trims them behind it.

The order of a batch makes it count once or not at all: files under names of their own, on the disk; their final names;
one line in the ledger. What a killed archiver left without that line is removed, and its entries are read again.
"""

import fcntl
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from operator import itemgetter
from pathlib import Path
from typing import Final, Protocol

from api.archiving.chain import Head
from api.archiving.errors import ArchiveBusy
from api.archiving.files import IDENTITY, KEPT_SINCE, replace_durably, sync_file
from api.archiving.ledger import FileNote, Ledger
from api.archiving.tables import TABLES, Row, write
from api.ports import PARTITIONS, Entry, Journal, Stream
from models.durable import sync_folder

MOST_ROWS: Final = 8_000
"""Of one batch: some tens of megabytes while it is written."""
READ_AT_ONCE: Final = 100
KEPT_H: Final = 25
"""How long a stream keeps what is archived: a day of explanations by id, and the longest reservation."""
_OF_BATCH: Final = "{table}-{batch:08}.parquet"


@contextmanager
def held(archive: Path) -> Iterator[None]:
    """Hold an archive alone.

    Raises:
        ArchiveBusy: another process holds it.
    """
    archive.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (archive / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ArchiveBusy(f"another process archives to {archive}") from error
        yield


async def see_that_it_is_ours(archive: Path, journal: Journal) -> None:
    """A store's records go into one archive: two that both trim would each have gaps.

    Raises:
        ArchiveBusy: the store's records go elsewhere.
        StoreUnavailable: nobody can tell.
    """
    path = archive / IDENTITY
    if not path.exists():
        replace_durably(path, secrets.token_hex(16).encode())
    own = path.read_text(encoding="ascii")
    if await journal.archive(own) != own:
        raise ArchiveBusy(f"the records of this store go into another archive than {archive}; see `nextbest archive`")


class RowMaker(Protocol):
    """Makes rows out of entries."""

    def row(self, partition: int, head: Head, entry: Entry) -> tuple[Row, str]:
        """The row that follows a partition's head, and the day to whose files it belongs."""


class Archiver:
    """Archives one kind of stream for as long as it holds the archive."""

    def __init__(
        self,
        archive: Path,
        ledger: Ledger,
        rows: RowMaker,
        journal: Journal,
        now_s: Callable[[], float] = time.time,
        *,
        stream: Stream = Stream.DECISIONS,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self._archive = archive
        self.ledger = ledger
        self.rows = rows
        self._journal = journal
        self._now_s = now_s
        self._stream = stream
        self._most_rows = most_rows
        self._remove_leftovers()

    def _remove_leftovers(self) -> None:
        """Remove the files of a batch that never came to count."""
        for table in TABLES:
            for path in self._archive.glob(f"day=*/*{_OF_BATCH.format(table=table, batch=self.ledger.batch + 1)}"):
                path.unlink()

    async def batch(self) -> tuple[int, bool]:
        """Archive one batch of what the streams hold; says how many records, and whether there may be more.

        Raises:
            StoreUnavailable: the store went away; nothing is lost.
        """
        positions = {partition: self.ledger.head(partition).entry_id for partition in range(PARTITIONS)}
        found: list[tuple[int, Entry]] = []
        while len(found) < self._most_rows:
            entries_by_partition = await self._journal.read(self._stream, positions, count=READ_AT_ONCE)
            if not entries_by_partition:
                break
            for partition, entries in entries_by_partition.items():
                positions[partition] = entries[-1].id
                found += ((partition, entry) for entry in entries)
        if found:
            self._write(found)
        return len(found), len(found) >= self._most_rows

    def _write(self, found: list[tuple[int, Entry]]) -> None:
        heads: dict[int, Head] = {}
        rows_by_file: dict[str, list[Row]] = {}
        # One partition after the other, each in its order: who looks for one of them passes over the others.
        found.sort(key=itemgetter(0))
        for partition, entry in found:
            head = heads.get(partition) or self.ledger.head(partition)
            row, day = self.rows.row(partition, head, entry)
            heads[partition] = Head(row.sequence, row.entry_id, row.hash)
            name = _OF_BATCH.format(table=row.table.name, batch=self.ledger.batch + 1)
            rows_by_file.setdefault(f"day={day}/{name}", []).append(row)
        self.ledger.append(self._files(rows_by_file), heads, self._now_s())

    def _files(self, rows_by_file: Mapping[str, list[Row]]) -> dict[str, FileNote]:
        notes = {}
        for name, rows in rows_by_file.items():
            path = self._archive / name
            draft = path.with_name(f".{path.name}")
            if not path.parent.exists():
                path.parent.mkdir(mode=0o700)
                sync_folder(self._archive)
            write(rows, draft)
            draft.chmod(0o600)
            sync_file(draft)
            notes[name] = FileNote(len(rows), sha256(draft.read_bytes()).hexdigest())
            draft.replace(path)
            sync_folder(path.parent)
        return notes

    def anchor_if_due(self) -> bool:
        """Anchor what came since the last anchor, once an hour; says whether it did."""
        before = self.ledger.anchored
        if before is not None and self.ledger.batch == before.batch:
            return False
        if before is not None and before.anchored_at[:13] == _hour(self._now_s()):
            return False
        return self.anchor()

    def anchor(self) -> bool:
        """Anchor what came since the last anchor, if anything did."""
        before = self.ledger.anchored
        if self.ledger.batch == (0 if before is None else before.batch):
            return False
        self.ledger.anchor(self._now_s())
        return True

    def drop_before(self, day: str) -> int:
        """Remove the files of the days before one; the ledger notes it first. Says how many."""
        old = [path for path in self._archive.glob("day=*/*") if path.parent.name < f"day={day}"]
        if old:
            self.ledger.drop(sorted(path.relative_to(self._archive).as_posix() for path in old), self._now_s())
            replace_durably(self._archive / KEPT_SINCE, day.encode())
        for path in old:
            path.unlink()
        for folder in {path.parent for path in old}:
            folder.rmdir()
        return len(old)

    async def trim(self, kept_s: float = 3_600.0 * KEPT_H) -> int:
        """Take out of the streams what is archived and older than so many seconds; says how many entries.

        Raises:
            StoreUnavailable: the store went away; it is done later.
        """
        kept_since = (int(1_000 * (self._now_s() - kept_s)), 0)
        removed = 0
        for partition, head in self.ledger.heads.items():
            before = min(kept_since, _place(head.entry_id))
            removed += await self._journal.trim(self._stream, partition, f"{before[0]}-{before[1]}")
        return removed


def _place(entry_id: str) -> tuple[int, int]:
    at_ms, _, count = entry_id.partition("-")
    return int(at_ms), int(count)


def _hour(at_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H", time.gmtime(at_s))
