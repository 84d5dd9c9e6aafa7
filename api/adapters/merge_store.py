"""Merging customers on Redis or Valkey: one script reads or changes a record together with the merges beside it."""

from collections.abc import Mapping

from api.adapters import keys
from api.adapters.commands import Word, checked, pack
from api.adapters.customer_store import stored_record
from api.adapters.nodes import Nodes
from api.adapters.outcome_store import in_time
from api.adapters.script import CHANGE_RECORD
from api.ports import CustomerKey, Stream
from api.ports.merges import MergeChange, MergeRead


class RedisMergeStore:
    """`MergeStore` on one server or a cluster."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def read(self, key: CustomerKey, *, deadline: float) -> MergeRead:
        node = self._nodes.of_partition(key.partition)
        version, merges, values = await CHANGE_RECORD.run(node, _names(key), (), deadline)
        *record, _, own_profile, origin = values
        return MergeRead(key, stored_record(record), merges, version, own_profile, origin)

    async def change(self, seen: MergeRead, change: MergeChange, *, deadline: float) -> bool:
        node = self._nodes.of_partition(seen.key.partition)
        words: list[Word] = [
            change.deadline_ms + node.clock_ahead_ms,
            seen.version,
            change.merges,
            int(change.disturbs_events),
            seen.key.record,
        ]
        for field, value in change.fields.items():
            words += (field, b"-" if value is None else b"=%b" % (value if isinstance(value, bytes) else b"%d" % value))
        return bool(in_time(await CHANGE_RECORD.run(node, _names(seen.key), tuple(words), deadline)))

    async def note_open(self, merge_id: str, loser: str, *, deadline: float) -> None:
        node = self._nodes.of_key(keys.MERGING)
        checked(await node.call(pack(b"HSET", keys.MERGING, merge_id, loser), 1, deadline))

    async def note_closed(self, merge_id: str, *, deadline: float) -> None:
        node = self._nodes.of_key(keys.MERGING)
        checked(await node.call(pack(b"HDEL", keys.MERGING, merge_id), 1, deadline))

    async def open(self, *, deadline: float) -> Mapping[str, str]:
        node = self._nodes.of_key(keys.MERGING)
        found = checked(await node.call(pack(b"HGETALL", keys.MERGING), 1, deadline))
        return {merge_id.decode(): loser.decode() for merge_id, loser in zip(found[::2], found[1::2], strict=True)}


def _names(key: CustomerKey) -> tuple[Word, ...]:
    partition = key.partition
    return keys.record(key), keys.merges(key), keys.owner(partition), keys.stream(Stream.EVENTS, partition)
