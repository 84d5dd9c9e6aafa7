"""What the archive holds of customers' events, for those whose event state is made anew."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import chain, pairwise
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from api.archiving.chain import START, Head
from api.archiving.files import ARCHIVE
from api.archiving.files import EVENTS as FOLDER
from api.archiving.ledger import advanced, batches_of
from api.archiving.tables import EVENTS
from api.ports import PARTITIONS, CustomerKey

_COLUMNS: Final = ("partition", "record", "recorded")
_DAY_S: Final = 86_400
MOST_ROWS: Final = 500_000
"""Of the partitions that are looked at together: some hundred megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventArchive:
    """The files of archived events that count, and how far each partition came."""

    folder: Path
    heads: Mapping[int, Head]
    files: Sequence[str]
    """In the order in which they were written, without those that are past their time."""
    since_s: int
    """Since when nothing is missing."""
    whole: bool
    """Whether nothing is past its time: what came before was never there."""

    def through(self, partition: int) -> int:
        """How many entries of a partition were ever archived."""
        return self.heads.get(partition, START).sequence

    def blocks(self) -> Iterator[range]:
        """All partitions, so many at a time that what is archived of them fits into memory."""
        ends, rows = [0], 0
        for partition in range(PARTITIONS):
            count = self.through(partition)
            if rows + count > MOST_ROWS and partition > ends[-1]:
                ends.append(partition)
                rows = 0
            rows += count
        yield from (range(start, end) for start, end in pairwise([*ends, PARTITIONS]))

    def bodies(self, partitions: range, only: str | None = None) -> dict[CustomerKey, list[bytes]]:
        """The events of some partitions, of one record or of all, as the streams held them and in their order."""
        found: dict[CustomerKey, list[bytes]] = {}
        filters: list[tuple[str, str, object]] = [
            ("partition", ">=", partitions.start),
            ("partition", "<", partitions.stop),
        ]
        filters += [] if only is None else [("record", "==", only)]
        for name in self.files:
            table = pq.read_table(self.folder / name, columns=list(_COLUMNS), filters=filters, partitioning=None)
            for partition, record, body in zip(*(table.column(each).to_pylist() for each in _COLUMNS), strict=True):
                found.setdefault(CustomerKey(partition, record), []).append(body)
        return found


def opened(data_dir: Path) -> EventArchive | None:
    """The archive of events in a data folder; None where there is none.

    Raises:
        ArchiveDamaged: its ledger cannot be read.
    """
    folder = data_dir / ARCHIVE / FOLDER
    heads: dict[int, Head] = {}
    files: dict[str, None] = {}
    dropped: list[str] = []
    for _, batch in batches_of(folder):
        advanced(heads, batch)
        files |= dict.fromkeys(sorted(batch.files))
        dropped += batch.dropped
    if not heads:
        return None
    kept = [name for name in files if name not in set(dropped)]
    return EventArchive(
        folder=folder,
        heads=heads,
        files=[name for name in kept if Path(name).name.startswith(f"{EVENTS.name}-")],
        since_s=_day_after(max(dropped)) if dropped else _first_entry_s(folder, kept),
        whole=not dropped,
    )


def _day_after(name: str) -> int:
    day = date.fromisoformat(name.partition("/")[0].removeprefix("day="))
    return int(datetime.combine(day, time(), UTC).timestamp()) + _DAY_S


def _first_entry_s(folder: Path, names: Sequence[str]) -> int:
    """When the first entry of all came: the first batch holds it."""
    batch = names[0].rpartition("-")[2]
    ids = chain.from_iterable(
        pq.read_table(folder / name, columns=["entry_id"], partitioning=None).column("entry_id").to_pylist()
        for name in names
        if name.endswith(batch)
    )
    return min(int(each.partition("-")[0]) for each in ids) // 1_000
