"""The partitions' streams and event state on Redis or Valkey."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from api.adapters import keys
from api.adapters.commands import Reply, Word, checked, pack
from api.adapters.customer_store import FIELDS, stored_record
from api.adapters.nodes import Nodes
from api.adapters.outcome_store import in_time, seen_hash
from api.adapters.records import encode_names
from api.adapters.script import APPEND_ONCE, FOLD, NOTE_OWNER, OWN, TRIM_EVENTS, WAKE_DUE
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
READ_WITHIN_S: Final = 2.0
POLL_S: Final = 0.05
POLL_BUSY_S: Final = 0.01
"""Between two looks while something came within BUSY_S. A look takes some 0.2 ms of the store, 0.8 ms of the reader."""
BUSY_S: Final = 1.0
POLL_S_PER_COMMAND: Final = 0.0002
"""On a cluster every partition takes a command of its own: so their processor time stays at some percent."""
READ_FIRST: Final = 2
"""Of every partition at first; who has fewer has no more."""
READ_TOGETHER: Final = 16
READ_MOST: Final = 4_096
_FENCED: Final = -1


class RedisJournal:
    """`Journal` on one server or a cluster.

    Reading polls, since a blocking read would hold up whatever shares the connection, and cannot span slots.
    """

    def __init__(self, nodes: Nodes, dedupe_key: bytes, now_s: Callable[[], float] = time.time) -> None:
        self._nodes = nodes
        self._dedupe_key = dedupe_key
        self._now_s = now_s
        self._turn = 0
        self._busy_until = 0.0

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
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + wait_s
        commands_s = POLL_S_PER_COMMAND * len(self._nodes.together(list(after)))
        while True:
            found = await self._read_now(stream, after, count, loop.time() + READ_WITHIN_S)
            now = loop.time()
            if found:
                self._busy_until = now + BUSY_S
            if found or now >= give_up_at:
                return found
            pause_s = commands_s + (POLL_BUSY_S if now < self._busy_until else POLL_S)
            await asyncio.sleep(min(pause_s, give_up_at - now))

    async def _read_now(
        self, stream: Stream, after: Mapping[int, str], count: int, deadline: float
    ) -> Mapping[int, Sequence[Entry]]:
        """First a little of everybody, then of those with more all the rest, some at a time: no reply is so large that
        others wait, and where little came in, one trip brings it."""
        first = await self._read_once(stream, after, list(after), min(count, READ_FIRST), deadline)
        if count <= READ_FIRST:
            return first
        more = [partition for partition, entries in first.items() if len(entries) == READ_FIRST]
        found = {partition: entries for partition, entries in first.items() if len(entries) < READ_FIRST}
        read = sum(map(len, found.values()))
        # Whoever came last in a long queue comes first in the next.
        self._turn = (self._turn + 1) % (len(more) or 1)
        more = more[self._turn :] + more[: self._turn]
        for at in range(0, len(more), READ_TOGETHER):
            some = await self._read_once(stream, after, more[at : at + READ_TOGETHER], count, deadline)
            found.update(some)
            read += sum(map(len, some.values()))
            if read >= READ_MOST:
                break
        return found

    async def _read_once(
        self, stream: Stream, after: Mapping[int, str], partitions: Sequence[int], count: int, deadline: float
    ) -> dict[int, Sequence[Entry]]:
        calls = []
        for node, some in self._nodes.together(partitions):
            names = [keys.stream(stream, partition) for partition in some]
            positions = [after[partition] for partition in some]
            calls.append(node.call(pack(b"XREAD", b"COUNT", count, b"STREAMS", *names, *positions), 1, deadline))
        found: dict[int, Sequence[Entry]] = {}
        for reply in await asyncio.gather(*calls):
            for name, entries in checked(reply) or ():
                found[keys.partition_of(name)] = [_entry(raw) for raw in entries]
        return found

    async def archive(self, identity: str) -> str:
        deadline = asyncio.get_running_loop().time() + READ_WITHIN_S
        command = pack(b"SET", keys.ARCHIVE, identity, b"NX", b"GET")
        first = checked(await self._nodes.of_key(keys.ARCHIVE).call(command, 1, deadline))
        return identity if first is None else str(first.decode())

    async def removed(self, stream: Stream, partition: int) -> int:
        deadline = asyncio.get_running_loop().time() + READ_WITHIN_S
        command = pack(b"XINFO", b"STREAM", keys.stream(stream, partition))
        told = checked(await self._nodes.of_partition(partition).call(command, 1, deadline))
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
        calls = [
            self._nodes.of_partition(partition).call(pack(b"XLEN", keys.stream(stream, partition)), 1, deadline)
            for partition in partitions
        ]
        return [int(checked(reply)) for reply in await asyncio.gather(*calls)]


class RedisEventStore:
    """`EventStore` on one server or a cluster."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def own(self, partition: int, worker: str, *, lease_ms: int, deadline: float) -> Ownership | None:
        node = self._nodes.of_partition(partition)
        reply = await OWN.run(node, (keys.owner(partition),), (worker, lease_ms), deadline)
        return None if reply is None else Ownership(partition, reply[0], reply[1].decode())

    async def disown(self, owned: Ownership, *, deadline: float) -> None:
        await self._note(owned, "until", 0, deadline)

    async def advance(self, owned: Ownership, position: str, *, deadline: float) -> bool:
        return bool(await self._note(owned, "position", position, deadline))

    async def _note(self, owned: Ownership, field: str, value: Word, deadline: float) -> Reply:
        node = self._nodes.of_partition(owned.partition)
        return await NOTE_OWNER.run(node, (keys.owner(owned.partition),), (owned.epoch, field, value), deadline)

    async def records(self, wanted: Sequence[CustomerKey], *, deadline: float) -> Sequence[FoldRecord]:
        calls = [
            self._nodes.of_partition(key.partition).call(pack(b"HMGET", keys.record(key), *FIELDS, b"ea"), 1, deadline)
            for key in wanted
        ]
        return [_fold_record(checked(reply)) for reply in await asyncio.gather(*calls)]

    async def fold(self, key: CustomerKey, write: FoldWrite, *, deadline: float) -> FoldState:
        node = self._nodes.of_partition(key.partition)
        partition = key.partition
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
        return FoldState(in_time(await FOLD.run(node, names, words, deadline)))

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


def _entry(raw: Reply) -> Entry:
    entry_id, (kind, body, *_) = raw
    return Entry(entry_id.decode(), kind.decode(), body)


def _fold_record(fields: Reply) -> FoldRecord:
    applied = fields.pop()
    return FoldRecord(stored_record(fields), FIRST if applied is None else applied.decode())
