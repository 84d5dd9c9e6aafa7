"""Outcomes and consent on Redis or Valkey: one script each, durable and binding when it returns."""

import struct
from hashlib import blake2b
from typing import Final

from api.adapters import keys
from api.adapters.commands import Reply
from api.adapters.nodes import Nodes
from api.adapters.script import CONSENT, OUTCOME
from api.ports import (
    ConsentResult,
    ConsentState,
    ConsentWrite,
    CustomerKey,
    OutcomeResult,
    OutcomeState,
    OutcomeWrite,
    StoreUnavailable,
    Stream,
    key_of,
)

SEEN_DAYS: Final = 31
"""How long after its offer's validity an outcome is known: a day longer than its tracking token lives."""
_MARK: Final = struct.Struct("<II")
_TOO_LATE: Final = -1


class RedisOutcomeStore:
    """`OutcomeStore` on one server or a cluster."""

    def __init__(self, nodes: Nodes, dedupe_key: bytes) -> None:
        """`dedupe_key` keys the hashes by which outcomes are known again, so that nobody can make two collide."""
        self._nodes = nodes
        self._dedupe_key = dedupe_key

    async def record_outcome(self, key: CustomerKey, outcome: OutcomeWrite, *, deadline: float) -> OutcomeResult:
        reply = await self._record(key, outcome, deadline)
        if isinstance(reply, bytes):
            reply = await self._record(key_of(reply.decode()), outcome, deadline)
        state, ordered = in_time(reply)
        return OutcomeResult(OutcomeState(state), bool(ordered))

    async def _record(self, key: CustomerKey, outcome: OutcomeWrite, deadline: float) -> Reply:
        partition = key.partition
        node = self._nodes.of_partition(partition)
        day = outcome.decided_at_ms // 1_000 // keys.DAY_S
        names = (
            keys.record(key),
            keys.stream(Stream.DECISIONS, partition),
            keys.seen(partition, "o", day),
            keys.stream(Stream.FULFILMENT, partition),
        )
        words = (
            outcome.deadline_ms + node.clock_ahead_ms,
            seen_hash(self._dedupe_key, *outcome.known_by),
            seen_hash(self._dedupe_key, "order", outcome.decision_id, outcome.action),
            max(outcome.valid_until_ms, outcome.decided_at_ms) // 1_000 + SEEN_DAYS * keys.DAY_S,
            _MARK.pack(outcome.action_hash, outcome.session_hash),
            int(outcome.state),
            int(outcome.reason),
            outcome.channel,
            "l" if outcome.is_late_impression else "o",
            outcome.entry,
            outcome.order or b"",
        )
        return await OUTCOME.run(node, names, words, deadline)

    async def set_consent(self, key: CustomerKey, write: ConsentWrite, *, deadline: float) -> ConsentResult:
        reply = await self._set_consent(key, write, deadline)
        if isinstance(reply, bytes):
            reply = await self._set_consent(key_of(reply.decode()), write, deadline)
        state, version = in_time(reply)
        return ConsentResult(ConsentState(state), version)

    async def _set_consent(self, key: CustomerKey, write: ConsentWrite, deadline: float) -> Reply:
        node = self._nodes.of_partition(key.partition)
        names = (keys.record(key), keys.stream(Stream.DECISIONS, key.partition))
        words = (write.deadline_ms + node.clock_ahead_ms, write.consent, write.version, write.entry)
        return await CONSENT.run(node, names, words, deadline)


def seen_hash(key: bytes, *parts: str) -> int:
    """64 bits by which something is known again. Among n things of a set, a new one is taken for a known one with
    probability n / 2 ** 64: one in 10 ** 15 for 20,000."""
    text = "\0".join(parts).encode()
    return int.from_bytes(blake2b(text, digest_size=8, key=key).digest(), "little", signed=True)


def in_time(reply: Reply) -> Reply:
    """The reply of a write script that was not refused.

    Raises:
        StoreUnavailable: it came after its deadline, or the record moved twice.
    """
    if reply == _TOO_LATE:
        raise StoreUnavailable("the write reached the store too late")
    if isinstance(reply, bytes):
        raise StoreUnavailable("a record moved to one that has moved")
    return reply
