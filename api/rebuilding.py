"""Asks the workers to rebuild event states from the streams, and waits for them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from api.adapters import keys
from api.adapters.cluster import nodes_at
from api.adapters.commands import Reply, checked, pack
from api.adapters.event_store import RedisEventStore
from api.adapters.flights import Node, Timing
from api.adapters.nodes import Nodes
from api.ports import CustomerKey, EventStore, key_of

PATIENT: Final = Timing(flight=60.0, connect=5.0)
AT_ONCE: Final = 20
"""Records that one wish names: as many as a worker folds of a partition in a step."""
AT_MOST: Final = 1_000
"""Wishes that are looked after at one time."""
LOOK_EACH_S: Final = 0.2
_WITHIN_S: Final = 60.0
_SCANNED: Final = 1_000


@dataclass(slots=True)
class Rebuilding:
    """What was asked for, and what is still to be done."""

    asked: int = 0
    places: dict[CustomerKey, str] = field(default_factory=dict)
    """For each wish that nobody has fulfilled yet its last record, and where it stands in the stream."""


async def rebuild(url: str, customer: str | None, wait_s: float) -> Rebuilding:
    """Have one customer rebuilt, or everybody, and wait so long for the workers.

    Raises:
        LookupError: there is no such customer.
        StoreUnavailable: the store is not there, or failed.
    """
    nodes = nodes_at(url, PATIENT)
    await nodes.start()
    try:
        store = RedisEventStore(nodes)
        rebuilding = Rebuilding()
        if customer is None:
            async for some in _everybody(nodes):
                await ask(store, some, rebuilding)
        else:
            await ask(store, [await _one(store, customer)], rebuilding)
        await fulfilled(store, rebuilding, wait_s)
        return rebuilding
    finally:
        await nodes.close()


async def ask(store: EventStore, some: Sequence[CustomerKey], rebuilding: Rebuilding) -> None:
    """Ask for some records, each of its partition's owner."""
    names_by_partition: dict[int, list[str]] = {}
    for key in dict.fromkeys(some):
        names_by_partition.setdefault(key.partition, []).append(key.record)
    for partition, names in names_by_partition.items():
        for at in range(0, len(names), AT_ONCE):
            wish = names[at : at + AT_ONCE]
            place = await store.ask_rebuild(partition, wish, deadline=_deadline())
            rebuilding.places[CustomerKey(partition, wish[-1])] = place
            rebuilding.asked += len(wish)


async def fulfilled(store: EventStore, rebuilding: Rebuilding, wait_s: float) -> None:
    """Wait until every wish is fulfilled, or the time is over; a record that leads to another keeps nothing."""
    give_up_at = asyncio.get_running_loop().time() + wait_s
    while rebuilding.places:
        waiting = list(islice(rebuilding.places, AT_MOST))
        records = await store.records(waiting, deadline=_deadline())
        for key, held in zip(waiting, records, strict=True):
            if held.record.moved_to is not None or _place(held.applied) >= _place(rebuilding.places[key]):
                del rebuilding.places[key]
        if not rebuilding.places or asyncio.get_running_loop().time() >= give_up_at:
            return
        await asyncio.sleep(LOOK_EACH_S)


async def _one(store: EventStore, customer: str) -> CustomerKey:
    """The record of a customer, or of whom they were merged into."""
    key = key_of(customer)
    (held,) = await store.records([key], deadline=_deadline())
    if held.record.moved_to is not None:
        return key_of(held.record.moved_to.decode())
    if held.record.owner is None and held.record.events is None:
        raise LookupError(customer)
    return key


async def _everybody(nodes: Nodes) -> AsyncIterator[Sequence[CustomerKey]]:
    for node in nodes.everyone():
        cursor = b"0"
        while True:
            cursor, names = checked(await _scan(node, cursor))
            yield [keys.key_of_record(name) for name in names]
            if cursor == b"0":
                break


async def _scan(node: Node, cursor: bytes) -> Reply:
    command = pack(b"SCAN", cursor, b"MATCH", keys.ANY_RECORD, b"COUNT", _SCANNED)
    return await node.call(command, 1, _deadline())


def _place(entry_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def _deadline() -> float:
    return asyncio.get_running_loop().time() + _WITHIN_S
