"""The hot path's port: records, identities and decisions, one read and one write a request."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

from api.ports.units import Unit
from engine.contacts import hash32
from engine.ids import CustomerId

PARTITIONS: Final = 1024


class StoreUnavailable(Exception):
    """The customer store did not answer in time, or with an error; nobody knows whether a write was applied."""


class CustomerKey(NamedTuple):
    """Where a customer's record lies. `partition` is the hash tag; `record` is the customer id, or `scheme:value` of
    somebody not known yet."""

    partition: int
    record: str


class Identity(NamedTuple):
    """One way in which a touchpoint names the customer."""

    scheme: str
    value: str


def key_of(record: CustomerId | str) -> CustomerKey:
    """Where the record of a customer id, or of a `scheme:value`, lies."""
    return CustomerKey(hash32(record) % PARTITIONS, record)


def key_of_unknown(identity: Identity) -> CustomerKey:
    """Where the record of somebody lies whom no identity leads to a customer."""
    return key_of(f"{identity.scheme}:{identity.value}")


class Resolution(NamedTuple):
    """Who an identity means: no customer, one, or (a joint account) several."""

    customers: tuple[CustomerId, ...]


class StoredRecord(NamedTuple):
    """A customer's record as its fields' bytes; None where a field is absent."""

    profile: bytes | None = None
    events: bytes | None = None
    needs: bytes | None = None
    contacts: bytes | None = None
    consent: bytes | None = None
    consent_version: int = 0
    """Raised by every change of consent and by every decline or accept; not the version that the source gave."""
    contacts_version: int = 0
    outcome_count: int = 0
    terms: bytes | None = None
    owner: bytes | None = None
    """The record's own customer id, checked on read; None for somebody not known yet."""
    moved_to: bytes | None = None
    ties: bytes | None = None
    """Groups that the customer belongs to for a time, and what rules read of relations."""


class ClaimState(IntEnum):
    """What is known of a request id when the record is read."""

    NONE = 0
    """The request carries no id."""
    OURS = 1
    """First sight: this request holds the claim now."""
    IN_FLIGHT = 2
    """The same request is being decided elsewhere."""
    ANSWERED = 3
    """`answer` holds what was answered, and consent has not changed since."""
    OTHER_BODY = 4
    """The id was used with another body."""


class Claim(NamedTuple):
    """A request id's standing; `answer` is what `Commit.answer` stored."""

    state: ClaimState
    answer: bytes = b""


class RequestClaim(NamedTuple):
    """A request id, scoped to one customer."""

    request_id: str
    body_hash: bytes
    """8 bytes that name the body."""
    attempt: bytes
    """8 random bytes that name this very attempt, so that a commit knows its own claim."""
    hold_ms: int
    """How long the claim stands without an answer: what is left of the request's budget."""


class Gathered(NamedTuple):
    """One read: the record, where it lies, and the request's claim."""

    record: StoredRecord
    claim: Claim
    key: CustomerKey
    """The key that was asked for, or the one it was moved to; commit with this one."""


class Commit(NamedTuple):
    """All that one decision writes, in one atomic step."""

    deadline_ms: int
    """Past this instant (milliseconds since the epoch, the server's clock) nothing is written."""
    contacts_version: int
    """The version the decision was judged on; another one at commit means CONFLICT."""
    consent_version: int
    new_contacts: bytes
    """Appended to the contact history; empty when nothing is shown."""
    dropped_contacts: int
    """How many contacts at the front of the history are older than any window and may go."""
    decision: bytes
    """The decision record for the stream."""
    claim: RequestClaim | None
    answer: bytes
    """Kept under the claim for 10 minutes."""
    terms: bytes = b""
    """Replaces the terms quoted; empty when they stay."""
    units: tuple[Unit, ...] = ()
    """What the offers take of budgets."""


class CommitState(IntEnum):
    """How a commit ended; only COMMITTED wrote anything."""

    COMMITTED = 0
    LATE = 1
    CONFLICT = 2
    """Contacts or consent changed since they were read: `record` holds the fresh ones, judge again."""
    CLAIM_LOST = 3
    """Another attempt holds the request id, or has answered it."""
    LEASE_ENDED = 4
    """A lease behind one of the units has ended by the store's clock."""


class Committed(NamedTuple):
    """The end of a commit."""

    state: CommitState
    record: StoredRecord | None = None


class CustomerStore(Protocol):
    """Records, identities and decisions: all that stands between a request and its answer."""

    async def resolve(self, identities: Sequence[Identity], *, deadline: float) -> Resolution:
        """Who the first identity means that means anyone; strongest first."""

    async def gather(self, key: CustomerKey, claim: RequestClaim | None, *, deadline: float) -> Gathered:
        """Read the record, and claim the request id if there is one, in one trip."""

    async def commit(self, key: CustomerKey, commit: Commit, *, deadline: float) -> Committed:
        """Reserve the contacts and append the decision, or nothing."""

    async def decisions_between(
        self, partition: int, first_ms: int, last_ms: int, *, deadline: float
    ) -> Sequence[bytes]:
        """The decision records of a partition's stream in a span of server time, both ends included, oldest first."""
