"""Bulk loading into Redis or Valkey, and the server's account of itself."""

import asyncio
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

from api.adapters import keys
from api.adapters.commands import Reply, Word, checked, pack
from api.adapters.nodes import Nodes
from api.adapters.records import encode_customers
from api.adapters.script import LOAD
from api.ports import Identity, LoadedRecord, StoredLayout, StoreStatus, StoreUnavailable, key_of
from engine.ids import CustomerId

BATCH: Final = 512
WRITTEN_WITHIN_S: Final = 10.0
TOLD_WITHIN_S: Final = 0.5

Item = TypeVar("Item")


class RedisRecordStore:
    """`RecordStore` on one server or a cluster."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def load(self, records: Sequence[LoadedRecord]) -> None:
        for batch in _batches(records):
            deadline = asyncio.get_running_loop().time() + WRITTEN_WITHIN_S
            await asyncio.gather(*(self._load(record, deadline) for record in batch))

    async def _load(self, record: LoadedRecord, deadline: float) -> None:
        key = key_of(record.customer)
        words = (
            record.customer,
            record.profile,
            record.events or b"",
            record.needs or b"",
            record.contacts or b"",
            record.consent or b"",
            record.outcome_count,
        )
        await LOAD.run(self._nodes.of_partition(key.partition), (keys.record(key),), words, deadline)

    async def identify(self, customers_by_identity: Mapping[Identity, Sequence[CustomerId]]) -> None:
        for batch in _batches(customers_by_identity.items()):
            deadline = asyncio.get_running_loop().time() + WRITTEN_WITHIN_S
            named = [(keys.identity(identity), encode_customers(customers)) for identity, customers in batch]
            calls = [
                self._nodes.of_key(name).call(pack(b"SET", name, customers), 1, deadline) for name, customers in named
            ]
            for reply in await asyncio.gather(*calls):
                checked(reply)

    async def put_schema(self, schema_hash: int, columns: bytes) -> None:
        deadline = asyncio.get_running_loop().time() + WRITTEN_WITHIN_S
        node = self._nodes.of_key(keys.SCHEMAS)
        checked(await node.call(pack(b"HSET", keys.SCHEMAS, schema_hash, columns), 1, deadline))

    async def schemas(self) -> Sequence[bytes]:
        deadline = asyncio.get_running_loop().time() + WRITTEN_WITHIN_S
        node = self._nodes.of_key(keys.SCHEMAS)
        return list(checked(await node.call(pack(b"HVALS", keys.SCHEMAS), 1, deadline)))

    async def put_layout(self, layout_hash: int, filters: bytes) -> None:
        await self._call(keys.LAYOUTS, b"HSET", layout_hash, filters)

    async def begin_folding(self, layout_hash: int, now_s: int) -> None:
        now = await self._call(keys.FOLDING, b"HGET", keys.NOW)
        if now is None or int(now) != layout_hash:
            await self._call(keys.FOLDING, b"HSET", layout_hash, now_s, keys.NOW, layout_hash)

    async def layouts(self) -> Sequence[StoredLayout]:
        layouts, since = [_pairs(await self._call(key, b"HGETALL")) for key in (keys.LAYOUTS, keys.FOLDING)]
        return [
            StoredLayout(filters, int(since[layout_hash]) if layout_hash in since else None)
            for layout_hash, filters in layouts.items()
        ]

    async def _call(self, key: str, command: bytes, *words: Word) -> Reply:
        deadline = asyncio.get_running_loop().time() + WRITTEN_WITHIN_S
        return checked(await self._nodes.of_key(key).call(pack(command, key, *words), 1, deadline))


class RedisHealth:
    """`StoreHealth`: what the servers themselves say."""

    def __init__(self, nodes: Nodes, durability: str) -> None:
        """`durability`: as it was found when the store was checked at the start."""
        self._nodes = nodes
        self._durability = durability

    async def status(self) -> StoreStatus:
        nodes = self._nodes.everyone()
        deadline = asyncio.get_running_loop().time() + TOLD_WITHIN_S
        if not nodes:
            return self._away()
        try:
            told = await asyncio.gather(*(node.call(pack(b"INFO", b"memory"), 1, deadline) for node in nodes))
            shares = [_memory_used_share(checked(reply)) for reply in told]
        except StoreUnavailable:
            return self._away()
        limited = [share for share in shares if share is not None]
        return StoreStatus(
            available=True, durability=self._durability, memory_used_share=max(limited) if limited else None
        )

    def _away(self) -> StoreStatus:
        return StoreStatus(available=False, durability=self._durability, memory_used_share=None)


def _pairs(reply: Reply) -> dict[bytes, bytes]:
    return dict(zip(reply[::2], reply[1::2], strict=True))


def _memory_used_share(info: bytes) -> float | None:
    lines = (line.partition(":") for line in info.decode().splitlines())
    told = {name: value for name, _, value in lines}
    limit = int(told.get("maxmemory", 0))
    return int(told["used_memory"]) / limit if limit else None


def _batches(items: Iterable[Item]) -> Iterable[Sequence[Item]]:
    remaining = iter(items)
    while batch := list(itertools.islice(remaining, BATCH)):
        yield batch
