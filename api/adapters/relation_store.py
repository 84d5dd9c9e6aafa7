"""Relations on Redis or Valkey: a hash beside each record, by kind and whom a relation leads to."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date
from itertools import islice
from typing import Final

from api.adapters import keys
from api.adapters.commands import checked, pack
from api.adapters.nodes import Nodes
from api.ports import CustomerKey, key_of
from api.ports.relations import Relation

BATCH: Final = 1_000


class RedisRelationStore:
    """`RelationStore` on one server or a cluster."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def relate(self, relations: Sequence[Relation], *, deadline: float) -> None:
        remaining = iter(relations)
        while batch := list(islice(remaining, BATCH)):
            calls = []
            for each in batch:
                key = key_of(each.of)
                term = f"{each.start or ''}\n{each.end or ''}"
                command = pack(b"HSET", keys.relations(key), f"{each.kind}\n{each.to}", term)
                calls.append(self._nodes.of_partition(key.partition).call(command, 1, deadline))
            for reply in await asyncio.gather(*calls):
                checked(reply)

    async def relations_of(self, key: CustomerKey, *, deadline: float) -> Sequence[Relation]:
        node = self._nodes.of_partition(key.partition)
        found = checked(await node.call(pack(b"HGETALL", keys.relations(key)), 1, deadline))
        pairs = zip(found[::2], found[1::2], strict=True)
        return sorted(_relation(key.record, name.decode(), term.decode()) for name, term in pairs)

    async def everybody(self, *, within_s: float) -> AsyncIterator[Sequence[str]]:
        for node in self._nodes.everyone():
            cursor = b"0"
            while True:
                deadline = asyncio.get_running_loop().time() + within_s
                scan = pack(b"SCAN", cursor, b"MATCH", keys.ANY_RELATIONS, b"COUNT", BATCH)
                cursor, names = checked(await node.call(scan, 1, deadline))
                if names:
                    yield [keys.key_of_relations(name).record for name in names]
                if cursor == b"0":
                    break


def _relation(of: str, name: str, term: str) -> Relation:
    kind, _, to = name.partition("\n")
    start, _, end = term.partition("\n")
    return Relation(of, kind, to, *(date.fromisoformat(day) if day else None for day in (start, end)))
