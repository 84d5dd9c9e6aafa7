"""The partitions' streams and event state on Redis or Valkey."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import hiredis

from api.adapters import keys
from api.adapters.bulk import send_all
from api.adapters.commands import Reply, Word, checked, pack
from api.adapters.customer_store import FIELDS, stored_record
from api.adapters.flights import Node
from api.adapters.nodes import Nodes
from api.adapters.outcome_store import in_time, seen_hash
from api.adapters.records import encode_names
from api.adapters.script import APPEND_ONCE, FOLD, NOTE_OWNER, OWN, TRIM_EVENTS, WAKE_DUE
from api.adapters.stream_reader import READ_WITHIN_S, StreamReader
from api.ports import (
    FIRST,
    Arrival,
    CustomerKey,
    Entry,
    FoldRecord,
    FoldState,
    FoldWrite,
    Ownership,
    Stream,
    Trimmed,
)

HORIZON_DAYS: Final = 7
"""For how many whole days after its receipt an arrival is known again."""
_FENCED: Final = -1
_NO_STREAM: Final = "no such key"


class RedisJournal:
    """`Journal` on one server or a cluster."""

    def __init__(self, nodes: Nodes, dedupe_key: bytes, now_s: Callable[[], float] = time.time) -> None:
        self._nodes = nodes
        self._dedupe_key = dedupe_key
        self._now_s = now_s
        self._reader = StreamReader(nodes)

    async def append_once(
        self, stream: Stream, partition: int, arrivals: Sequence[Arrival], *, deadline_ms: int, deadline: float
    ) -> Sequence[bool]:
        node = self._nodes.of_partition(partition)
        today = int(self._now_s()) // keys.DAY_S
        days = range(today, today - HORIZON_DAYS - 1, -1)
        names = (keys.stream(stream, partition), *(keys.seen(partition, stream.value, day) for day in days))
        words: list[Word] = [deadline_ms + node.clock_ahead_ms, (today + HORIZON_DAYS + 2) * keys.DAY_S]
        for arrival in arrivals:
            words += (seen_hash(self._dedupe_key, stream.value, arrival.source, arrival.id), arrival.body)
        reply = await APPEND_ONCE.run(node, names, tuple(words), deadline)
        return [bool(appended) for appended in in_time(reply)]

    async def read(
        self, stream: Stream, after: Mapping[int, str], *, count: int, wait_s: float = 0.0
    ) -> Mapping[int, Sequence[Entry]]:
        return await self._reader.read(stream, after, count=count, wait_s=wait_s)

    async def archive(self, identity: str) -> str:
        deadline = asyncio.get_running_loop().time() + READ_WITHIN_S
        command = pack(b"SET", keys.ARCHIVE, identity, b"NX", b"GET")
        first = checked(await self._nodes.of_key(keys.ARCHIVE).call(command, 1, deadline))
        return identity if first is None else str(first.decode())

    async def archived_in(self) -> str | None:
        deadline = asyncio.get_running_loop().time() + READ_WITHIN_S
        noted = checked(await self._nodes.of_key(keys.ARCHIVE).call(pack(b"GET", keys.ARCHIVE), 1, deadline))
        return None if noted is None else str(noted.decode())

    async def removed(self, stream: Stream, partition: int) -> int:
        deadline = asyncio.get_running_loop().time() + READ_WITHIN_S
        command = pack(b"XINFO", b"STREAM", keys.stream(stream, partition))
        reply = await self._nodes.of_partition(partition).call(command, 1, deadline)
        if type(reply) is hiredis.ReplyError and _NO_STREAM in str(reply):
            return 0
        told = checked(reply)
        facts = dict(zip(told[::2], told[1::2], strict=True))
        return int(facts[b"entries-added"] - facts[b"length"])

    async def trim(self, stream: Stream, partition: int, before: str) -> int:
        deadline = asyncio.get_running_loop().time() + READ_WITHIN_S
        command = pack(b"XTRIM", keys.stream(stream, partition), b"MINID", before)
        return int(checked(await self._nodes.of_partition(partition).call(command, 1, deadline)))

    async def remove(self, stream: Stream, partition: int, ids: Sequence[str]) -> int:
        if not ids:
            return 0
        deadline = asyncio.get_running_loop().time() + READ_WITHIN_S
        command = pack(b"XDEL", keys.stream(stream, partition), *ids)
        return int(checked(await self._nodes.of_partition(partition).call(command, 1, deadline)))

    async def lengths(self, stream: Stream, partitions: Sequence[int]) -> Sequence[int]:
        deadline = asyncio.get_running_loop().time() + READ_WITHIN_S
        commands = [
            (self._nodes.of_partition(partition), pack(b"XLEN", keys.stream(stream, partition)))
            for partition in partitions
        ]
        return [int(checked(reply)) for reply in await send_all(commands, deadline)]


class RedisEventStore:
    """`EventStore` on one server or a cluster."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def own(self, partition: int, worker: str, *, lease_ms: int, deadline: float) -> Ownership | None:
        node = self._nodes.of_partition(partition)
        reply = await OWN.run(node, (keys.owner(partition),), (worker, lease_ms), deadline)
        return None if reply is None else Ownership(partition, reply[0], reply[1].decode())

    async def disown(self, owned: Ownership, *, deadline: float) -> None:
        await NOTE_OWNER.run_all([self._noting(owned, "until", 0)], deadline)

    async def advance(self, positions: Sequence[tuple[Ownership, str]], *, deadline: float) -> Sequence[bool]:
        calls = [self._noting(owned, "position", position) for owned, position in positions]
        return [bool(noted) for noted in await NOTE_OWNER.run_all(calls, deadline)]

    def _noting(self, owned: Ownership, field: str, value: Word) -> tuple[Node, bytes]:
        words: tuple[Word, ...] = (owned.epoch, field, value)
        return self._nodes.of_partition(owned.partition), NOTE_OWNER.packed((keys.owner(owned.partition),), words)

    async def records(self, wanted: Sequence[CustomerKey], *, deadline: float) -> Sequence[FoldRecord]:
        commands = [
            (self._nodes.of_partition(key.partition), pack(b"HMGET", keys.record(key), *FIELDS, b"ea"))
            for key in wanted
        ]
        return [_fold_record(checked(reply)) for reply in await send_all(commands, deadline)]

    async def fold(self, writes: Sequence[tuple[CustomerKey, FoldWrite]], *, deadline: float) -> Sequence[FoldState]:
        calls = [self._folding(key, write) for key, write in writes]
        return [FoldState(in_time(ended)) for ended in await FOLD.run_all(calls, deadline)]

    def _folding(self, key: CustomerKey, write: FoldWrite) -> tuple[Node, bytes]:
        partition = key.partition
        node = self._nodes.of_partition(partition)
        stream = keys.stream(Stream.EVENTS, partition)
        names = (keys.record(key), keys.owner(partition), keys.due(partition), stream)
        words = (
            write.deadline_ms + node.clock_ahead_ms,
            write.epoch,
            write.applied_before,
            write.applied,
            write.events,
            write.needs,
            "" if write.due_at_s is None else write.due_at_s,
            key.record,
            *write.reports,
        )
        return node, FOLD.packed(names, words)

    async def trim(self, partition: int, *, archived: str, kept_since_ms: int, deadline: float) -> Trimmed:
        names = (keys.stream(Stream.EVENTS, partition), keys.owner(partition))
        node = self._nodes.of_partition(partition)
        removed, left, held_by = await TRIM_EVENTS.run(node, names, (archived, kept_since_ms), deadline)
        return Trimmed(removed, left, held_by.decode(errors="replace") or None)

    async def ask_rebuild(self, partition: int, records: Sequence[str], *, deadline: float) -> str:
        command = pack(b"XADD", keys.stream(Stream.EVENTS, partition), b"*", b"b", encode_names(records))
        return str(checked(await self._nodes.of_partition(partition).call(command, 1, deadline)).decode())

    async def lay_past(self, key: CustomerKey, past: bytes, *, deadline: float) -> None:
        command = pack(b"SET", keys.past(key), past, b"EX", keys.DAY_S)
        checked(await self._nodes.of_partition(key.partition).call(command, 1, deadline))

    async def past(self, key: CustomerKey, *, deadline: float) -> bytes | None:
        laid: bytes | None = checked(
            await self._nodes.of_partition(key.partition).call(pack(b"GET", keys.past(key)), 1, deadline)
        )
        return laid

    async def drop_past(self, key: CustomerKey, *, deadline: float) -> None:
        checked(await self._nodes.of_partition(key.partition).call(pack(b"UNLINK", keys.past(key)), 1, deadline))

    async def wake_due(self, owned: Ownership, now_s: int, *, count: int, deadline: float) -> int:
        partition = owned.partition
        names = (keys.owner(partition), keys.due(partition), keys.stream(Stream.EVENTS, partition))
        woken = await WAKE_DUE.run(self._nodes.of_partition(partition), names, (owned.epoch, now_s, count), deadline)
        return 0 if woken == _FENCED else int(woken)


def _fold_record(fields: Reply) -> FoldRecord:
    applied = fields.pop()
    return FoldRecord(stored_record(fields), FIRST if applied is None else applied.decode())
