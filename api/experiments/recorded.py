"""Walks what was recorded: archived decisions, outcomes or events first, then what the streams hold beyond them; and
what any account of it is made of."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import pyarrow.parquet as pq

from api import decision_record
from api.archiving.files import EVENTS
from api.decision_record import DecisionRecord
from api.entries import OutcomeEntry, decode_event
from api.ports import FIRST, PARTITIONS, Journal, Stream

See = Callable[[str, bytes], None]
"""Takes the kind of an entry (see `Stream`) and its body."""
OPENED: Final = "product_opened"
PRODUCT: Final = "product"
"""The event that reports an opening, and its field that names the product."""
_decode_outcome: Final = msgspec.msgpack.Decoder(OutcomeEntry).decode
_KIND_BY_TABLE: Final = {Stream.DECISIONS: {"decisions": "r", "outcomes": "o"}, Stream.EVENTS: {"events": "r"}}
_COLUMNS: Final = ("partition", "entry_id", "recorded")
_AT_ONCE: Final = 100


@dataclass(slots=True)
class Openings:
    """What customers opened, by their events; entries that cannot be read are counted."""

    openings: dict[str, list[tuple[int, str]]] = field(default_factory=dict, kw_only=True)
    """By customer when they opened which product, in seconds."""
    unreadable: int = field(default=0, kw_only=True)

    def see_event(self, kind: str, body: bytes) -> None:
        """Take one entry of an event stream."""
        if kind != "r":
            return
        try:
            event = decode_event(body)
        except (ValueError, msgspec.DecodeError):
            self.unreadable += 1
            return
        if event.type == OPENED and isinstance(product := event.data.get(PRODUCT), str):
            self.openings.setdefault(event.record, []).append((event.at_ms // 1_000, product))


@dataclass(slots=True)
class Account(Openings, ABC):
    """Something told of decisions and outcomes besides."""

    def see(self, kind: str, body: bytes) -> None:
        """Take one entry of a decision stream."""
        try:
            if kind == "r":
                self.decision(decision_record.decode(body))
            elif kind == "o":
                self.outcome(_decode_outcome(body))
        except (ValueError, msgspec.DecodeError):
            self.unreadable += 1

    @abstractmethod
    def decision(self, record: DecisionRecord) -> None:
        """Take a decision into account."""

    @abstractmethod
    def outcome(self, entry: OutcomeEntry) -> None:
        """Take an outcome into account."""


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
