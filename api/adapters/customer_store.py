"""The customer store on Redis or Valkey: one shared trip to read a customer, one script to commit a decision."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from api.adapters import keys
from api.adapters.commands import Reply, Word, checked, pack
from api.adapters.nodes import Nodes
from api.adapters.script import COMMIT, RECLAIM
from api.ports import (
    DRAWS_KNOWN_MS,
    Claim,
    ClaimState,
    Commit,
    CommitState,
    Committed,
    CustomerKey,
    Gathered,
    Identity,
    RequestClaim,
    Resolution,
    StoredRecord,
    StoreUnavailable,
    Stream,
    Unit,
    key_of,
)
from engine.contacts import SIZE
from engine.ids import CustomerId

FIELDS: Final = ("p", "e", "n", "h", "k", "kv", "hv", "oc", "t", "id", "moved_to", "g")
_FIELDS_PACKED: Final = pack("HMGET", "", *FIELDS).split(b"$0\r\n\r\n")
KEPT_S: Final = 1.0
MAX_KEPT: Final = 50_000
DIRECT_SCHEME: Final = "customer_id"

_NO_CLAIM: Final = Claim(ClaimState.NONE)
_OURS: Final = Claim(ClaimState.OURS)
_COMMITTED: Final = Committed(CommitState.COMMITTED)

_decode_customers: Final = msgspec.msgpack.Decoder(tuple[CustomerId, ...]).decode


class RedisCustomerStore:
    """`CustomerStore` on one server or a cluster."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._loop = asyncio.get_running_loop()
        self._kept: dict[Identity, tuple[float, Resolution]] = {}

    async def resolve(self, identities: Sequence[Identity], *, deadline: float) -> Resolution:
        for identity in identities:
            resolution = self._recall(identity) or await self._look_up(identity, deadline)
            if resolution.customers:
                return resolution
        return Resolution(())

    def _recall(self, identity: Identity) -> Resolution | None:
        if identity.scheme == DIRECT_SCHEME:
            return Resolution((CustomerId(identity.value),))
        kept = self._kept.get(identity)
        return kept[1] if kept is not None and kept[0] > self._loop.time() else None

    async def _look_up(self, identity: Identity, deadline: float) -> Resolution:
        name = keys.identity(identity)
        found = checked(await self._nodes.of_key(name).call(pack(b"GET", name), 1, deadline))
        customers = _decode_customers(found) if found else ()
        if len(customers) > 1:
            customers = await self._told_apart(customers, deadline)
        resolution = Resolution(customers)
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[identity] = (self._loop.time() + KEPT_S, resolution)
        return resolution

    async def _told_apart(self, customers: tuple[CustomerId, ...], deadline: float) -> tuple[CustomerId, ...]:
        """Those of several customers who are different persons: merged ones are the one they were merged into."""
        places = [key_of(customer) for customer in customers]
        calls = [
            self._nodes.of_partition(key.partition).call(pack(b"HGET", keys.record(key), b"moved_to"), 1, deadline)
            for key in places
        ]
        moved = [checked(reply) for reply in await asyncio.gather(*calls)]
        now = [
            customer if to is None else CustomerId(to.decode()) for customer, to in zip(customers, moved, strict=True)
        ]
        return tuple(dict.fromkeys(now))

    async def gather(self, key: CustomerKey, claim: RequestClaim | None, *, deadline: float) -> Gathered:
        gathered = await self._read(key, claim, deadline)
        moved_to = gathered.record.moved_to
        if moved_to is not None:
            gathered = await self._read(key_of(moved_to.decode()), claim, deadline)
            if gathered.record.moved_to is not None:
                raise StoreUnavailable("a record moved to one that has moved")
        owner = gathered.record.owner
        if owner is not None and owner.decode() != gathered.key.record:
            raise StoreUnavailable("a record belongs to another customer")
        return gathered

    async def _read(self, key: CustomerKey, claim: RequestClaim | None, deadline: float) -> Gathered:
        node = self._nodes.of_partition(key.partition)
        read = _packed_read(key)
        if claim is None:
            return Gathered(stored_record(checked(await node.call(read, 1, deadline))), _NO_CLAIM, key)
        # The claim comes first: consent read after an answer is never older than the answer.
        name = keys.claim(key, claim)
        take = pack(b"SET", name, _held(claim), b"NX", b"GET", b"PX", claim.hold_ms)
        earlier, fields = await node.call(take + read, 2, deadline)
        record = stored_record(checked(fields))
        return Gathered(record, await self._standing(name, checked(earlier), claim, record, key, deadline), key)

    async def _standing(
        self,
        name: str,
        earlier: bytes | None,
        claim: RequestClaim,
        record: StoredRecord,
        key: CustomerKey,
        deadline: float,
    ) -> Claim:
        if earlier is None:
            return _OURS
        if earlier[1:9] != claim.body_hash:
            return Claim(ClaimState.OTHER_BODY)
        if earlier[:1] == b"?":
            return _OURS if earlier == _held(claim) else Claim(ClaimState.IN_FLIGHT)
        consent_version, _, answer = earlier[9:].partition(b":")
        if int(consent_version) == record.consent_version:
            return Claim(ClaimState.ANSWERED, answer)
        # INVARIANT: an answer is never repeated across a change of consent.
        node = self._nodes.of_partition(key.partition)
        taken = await RECLAIM.run(node, (name,), (earlier, _held(claim), claim.hold_ms), deadline)
        return _OURS if taken else Claim(ClaimState.IN_FLIGHT)

    async def commit(self, key: CustomerKey, commit: Commit, *, deadline: float) -> Committed:
        node = self._nodes.of_partition(key.partition)
        names: tuple[Word, ...] = (keys.record(key), keys.stream(Stream.DECISIONS, key.partition))
        words: tuple[Word, ...] = (
            commit.deadline_ms + node.clock_ahead_ms,
            commit.contacts_version,
            commit.consent_version,
            commit.new_contacts,
            commit.dropped_contacts * SIZE,
            commit.decision,
            commit.terms,
        )
        claim = commit.claim
        if claim is not None:
            names = (*names, keys.claim(key, claim))
            words = (*words, _held(claim), b"=%b%d:%b" % (claim.body_hash, commit.consent_version, commit.answer))
        if commit.units:
            names = (
                *names,
                keys.held(key.partition),
                *[keys.drawn(key.partition, each.lease) for each in commit.units],
            )
            words = (*words, *(() if claim is not None else ("", "")), *_units(key, commit.units))
        reply = await COMMIT.run(node, names, words, deadline)
        if reply == 0:
            return _COMMITTED
        if isinstance(reply, int):
            return Committed(CommitState(reply))
        record = stored_record(reply[1])
        if record.moved_to is not None:
            raise StoreUnavailable("the record has moved")
        return Committed(CommitState.CONFLICT, record)

    async def decisions_between(
        self, partition: int, first_ms: int, last_ms: int, *, deadline: float
    ) -> Sequence[bytes]:
        node = self._nodes.of_partition(partition)
        name = keys.stream(Stream.DECISIONS, partition)
        entries = checked(await node.call(pack(b"XRANGE", name, first_ms, last_ms), 1, deadline))
        return [fields[1] for _, fields in entries if fields[0] == b"r"]


def stored_record(fields: Reply) -> StoredRecord:
    """The values of FIELDS as a record."""
    profile, events, needs, contacts, consent, kv, hv, oc, terms, owner, moved_to, ties = fields
    return StoredRecord(
        profile,
        events,
        needs,
        contacts,
        consent,
        int(kv or 0),
        int(hv or 0),
        int(oc or 0),
        terms,
        owner,
        moved_to,
        ties,
    )


def _units(key: CustomerKey, units: Sequence[Unit]) -> tuple[Word, ...]:
    """The units of a commit: when the first of their leases ends, then four words each."""
    words: list[Word] = [min([each.lease_ends_ms for each in units])]
    for each in units:
        told = (each.counts_from, each.amount, each.day, each.channel, each.budget, each.decision_id, key.record)
        unit = each.contact + "\n".join([str(word) for word in told]).encode()
        words += (each.held_until_s, unit, each.amount, each.lease_ends_ms + DRAWS_KNOWN_MS)
    return tuple(words)


def _packed_read(key: CustomerKey) -> bytes:
    """HMGET of FIELDS, of which only the key is not always the same."""
    name = keys.record(key).encode()
    return b"%b$%d\r\n%b\r\n%b" % (_FIELDS_PACKED[0], len(name), name, _FIELDS_PACKED[1])


def _held(claim: RequestClaim) -> bytes:
    return b"?" + claim.body_hash + claim.attempt
