"""The ports behind the request: the partitions' streams, who folds their events, and the event state itself."""

from collections.abc import Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple, Protocol

from api.ports.customers import CustomerKey, StoredRecord


class Stream(StrEnum):
    """The streams that every partition has."""

    DECISIONS = "d"
    """Entries of kind `r` (decision), `o` (outcome; `l`: a late impression) and `k` (consent)."""
    EVENTS = "e"
    """Entries of kind `r` (an event), `t` (a record that is due; the body is the record's name) and `b` (records that
    are to be rebuilt; a list of names)."""
    FULFILMENT = "f"
    QUARANTINE = "x"
    """Events that are put aside until a person decides."""
    UNKNOWN = "u"
    """Records of people who are no customers yet, by name; looked at again until they are."""


class Entry(NamedTuple):
    """One entry of a stream. `id` is `milliseconds-sequence` of the server's clock."""

    id: str
    kind: str
    """The name of its field: `r` unless `Stream` says otherwise."""
    body: bytes


FIRST: Final = "0-0"
"""The position before the first entry of any stream."""


class Arrival(NamedTuple):
    """Something that is to be appended once."""

    source: str
    id: str
    """Unique in its source; seen again within 7 days it is a duplicate."""
    body: bytes


class Journal(Protocol):
    """The partitions' streams: appended to once, read in order, trimmed behind the archive."""

    async def append_once(
        self, stream: Stream, partition: int, arrivals: Sequence[Arrival], *, deadline_ms: int, deadline: float
    ) -> Sequence[bool]:
        """For each arrival whether it was new; what is new is appended, kind `r`, in order."""

    async def read(
        self, stream: Stream, after: Mapping[int, str], *, count: int, wait_s: float = 0.0
    ) -> Mapping[int, Sequence[Entry]]:
        """At most `count` entries of each partition that has any, behind the position given for it.

        Waits up to `wait_s` for the first one.
        """

    async def archive(self, identity: str) -> str:
        """The archive into which this store's records go: the first that ever asked."""

    async def archived_in(self) -> str | None:
        """The archive that `archive` noted; None where nothing ever asked."""

    async def removed(self, stream: Stream, partition: int) -> int:
        """How many entries were ever removed from a stream."""

    async def trim(self, stream: Stream, partition: int, before: str) -> int:
        """Remove the entries before a position, and say how many."""

    async def remove(self, stream: Stream, partition: int, ids: Sequence[str]) -> int:
        """Remove single entries, and say how many were there."""

    async def lengths(self, stream: Stream, partitions: Sequence[int]) -> Sequence[int]:
        """How many entries each partition's stream has."""


class Ownership(NamedTuple):
    """The right to fold a partition's events, until the lease ends or somebody else has a higher epoch."""

    partition: int
    epoch: int
    position: str
    """The last event of the partition that is done."""


class FoldRecord(NamedTuple):
    """What folding needs of a record."""

    record: StoredRecord
    applied: str
    """The last event folded into it; `FIRST` for none."""


class FoldWrite(NamedTuple):
    """A record's event state after some events."""

    deadline_ms: int
    epoch: int
    applied_before: str
    """`FoldRecord.applied` as it was read."""
    applied: str
    events: bytes
    needs: bytes
    due_at_s: int | None = None
    """When the record has to be looked at again without an event; replaces the last such instant, None removes it."""
    reports: tuple[bytes, ...] = ()
    """Events of the worker's own that go into the partition's stream in the same step, or not at all."""


class FoldState(IntEnum):
    """How a fold ended; only APPLIED wrote anything."""

    APPLIED = 0
    FENCED = 1
    """The partition belongs to somebody else now."""
    STALE = 2
    """Another event was folded since the record was read: read it again."""
    MOVED = 3
    """The record was merged into another: append the events there."""


class Trimmed(NamedTuple):
    """What became of a partition's events."""

    removed: int
    left: int
    held_by: str | None
    """The consumer group of another system without which more could go."""


class EventStore(Protocol):
    """Event state and who may write it: one owner a partition, fenced by an epoch."""

    async def own(self, partition: int, worker: str, *, lease_ms: int, deadline: float) -> Ownership | None:
        """Take or extend the lease on a partition; None while somebody else holds it."""

    async def disown(self, owned: Ownership, *, deadline: float) -> None:
        """Give the lease back."""

    async def records(self, keys: Sequence[CustomerKey], *, deadline: float) -> Sequence[FoldRecord]:
        """The records to fold into, in the order of the keys."""

    async def fold(self, writes: Sequence[tuple[CustomerKey, FoldWrite]], *, deadline: float) -> Sequence[FoldState]:
        """Store each event state, if its partition is still owned and its record as it was read.

        Each write is a step of its own: where the store goes away meanwhile, some of them may have been applied.
        """

    async def advance(self, positions: Sequence[tuple[Ownership, str]], *, deadline: float) -> Sequence[bool]:
        """Note that every event up to a position is done; False where the partition belongs to somebody else."""

    async def trim(self, partition: int, *, archived: str, kept_since_ms: int, deadline: float) -> Trimmed:
        """Remove the events that are folded, archived up to an entry, older than an instant, and needed by no group."""

    async def ask_rebuild(self, partition: int, records: Sequence[str], *, deadline: float) -> str:
        """Ask whoever owns a partition to rebuild the event state of some records; gives the place of the wish."""

    async def lay_past(self, key: CustomerKey, past: bytes, *, deadline: float) -> None:
        """Lay what the archive knows of a record beside it for a day, for whoever rebuilds its event state."""

    async def past(self, key: CustomerKey, *, deadline: float) -> bytes | None:
        """What was laid beside a record."""

    async def drop_past(self, key: CustomerKey, *, deadline: float) -> None:
        """Take it away again."""

    async def wake_due(self, owned: Ownership, now_s: int, *, count: int, deadline: float) -> int:
        """Take at most `count` records that are due off the due index, each for an entry of kind `t` in the events."""
