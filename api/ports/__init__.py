"""What the service asks of the outside world, as values and protocols; adapters/ holds the real ones.

Every method that waits takes `deadline`, an instant of the event loop's clock, and raises `StoreUnavailable` when it
passes. Every write also carries `deadline_ms`, the same instant in milliseconds since the epoch: a server that wakes up
later applies nothing.
"""

from api.ports.customers import (
    PARTITIONS,
    Claim,
    ClaimState,
    Commit,
    CommitState,
    Committed,
    CustomerKey,
    CustomerStore,
    Gathered,
    Identity,
    RequestClaim,
    Resolution,
    StoredRecord,
    StoreUnavailable,
    key_of,
    key_of_unknown,
)
from api.ports.events import (
    FIRST,
    Arrival,
    Entry,
    EventStore,
    FoldRecord,
    FoldState,
    FoldWrite,
    Journal,
    Ownership,
    Stream,
)
from api.ports.outcomes import (
    ConsentResult,
    ConsentState,
    ConsentWrite,
    OutcomeResult,
    OutcomeState,
    OutcomeStore,
    OutcomeWrite,
)
from api.ports.records import (
    LoadedRecord,
    RecordStore,
    StoredLayout,
    StoreHealth,
    StoreStatus,
)

__all__ = [
    "FIRST",
    "PARTITIONS",
    "Arrival",
    "Claim",
    "ClaimState",
    "Commit",
    "CommitState",
    "Committed",
    "ConsentResult",
    "ConsentState",
    "ConsentWrite",
    "CustomerKey",
    "CustomerStore",
    "Entry",
    "EventStore",
    "FoldRecord",
    "FoldState",
    "FoldWrite",
    "Gathered",
    "Identity",
    "Journal",
    "LoadedRecord",
    "OutcomeResult",
    "OutcomeState",
    "OutcomeStore",
    "OutcomeWrite",
    "Ownership",
    "RecordStore",
    "RequestClaim",
    "Resolution",
    "StoreHealth",
    "StoreStatus",
    "StoreUnavailable",
    "StoredLayout",
    "StoredRecord",
    "Stream",
    "key_of",
    "key_of_unknown",
]
