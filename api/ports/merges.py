"""The port of merging customers: a record and the merges noted beside it, changed together or not at all."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from api.ports.customers import CustomerKey, StoredRecord


class MergeRead(NamedTuple):
    """A record with the merges that concern it; `version` names exactly this state of both."""

    key: CustomerKey
    record: StoredRecord
    merges: bytes | None
    version: bytes
    own_profile: bytes | None = None
    """The record's own profile where its profile is joined with those of records merged into it."""
    origin: bytes | None = None
    """Of which day its own profile is, and where it comes from."""


class MergeChange(NamedTuple):
    """What is to become of a record and of the merges noted beside it."""

    deadline_ms: int
    merges: bytes = b""
    """What is noted beside it from now on; empty: what is noted stays."""
    fields: Mapping[str, bytes | int | None] = {}
    """Fields of the record by their names in the store; None removes one."""
    disturbs_events: bool = False
    """The event state changes: whoever folds events of the partition begins again, and looks at this record."""


class MergeStore(Protocol):
    """Records of customers who are merged or separated, and which merges are not finished."""

    async def read(self, key: CustomerKey, *, deadline: float) -> MergeRead:
        """The record under this very key, wherever it moved to."""

    async def change(self, seen: MergeRead, change: MergeChange, *, deadline: float) -> bool:
        """Change what was read; False where it is not as it was read any more, and nothing was written."""

    async def note_open(self, merge_id: str, loser: str, *, deadline: float) -> None:
        """Remember that a merge, or its reversal, is going on."""

    async def note_closed(self, merge_id: str, *, deadline: float) -> None:
        """Forget it again."""

    async def open(self, *, deadline: float) -> Mapping[str, str]:
        """The merges that are going on or were cut off: their losers by id."""
