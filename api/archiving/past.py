"""What the archive holds of customers' events, for those whose event state is made anew."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from api.archiving.chain import START, Head
from api.archiving.errors import ArchiveDamaged
from api.archiving.files import ARCHIVE, IDENTITY, KEPT_SINCE
from api.archiving.files import EVENTS as FOLDER
from api.archiving.ledger import standing
from api.archiving.tables import EVENTS
from api.ports import PARTITIONS, CustomerKey

_COLUMNS: Final = ("partition", "record", "recorded")
MOST_ROWS: Final = 500_000
"""Of the partitions that are looked at together: some hundred megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventArchive:
    """The files of archived events that count, and how far each partition came."""

    identity: str | None
    """Which archive this is."""
    heads: Mapping[int, Head]
    files: Sequence[Path]
    """In the order in which they were written."""
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
        """The events of some partitions, of one record or of all, as the streams held them and in their order.

        Raises:
            ArchiveDamaged: a file is missing or damaged.
        """
        found: dict[CustomerKey, list[bytes]] = {}
        filters: list[tuple[str, str, object]] = [
            ("partition", ">=", partitions.start),
            ("partition", "<", partitions.stop),
        ]
        filters += [] if only is None else [("record", "==", only)]
        for path in self.files:
            table = _read(path, _COLUMNS, filters)
            for partition, record, body in zip(*(table.column(each).to_pylist() for each in _COLUMNS), strict=True):
                found.setdefault(CustomerKey(partition, record), []).append(body)
        return found


def opened(data_dir: Path) -> EventArchive | None:
    """The archive of events in a data folder; None where there is none.

    Raises:
        ArchiveDamaged: its ledger, or the first of its files, cannot be read.
    """
    folder = data_dir / ARCHIVE / FOLDER
    heads, last = standing(folder)
    files = sorted((_batch_of(path), path) for path in folder.glob("day=*/*.parquet") if not path.name.startswith("."))
    # What is being written has a later number, and does not count yet.
    counting = [(batch, path) for batch, path in files if batch <= last]
    if not counting:
        return None
    kept_since, identity = folder / KEPT_SINCE, folder.parent / IDENTITY
    whole = not kept_since.exists()
    return EventArchive(
        identity=identity.read_text(encoding="ascii") if identity.exists() else None,
        heads=heads,
        files=[path for _, path in counting if path.name.startswith(f"{EVENTS.name}-")],
        since_s=_first_entry_s(counting) if whole else _beginning_of(kept_since.read_text(encoding="ascii")),
        whole=whole,
    )


def _batch_of(path: Path) -> int:
    number = path.stem.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _read(path: Path, columns: Sequence[str], filters: Sequence[tuple[str, str, object]] = ()) -> Any:
    try:
        return pq.read_table(path, columns=list(columns), filters=list(filters) or None, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise ArchiveDamaged(f"{path} cannot be read; see `nextbest audit verify`") from error


def _beginning_of(day: str) -> int:
    return int(datetime.combine(date.fromisoformat(day), time(), UTC).timestamp())


def _first_entry_s(files: Sequence[tuple[int, Path]]) -> int:
    """When the first entry of all came: the first batch holds it."""
    ids = chain.from_iterable(
        _read(path, ["entry_id"]).column("entry_id").to_pylist() for batch, path in files if batch == files[0][0]
    )
    return min(int(each.partition("-")[0]) for each in ids) // 1_000
