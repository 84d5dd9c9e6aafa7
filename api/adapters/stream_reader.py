"""Reads many partitions' streams in one trip a node, and waits for the first entry without asking all the time."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from api.adapters import keys
from api.adapters.commands import Reply, Word, checked
from api.adapters.flights import Node
from api.adapters.nodes import WAIT_AT_MOST_S, Nodes
from api.adapters.script import READ_STREAMS
from api.ports import Entry, StoreUnavailable, Stream

READ_WITHIN_S: Final = 2.0
POLL_S: Final = 0.02
"""Between two looks where no command can wait, as on a cluster."""
POLL_BUSY_S: Final = 0.005
"""The same while something came within BUSY_S: a look at all streams takes some 0.5 ms of the store."""
BUSY_S: Final = 1.0
READ_FIRST: Final = 2
"""Of every partition at first; who has fewer has no more."""
READ_TOGETHER: Final = 16
READ_MOST: Final = 4_096
MOST_REMEMBERED: Final = 16
Positions = Mapping[int, str]
Found = dict[int, Sequence[Entry]]


class StreamReader:
    """Implements `Journal.read`.

    While entries come, it looks at all streams now and then, since a command that waits for a thousand keys costs more
    than a look at them. When nothing has come for a while, such a command waits on a connection of its own, where it
    holds up nobody; on a cluster, where no command names keys of several slots, looks go on.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._turn = 0
        self._busy_until = 0.0
        self._names: dict[tuple[Stream, tuple[int, ...]], str] = {}
        """The packed names of the streams of many partitions: they are the same at every look."""

    async def read(self, stream: Stream, after: Positions, *, count: int, wait_s: float) -> Found:
        """See `Journal.read`."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + wait_s
        while True:
            found = await self._read_now(stream, after, count, loop.time() + READ_WITHIN_S)
            now = loop.time()
            if found:
                self._busy_until = now + BUSY_S
            if found or now >= give_up_at:
                return found
            await self._wait(stream, after, now, give_up_at)

    async def _wait(self, stream: Stream, after: Positions, now: float, give_up_at: float) -> None:
        """Until the next look is worth while."""
        if now < self._busy_until:
            await asyncio.sleep(min(POLL_BUSY_S, give_up_at - now))
            return
        node = await self._nodes.waiting() if after else None
        if node is None:
            await asyncio.sleep(min(POLL_S if after else WAIT_AT_MOST_S, give_up_at - now))
            return
        wait_s = min(WAIT_AT_MOST_S, give_up_at - now)
        command = self._packed_read(stream, after, list(after), (b"BLOCK", max(1, int(1_000 * wait_s)), b"COUNT", 1))
        try:
            await node.call(command, 1, now + wait_s + READ_WITHIN_S)
        except StoreUnavailable:
            # Whether the store itself is away, the next look finds out.
            await asyncio.sleep(min(POLL_S, wait_s))

    async def _read_now(self, stream: Stream, after: Positions, count: int, deadline: float) -> Found:
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
        self, stream: Stream, after: Positions, partitions: Sequence[int], count: int, deadline: float
    ) -> Found:
        if not partitions:
            return {}
        replies = await asyncio.gather(
            *[self._ask(node, stream, after, some, count, deadline) for node, some in self._nodes.by_node(partitions)]
        )
        return {
            keys.partition_of(name): [_entry(raw) for raw in entries] for reply in replies for name, entries in reply
        }

    async def _ask(
        self, node: Node, stream: Stream, after: Positions, partitions: Sequence[int], count: int, deadline: float
    ) -> Reply:
        if self._nodes.spans_slots:
            command = self._packed_read(stream, after, partitions, (b"COUNT", count))
            return checked(await node.call(command, 1, deadline)) or ()
        names = [keys.stream(stream, partition) for partition in partitions]
        positions = [after[partition] for partition in partitions]
        return await READ_STREAMS.run(node, (), (count, *names, *positions), deadline)

    def _packed_read(
        self, stream: Stream, after: Positions, partitions: Sequence[int], options: tuple[Word, ...]
    ) -> bytes:
        """XREAD as it travels. Written out here: packing two thousand words takes twice as long as the look itself."""
        words = (b"XREAD", *options, b"STREAMS")
        head = "".join([_word(each.decode() if isinstance(each, bytes) else str(each)) for each in words])
        places = "".join([_word(after[partition]) for partition in partitions])
        names = self._packed_names(stream, partitions)
        return f"*{len(words) + 2 * len(partitions)}\r\n{head}{names}{places}".encode()

    def _packed_names(self, stream: Stream, partitions: Sequence[int]) -> str:
        known_by = (stream, tuple(partitions))
        names = self._names.get(known_by)
        if names is None:
            names = "".join([_word(keys.stream(stream, partition)) for partition in partitions])
            if len(partitions) > READ_TOGETHER:
                if len(self._names) >= MOST_REMEMBERED:
                    self._names.clear()
                self._names[known_by] = names
        return names


def _word(word: str) -> str:
    """A word of a command; all of them are plain ASCII."""
    return f"${len(word)}\r\n{word}\r\n"


def _entry(raw: Reply) -> Entry:
    entry_id, (kind, body, *_) = raw
    return Entry(entry_id.decode(), kind.decode(), body)
