"""Joins loaded event states with those of the store, many in one trip, while nobody else folds their partitions."""

import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import time
from typing import Final

from api.adapters import keys
from api.adapters.commands import checked, pack
from api.adapters.event_store import RedisEventStore
from api.adapters.nodes import Nodes
from api.adapters.record_store import RedisRecordStore
from api.adapters.records import encode_layout
from api.loading.bulk_store import batches, fingerprint, together
from api.loading.kept_states import KeptStates
from api.ports import FIRST, CustomerKey, Ownership, StoreUnavailable, key_of
from engine.events import EventLayout
from engine.facts import ProfileSchema
from engine.ids import CustomerId

LEASE_MS: Final = 30_000
"""Longer than a batch takes; a load that dies holds events up for no longer."""
_WITHIN_S: Final = 120.0
_ATTEMPTS: Final = 10
_TAKE_OVER: Final = (Path(__file__).parent / "take_over.lua").read_bytes()
_BACK_LOAD: Final = (Path(__file__).parent / "back_load.lua").read_bytes()
_TAKE_OVER_SHA: Final = hashlib.sha1(_TAKE_OVER, usedforsecurity=False).hexdigest()
_BACK_LOAD_SHA: Final = hashlib.sha1(_BACK_LOAD, usedforsecurity=False).hexdigest()
_CHANGED: Final = 1
_FENCED: Final = 2
_GONE: Final = 3
State = tuple[CustomerKey, bytes]


class BulkHistories:
    """`Histories` on one server or a cluster."""

    def __init__(self, nodes: Nodes, schema: ProfileSchema, layout: EventLayout) -> None:
        self._nodes = nodes
        self._layout = layout
        self._records = RedisRecordStore(nodes)
        self._kept = KeptStates(schema, layout, self._records)
        self._leases = RedisEventStore(nodes)
        self._ready = False
        self._left_alone: Counter[str] = Counter()

    @property
    def left_alone(self) -> Mapping[str, int]:
        """`merged_away` or removed meanwhile; `unreadable` states are left for their owner."""
        return self._left_alone

    async def lives_as(self, customers: Sequence[CustomerId]) -> Mapping[str, CustomerId]:
        lives: dict[str, CustomerId] = {}
        for batch in batches(customers):
            reads = [
                (self._nodes.of_partition(key.partition), pack(b"HMGET", keys.record(key), b"id", b"moved_to"))
                for key in map(key_of, batch)
            ]
            for customer, reply in zip(batch, await together(reads), strict=True):
                own, moved_to = checked(reply)
                if moved_to is not None:
                    lives[customer] = CustomerId(moved_to.decode())
                elif own is not None:
                    lives[customer] = customer
        return lives

    async def join(self, states: Sequence[tuple[CustomerId, bytes]]) -> None:
        """Those of one partition stand together, so that each is taken over once.

        Raises:
            StoreUnavailable: the store failed, or somebody keeps changing what is written here.
        """
        await self._prepare()
        left = sorted((key_of(customer), state) for customer, state in states)
        for _ in range(_ATTEMPTS):
            async with self._taken_over({key.partition for key, _ in left}) as epochs:
                left = [each for batch in batches(left) for each in await self._join(batch, epochs)]
            if not left:
                return
        raise StoreUnavailable("histories keep changing while events are loaded")

    async def _prepare(self) -> None:
        """Make the store know the layout before a state has it, and the reader every layout that the store has."""
        if self._ready:
            return
        deadline = asyncio.get_running_loop().time() + _WITHIN_S
        for node in self._nodes.everyone():
            for source in (_TAKE_OVER, _BACK_LOAD):
                checked(await node.call(pack(b"SCRIPT", b"LOAD", source), 1, deadline))
        await self._records.put_layout(self._layout.hash, encode_layout(self._layout))
        await self._kept.learn()
        self._ready = True

    @asynccontextmanager
    async def _taken_over(self, partitions: set[int]) -> AsyncIterator[Mapping[int, int]]:
        """The epochs under which nobody else folds these partitions until the end of the block."""
        loader = f"load:{os.uname().nodename}:{os.getpid()}"
        wanted = sorted(partitions)
        calls = [
            (
                self._nodes.of_partition(partition),
                pack(b"EVALSHA", _TAKE_OVER_SHA, 1, keys.owner(partition), loader, LEASE_MS),
            )
            for partition in wanted
        ]
        epochs = dict(zip(wanted, [int(checked(reply)) for reply in await together(calls)], strict=True))
        try:
            yield epochs
        finally:
            deadline = asyncio.get_running_loop().time() + _WITHIN_S
            leases = (Ownership(partition, epoch, FIRST) for partition, epoch in epochs.items())
            await asyncio.gather(*(self._leases.disown(lease, deadline=deadline) for lease in leases))

    async def _join(self, batch: Sequence[State], epochs: Mapping[int, int]) -> list[State]:
        """Read, join, write; returns those that have to be done again."""
        reads = [(self._nodes.of_partition(key.partition), pack(b"HGET", keys.record(key), b"e")) for key, _ in batch]
        stored = [checked(reply) or b"" for reply in await together(reads)]
        writing, writes = [], []
        for (key, loaded), was in zip(batch, stored, strict=True):
            joined = self._kept.joined(was, loaded)
            if joined is None:
                self._left_alone["unreadable"] += 1
            elif joined != was:
                writing.append((key, loaded))
                writes.append((self._nodes.of_partition(key.partition), _packed(key, epochs, was, joined)))
        again = []
        for each, reply in zip(writing, await together(writes), strict=True):
            ended = checked(reply)
            if ended in (_CHANGED, _FENCED):
                again.append(each)
            elif ended == _GONE:
                self._left_alone["merged_away"] += 1
        return again


def _packed(key: CustomerKey, epochs: Mapping[int, int], was: bytes, joined: bytes) -> bytes:
    names = (keys.record(key), keys.owner(key.partition), keys.due(key.partition))
    words = (epochs[key.partition], fingerprint(was), joined, int(time()), key.record)
    return pack(b"EVALSHA", _BACK_LOAD_SHA, len(names), *names, *words)
