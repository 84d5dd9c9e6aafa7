"""The ports of operation: loading a bank's files, and the store's account of itself."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from api.ports.customers import Identity
from engine.ids import CustomerId


class LoadedRecord(NamedTuple):
    """What a bank's files say of a customer: the profile replaces the stored one, the rest fills what is absent."""

    customer: CustomerId
    profile: bytes
    events: bytes = b""
    needs: bytes = b""
    contacts: bytes = b""
    consent: bytes = b""
    outcome_count: int = 0


class StoredLayout(NamedTuple):
    """An event layout, and since when events are folded under it; None: they never were, or are not known to be."""

    filters: bytes
    folded_since_s: int | None


class RecordStore(Protocol):
    """Bulk loading, by whoever holds the partitions' leases."""

    async def load(self, records: Sequence[LoadedRecord]) -> None:
        """Store customers' records."""

    async def identify(self, customers_by_identity: Mapping[Identity, Sequence[CustomerId]]) -> None:
        """Store whom identities mean."""

    async def put_schema(self, schema_hash: int, columns: bytes) -> None:
        """Keep the columns of a profile schema, as JSON, for readers of another bundle."""

    async def schemas(self) -> Sequence[bytes]:
        """The columns of every schema that was put."""

    async def put_layout(self, layout_hash: int, filters: bytes) -> None:
        """Keep the filters of an event layout, as JSON, for readers of another bundle."""

    async def begin_folding(self, layout_hash: int, now_s: int) -> None:
        """Note that events are folded under a layout from now on, unless that is so already."""

    async def layouts(self) -> Sequence[StoredLayout]:
        """Every layout that was put."""


class StoreStatus(NamedTuple):
    """How the store stands, for readiness and overload."""

    available: bool
    durability: str
    """`always`, `1s`, or `unknown` where the operator vouches for it."""
    memory_used_share: float | None
    """Of the server's memory limit; None where it has none."""


class StoreHealth(Protocol):
    """The store's own account of itself."""

    async def status(self) -> StoreStatus:
        """Never raises: an unreachable store is not available."""
