"""The customer store in memory: the same behaviour as the real one, for tests and for trying rules out.

What the scripts do to keys is done here to a `MemoryState` that the fakes of one test share; memory_events.py holds the
fakes behind the request. `available = False` makes every call fail as an unreachable store does.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from api.adapters.records import decode_consent, decode_customers
from api.ports import (
    FIRST,
    Claim,
    ClaimState,
    Commit,
    CommitState,
    Committed,
    ConsentResult,
    ConsentState,
    ConsentWrite,
    CustomerKey,
    Entry,
    Gathered,
    Identity,
    OutcomeResult,
    OutcomeState,
    OutcomeWrite,
    RequestClaim,
    Resolution,
    Settled,
    StoredRecord,
    StoreUnavailable,
    Stream,
    Unit,
    key_of,
)
from engine.contacts import SIZE, Contact, ContactState, pack, unpack
from engine.ids import CustomerId

UNKNOWN_KEPT_MS: Final = 30 * 86_400_000
ANSWER_KEPT_MS: Final = 600_000
NOTHING: Final = StoredRecord()


@dataclass(slots=True)
class Lease:
    """Who owns a partition."""

    worker: str = ""
    epoch: int = 0
    until_ms: int = 0
    position: str = FIRST


@dataclass(slots=True)
class KeptLease:
    """A lease on a budget that nobody has ended."""

    amount: int
    ends_ms: int
    day: int
    channel: str
    worker: str


@dataclass(slots=True)
class KeptBudget:
    """How a budget stands."""

    taken: int = 0
    spent: int = 0
    day: int = 0
    today: int = 0
    by_channel: dict[str, int] = field(default_factory=dict)
    leases: dict[str, KeptLease] = field(default_factory=dict)
    told: dict[int, int] = field(default_factory=dict)

    def give_back(self, amount: int, day: int, channel: str) -> None:
        """Put what was taken back where it came from."""
        self.taken -= amount
        self.today -= amount if day == self.day else 0
        if channel:
            self.by_channel[channel] -= amount


@dataclass(slots=True)
class Kept:
    """A record, the last event applied to it, and when it is forgotten."""

    record: StoredRecord = NOTHING
    applied: str = FIRST
    forgotten_at_ms: int | None = None


@dataclass(slots=True)
class MemoryState:
    """Everything the fakes of one test share."""

    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    available: bool = True
    records: dict[CustomerKey, Kept] = field(default_factory=dict)
    identities: dict[Identity, bytes] = field(default_factory=dict)
    claims: dict[tuple[CustomerKey, str], tuple[bytes, int]] = field(default_factory=dict)
    streams: dict[tuple[Stream, int], list[Entry]] = field(default_factory=dict)
    removed: dict[tuple[Stream, int], int] = field(default_factory=dict)
    """How many entries were taken out of a stream."""
    pasts: dict[CustomerKey, bytes] = field(default_factory=dict)
    seen: dict[tuple[int, str, int], set[tuple[str, ...]]] = field(default_factory=dict)
    leases: dict[int, Lease] = field(default_factory=dict)
    due: dict[int, dict[str, int]] = field(default_factory=dict)
    schemas: dict[int, bytes] = field(default_factory=dict)
    layouts: dict[int, bytes] = field(default_factory=dict)
    folded_since: dict[int, int] = field(default_factory=dict)
    folding_now: int | None = None
    archive: str = ""
    budgets: dict[str, "KeptBudget"] = field(default_factory=dict)
    units: dict[int, list[tuple[CustomerKey, Unit]]] = field(default_factory=dict)
    """The units that offers hold, by partition."""
    drawn: dict[str, int] = field(default_factory=dict)
    """What commits have drawn of each lease."""
    settled: dict[int, list[Settled]] = field(default_factory=dict)
    settled_count: dict[int, int] = field(default_factory=dict)
    _last_id: tuple[int, int] = (0, 0)

    def check(self, deadline_ms: int | None = None) -> None:
        """Refuse what an unreachable store cannot do, and what comes too late."""
        if not self.available:
            raise StoreUnavailable("the store does not answer")
        if deadline_ms is not None and self.now_ms() > deadline_ms:
            raise StoreUnavailable("the write reached the store too late")

    def kept(self, key: CustomerKey) -> Kept:
        """The record under a key, an empty one if there is none; not stored by asking."""
        kept = self.records.get(key)
        if kept is None or (kept.forgotten_at_ms is not None and kept.forgotten_at_ms <= self.now_ms()):
            return Kept()
        return kept

    def keep(self, key: CustomerKey, kept: Kept) -> None:
        """Store a record; one of somebody unknown without any consent is forgotten after 30 days."""
        lasting = kept.record.owner is not None or kept.record.consent is not None
        kept.forgotten_at_ms = None if lasting else self.now_ms() + UNKNOWN_KEPT_MS
        self.records[key] = kept

    def append(self, stream: Stream, partition: int, kind: str, body: bytes) -> None:
        """Add an entry at the end of a stream, under a later id than any before."""
        last_ms, last_sequence = self._last_id
        now_ms = self.now_ms()
        self._last_id = (now_ms, 0) if now_ms > last_ms else (last_ms, last_sequence + 1)
        entry = Entry(f"{self._last_id[0]}-{self._last_id[1]}", kind, body)
        self.streams.setdefault((stream, partition), []).append(entry)

    def trim(self, stream: Stream, partition: int, before: str) -> int:
        """Remove the entries before a place, and say how many."""
        entries = self.streams.get((stream, partition), [])
        return self.keep_entries(stream, partition, [each for each in entries if place(each.id) >= place(before)])

    def keep_entries(self, stream: Stream, partition: int, kept: list[Entry]) -> int:
        """Remove all entries but these, and say how many."""
        gone = len(self.streams.get((stream, partition), ())) - len(kept)
        self.streams[stream, partition] = kept
        self.removed[stream, partition] = self.removed.get((stream, partition), 0) + gone
        return gone

    def note_seen(self, partition: int, what: str, day: int, *parts: str) -> bool:
        """Remember something of a day; whether it was new."""
        seen = self.seen.setdefault((partition, what, day), set())
        if parts in seen:
            return False
        seen.add(parts)
        return True


def place(entry_id: str) -> tuple[int, int]:
    """An entry's place in its stream, for comparing."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)


class MemoryCustomerStore:
    """`CustomerStore` in memory."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def resolve(self, identities: Sequence[Identity], *, deadline: float) -> Resolution:
        for identity in identities:
            if identity.scheme == "customer_id":
                return Resolution((CustomerId(identity.value),))
            self._state.check()
            found = self._state.identities.get(identity)
            if found is not None:
                return Resolution(tuple(dict.fromkeys(map(self._merged_into, decode_customers(found)))))
        return Resolution(())

    def _merged_into(self, customer: CustomerId) -> CustomerId:
        moved_to = self._state.kept(key_of(customer)).record.moved_to
        return customer if moved_to is None else CustomerId(moved_to.decode())

    async def gather(self, key: CustomerKey, claim: RequestClaim | None, *, deadline: float) -> Gathered:
        self._state.check()
        standing = self._claim(key, claim)
        record = self._state.kept(key).record
        if record.moved_to is not None:
            key = key_of(record.moved_to.decode())
            standing = self._claim(key, claim)
            record = self._state.kept(key).record
            if record.moved_to is not None:
                raise StoreUnavailable("a record moved to one that has moved")
        if record.owner is not None and record.owner.decode() != key.record:
            raise StoreUnavailable("a record belongs to another customer")
        return Gathered(record, standing, key)

    def _claim(self, key: CustomerKey, claim: RequestClaim | None) -> Claim:
        if claim is None:
            return Claim(ClaimState.NONE)
        held = b"?" + claim.body_hash + claim.attempt
        earlier = self._held(key, claim)
        if earlier is not None:
            if earlier[1:9] != claim.body_hash:
                return Claim(ClaimState.OTHER_BODY)
            if earlier[:1] == b"?":
                return Claim(ClaimState.OURS if earlier == held else ClaimState.IN_FLIGHT)
            consent_version, _, answer = earlier[9:].partition(b":")
            if int(consent_version) == self._state.kept(key).record.consent_version:
                return Claim(ClaimState.ANSWERED, answer)
        self._state.claims[key, claim.request_id] = (held, self._state.now_ms() + claim.hold_ms)
        return Claim(ClaimState.OURS)

    def _held(self, key: CustomerKey, claim: RequestClaim) -> bytes | None:
        value, until_ms = self._state.claims.get((key, claim.request_id), (None, 0))
        return value if until_ms > self._state.now_ms() else None

    async def commit(self, key: CustomerKey, commit: Commit, *, deadline: float) -> Committed:
        state = self._state
        state.check()
        if state.now_ms() > commit.deadline_ms:
            return Committed(CommitState.LATE)
        claim = commit.claim
        if claim is not None and self._held(key, claim) != b"?" + claim.body_hash + claim.attempt:
            return Committed(CommitState.CLAIM_LOST)
        kept = state.kept(key)
        record = kept.record
        if record.moved_to is not None:
            raise StoreUnavailable("the record has moved")
        if any(state.now_ms() >= unit.lease_ends_ms for unit in commit.units):
            return Committed(CommitState.LEASE_ENDED)
        if (record.contacts_version, record.consent_version) != (commit.contacts_version, commit.consent_version):
            return Committed(CommitState.CONFLICT, record)
        if commit.new_contacts or commit.dropped_contacts or commit.terms:
            kept.record = record._replace(
                contacts=(record.contacts or b"")[commit.dropped_contacts * SIZE :] + commit.new_contacts,
                contacts_version=record.contacts_version + 1,
                terms=commit.terms or record.terms,
            )
            state.keep(key, kept)
        state.append(Stream.DECISIONS, key.partition, "r", commit.decision)
        if claim is not None:
            answered = b"=%b%d:%b" % (claim.body_hash, commit.consent_version, commit.answer)
            state.claims[key, claim.request_id] = (answered, state.now_ms() + ANSWER_KEPT_MS)
        for unit in commit.units:
            state.units.setdefault(key.partition, []).append((key, unit))
            state.drawn[unit.lease] = state.drawn.get(unit.lease, 0) + unit.amount
        return Committed(CommitState.COMMITTED)

    async def decisions_between(
        self, partition: int, first_ms: int, last_ms: int, *, deadline: float
    ) -> Sequence[bytes]:
        self._state.check()
        entries = self._state.streams.get((Stream.DECISIONS, partition), [])
        return [
            entry.body
            for entry in entries
            if entry.kind == "r" and first_ms <= int(entry.id.partition("-")[0]) <= last_ms
        ]


class MemoryOutcomeStore:
    """`OutcomeStore` in memory."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def record_outcome(self, key: CustomerKey, outcome: OutcomeWrite, *, deadline: float) -> OutcomeResult:
        state = self._state
        state.check(outcome.deadline_ms)
        day = outcome.decided_at_ms // 86_400_000
        if outcome.known_by in state.seen.get((key.partition, "o", day), ()):
            return OutcomeResult(OutcomeState.DUPLICATE)
        kept = state.kept(key)
        if kept.record.moved_to is not None:
            return await self.record_outcome(key_of(kept.record.moved_to.decode()), outcome, deadline=deadline)
        late = outcome.is_late_impression
        if not late:
            kept.record = self._raised(kept.record, outcome)
            state.keep(key, kept)
        state.note_seen(key.partition, "o", day, *outcome.known_by)
        state.append(Stream.DECISIONS, key.partition, "l" if late else "o", outcome.entry)
        ordered = outcome.order is not None and state.note_seen(
            key.partition, "o", day, "order", outcome.decision_id, outcome.action
        )
        if ordered:
            state.append(Stream.FULFILMENT, key.partition, "r", outcome.order or b"")
        return OutcomeResult(OutcomeState.LATE_IMPRESSION if late else OutcomeState.RECORDED, ordered)

    def _raised(self, record: StoredRecord, outcome: OutcomeWrite) -> StoredRecord:
        contacts = unpack(record.contacts or b"")
        mark = (outcome.action_hash, outcome.session_hash)
        at = next((at for at in reversed(range(len(contacts))) if contacts[at][1:3] == mark), None)
        if at is None:
            now_s = self._state.now_ms() // 1_000
            contacts.append(Contact(now_s, *mark, outcome.channel, outcome.state, outcome.reason, 0))
        elif outcome.state > contacts[at].state:
            contacts[at] = contacts[at]._replace(state=outcome.state, reason=outcome.reason)
        history = pack(contacts)
        changed = history != (record.contacts or b"")
        return record._replace(
            contacts=history,
            contacts_version=record.contacts_version + changed,
            consent_version=record.consent_version + (changed and outcome.state >= ContactState.DECLINED),
            outcome_count=record.outcome_count + (outcome.state > ContactState.SHOWN),
        )

    async def set_consent(self, key: CustomerKey, write: ConsentWrite, *, deadline: float) -> ConsentResult:
        state = self._state
        state.check(write.deadline_ms)
        kept = state.kept(key)
        record = kept.record
        if record.moved_to is not None:
            return await self.set_consent(key_of(record.moved_to.decode()), write, deadline=deadline)
        if record.consent == write.consent:
            return ConsentResult(ConsentState.UNCHANGED, write.version)
        if record.consent is not None:
            in_force = decode_consent(record.consent).version
            if write.version <= in_force:
                return ConsentResult(ConsentState.STALE, in_force)
        kept.record = record._replace(consent=write.consent, consent_version=record.consent_version + 1)
        state.keep(key, kept)
        state.append(Stream.DECISIONS, key.partition, "k", write.entry)
        return ConsentResult(ConsentState.APPLIED, write.version)
