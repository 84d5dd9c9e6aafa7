"""Finds recorded decisions: in the stream while it keeps them, in the archive ever after."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from api import decision_record
from api.archiving.chain import START, Head
from api.archiving.files import day_of, folder_of
from api.archiving.ledger import advanced, batches_of
from api.archiving.tables import DECISIONS
from api.bootstrap import Stores
from api.ports import PARTITIONS, Stream
from api.replay import find_stored

WITHIN_S: Final = 10.0
READ_AT_ONCE: Final = 100
_MILLISECOND: Final = timedelta(milliseconds=1)


def files_of(archive: Path, day: str) -> list[Path]:
    """The files of a day's decisions, oldest first; what is being written has a name that begins with a dot."""
    return sorted((archive / folder_of(day)).glob(f"{DECISIONS.name}-*.parquet"))


def positions_of(archive: Path) -> dict[int, str]:
    """For each partition the last entry that is archived."""
    heads: dict[int, Head] = {}
    for _, batch in batches_of(archive):
        advanced(heads, batch)
    return {partition: heads.get(partition, START).entry_id for partition in range(PARTITIONS)}


async def find(decision_id: str, archive: Path, stores: Stores | None) -> bytes | None:
    """The record of one decision; `stores` where the store runs.

    Raises:
        StoreUnavailable: it does not answer.
    """
    if stores is not None:
        deadline = asyncio.get_running_loop().time() + WITHIN_S
        found = await find_stored(stores.customers, decision_id, deadline=deadline)
        if found is not None:
            return found
    return recorded(archive, decision_id)


async def of_day(day: str, archive: Path, stores: Stores | None) -> Iterator[bytes]:
    """The records of a day's decisions: those in the archive, and those that have not come there yet.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    later: list[bytes] = []
    if stores is not None:
        positions = positions_of(archive)
        while found := await stores.journal.read(Stream.DECISIONS, positions, count=READ_AT_ONCE):
            for partition, entries in found.items():
                positions[partition] = entries[-1].id
                later += [entry.body for entry in entries if entry.kind == "r" and _is_of(entry.body, day)]
    return chain(recorded_on(archive, day), later)


def _is_of(stored: bytes, day: str) -> bool:
    try:
        return day_of(decision_record.decode(stored).decided_at_us // 1_000) == day
    except ValueError:
        return False


def recorded_on(archive: Path, day: str) -> Iterator[bytes]:
    """The records of a day's decisions, as the stream held them."""
    for path in files_of(archive, day):
        yield from pq.read_table(path, columns=["recorded"], partitioning=None).column("recorded").to_pylist()


def recorded(archive: Path, decision_id: str) -> bytes | None:
    """The record of one decision; None where the archive has none."""
    place = decision_record.place_of(decision_id)
    if place is None:
        return None
    # The instant alone is in the statistics of a file: those of other hours are passed over with a look at their end.
    at = datetime.fromtimestamp(place[1] / 1_000, UTC)
    wanted = [("decided_at", ">=", at), ("decided_at", "<", at + _MILLISECOND), ("decision_id", "==", decision_id)]
    for path in files_of(archive, day_of(place[1])):
        found = pq.read_table(path, columns=["recorded"], filters=wanted, partitioning=None).column("recorded")
        if len(found):
            record: bytes = found[0].as_py()
            return record
    return None
