"""Walks what was recorded: archived decisions, outcomes or events first, then what the streams hold beyond them."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from api.archiving.files import EVENTS
from api.ports import FIRST, PARTITIONS, Journal, Stream

See = Callable[[str, bytes], None]
"""Takes the kind of an entry (see `Stream`) and its body."""
_KIND_BY_TABLE: Final = {Stream.DECISIONS: {"decisions": "r", "outcomes": "o"}, Stream.EVENTS: {"events": "r"}}
_COLUMNS: Final = ("partition", "entry_id", "recorded")
_AT_ONCE: Final = 100


async def walk(journal: Journal | None, stream: Stream, see: See, archive: Path | None = None) -> int:
    """Show every entry once, oldest first in its partition; says how many there were. Without a journal, as where no
    store runs, those of the archive.

    Raises:
        StoreUnavailable: the store went away.
    """
    positions = dict.fromkeys(range(PARTITIONS), FIRST)
    seen = 0
    if archive is not None:
        folder = archive / EVENTS if stream is Stream.EVENTS else archive
        for partition, entry_id, kind, body in _archived(folder, _KIND_BY_TABLE[stream]):
            positions[partition] = max(positions[partition], entry_id, key=_place)
            see(kind, body)
            seen += 1
    while journal is not None and (found := await journal.read(stream, positions, count=_AT_ONCE)):
        for partition, entries in found.items():
            positions[partition] = entries[-1].id
            for entry in entries:
                see(entry.kind, entry.body)
            seen += len(entries)
        await asyncio.sleep(0)
    return seen


def _archived(archive: Path, kind_by_table: Mapping[str, str]) -> Iterator[tuple[int, str, str, bytes]]:
    """What an archive holds of some tables: partition, id in the stream, kind and body."""
    for day in sorted(archive.glob("day=*")):
        for table, kind in kind_by_table.items():
            for path in sorted(day.glob(f"{table}-*.parquet")):
                columns = pq.read_table(path, columns=list(_COLUMNS), partitioning=None).to_pydict()
                for partition, entry_id, body in zip(*(columns[name] for name in _COLUMNS), strict=True):
                    yield partition, entry_id, kind, body


def _place(entry_id: str) -> tuple[int, int]:
    at_ms, _, number = entry_id.partition("-")
    return int(at_ms), int(number)
