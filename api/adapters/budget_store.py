"""Budgets on Redis or Valkey: each budget and its leases in one slot, the units of offers with their customers."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

import msgspec

from api.adapters import keys
from api.adapters.commands import Reply, Word, checked, pack
from api.adapters.flights import Node
from api.adapters.nodes import Nodes
from api.adapters.outcome_store import in_time
from api.adapters.script import END_LEASE, LOOK_AT_UNITS, SETTLE_UNITS, TAKE_BACK, TAKE_LEASE
from api.ports import (
    DRAWS_KNOWN_MS,
    PARTITIONS,
    RECOVERED_AFTER_MS,
    HeldUnits,
    LeaseAsked,
    LeaseTaken,
    OpenLease,
    Ownership,
    Settled,
    Standing,
)

AT_ONCE: Final = 64
_FENCED: Final = -1
_decode_lease: Final = msgspec.msgpack.Decoder(tuple[int, int, str, str, str], strict=False).decode


class RedisBudgetStore:
    """`BudgetStore` on one server or a cluster."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def _node(self, budget: str) -> Node:
        return self._nodes.of_key(keys.budget(budget))

    async def take(self, asked: LeaseAsked, *, deadline: float) -> LeaseTaken:
        node = self._node(asked.budget)
        left_ms = int(1_000 * (deadline - asyncio.get_running_loop().time()))
        words = (
            time.time_ns() // 1_000_000 + left_ms + node.clock_ahead_ms,
            asked.lease,
            asked.worker,
            asked.each,
            _or_nothing(asked.total),
            _or_nothing(asked.per_day),
            asked.channel,
            _or_nothing(asked.total_of_channel),
            asked.day,
            "" if asked.latest_end_ms is None else asked.latest_end_ms + node.clock_ahead_ms,
            asked.length_ms,
        )
        reply = await TAKE_LEASE.run(node, (keys.budget(asked.budget), keys.leases(asked.budget)), words, deadline)
        return LeaseTaken(*in_time(reply))

    async def end(self, budget: str, lease: str, *, drawn: int, certain: bool, deadline: float) -> int:
        return await self._end(budget, (lease, drawn, "", int(certain)), deadline)

    async def _end(self, budget: str, words: tuple[Word, ...], deadline: float) -> int:
        names = (keys.budget(budget), keys.leases(budget))
        return int(await END_LEASE.run(self._node(budget), names, words, deadline))

    async def open_leases(self, budget: str, *, deadline: float) -> Sequence[OpenLease]:
        found = checked(await self._node(budget).call(pack(b"HGETALL", keys.leases(budget)), 1, deadline))
        return [_open_lease(name, packed) for name, packed in zip(found[::2], found[1::2], strict=True)]

    async def recover(self, budget: str, lease: OpenLease, *, deadline: float) -> int:
        over_ms = time.time_ns() // 1_000_000 + self._node(budget).clock_ahead_ms - lease.ends_ms
        if over_ms < RECOVERED_AFTER_MS:
            return 0
        # INVARIANT: no commit uses a lease that has ended, so what is counted from now on is all there will ever be.
        drawn = lease.amount if over_ms > DRAWS_KNOWN_MS else await self._drawn(lease.lease, deadline)
        return await self._end(budget, (lease.lease, drawn, RECOVERED_AFTER_MS, 1), deadline)

    async def _drawn(self, lease: str, deadline: float) -> int:
        drawn = 0
        groups = self._nodes.together(range(PARTITIONS))
        for at in range(0, len(groups), AT_ONCE):
            calls = [
                node.call(pack(b"MGET", *(keys.drawn(partition, lease) for partition in some)), 1, deadline)
                for node, some in groups[at : at + AT_ONCE]
            ]
            for reply in await asyncio.gather(*calls):
                drawn += sum(int(each) for each in checked(reply) if each is not None)
        return drawn

    async def settle(self, owned: Ownership, *, count: int, deadline: float) -> Sequence[Settled]:
        partition = owned.partition
        names = (keys.owner(partition), keys.held(partition), keys.settled(partition))
        words = (owned.epoch, count, keys.record_prefix(partition))
        reply = await SETTLE_UNITS.run(self._nodes.of_partition(partition), names, words, deadline)
        return [] if reply == _FENCED else [_settled(each) for each in reply]

    async def tell(self, partition: int, settled: Sequence[Settled], *, deadline: float) -> int:
        back = 0
        for budget, units in _by_budget(settled):
            words: list[Word] = [partition]
            for each in units:
                words += (each.number, int(each.spent), each.amount, each.day, each.channel)
            back += int(await TAKE_BACK.run(self._node(budget), (keys.budget(budget),), tuple(words), deadline))
        if settled:
            forget = pack(b"ZREMRANGEBYSCORE", keys.settled(partition), b"-inf", settled[-1].number)
            checked(await self._nodes.of_partition(partition).call(forget, 1, deadline))
        return back

    async def standing(self, budget: str, *, deadline: float) -> Standing:
        found = checked(await self._node(budget).call(pack(b"HGETALL", keys.budget(budget)), 1, deadline))
        fields = {name.decode(): int(value) for name, value in zip(found[::2], found[1::2], strict=True)}
        return Standing(
            taken=fields.get("taken", 0),
            spent=fields.get("spent", 0),
            day=fields.get("day", 0),
            today=fields.get("today", 0),
            by_channel={name[2:]: amount for name, amount in fields.items() if name.startswith("c:")},
        )

    async def held(self, *, deadline: float) -> Sequence[HeldUnits]:
        found: dict[str, tuple[int, int]] = {}
        for at in range(0, PARTITIONS, AT_ONCE):
            partitions = range(at, min(at + AT_ONCE, PARTITIONS))
            for reply in await asyncio.gather(*(self._held(partition, deadline) for partition in partitions)):
                for name, spent, still_open in zip(reply[::3], reply[1::3], reply[2::3], strict=True):
                    before = found.get(name.decode(), (0, 0))
                    found[name.decode()] = (before[0] + spent, before[1] + still_open)
        return [HeldUnits(name, *amounts) for name, amounts in found.items()]

    async def _held(self, partition: int, deadline: float) -> Reply:
        node = self._nodes.of_partition(partition)
        return await LOOK_AT_UNITS.run(node, (keys.held(partition),), (keys.record_prefix(partition),), deadline)


def _or_nothing(bound: int | None) -> Word:
    return "" if bound is None else bound


def _open_lease(name: bytes, packed: bytes) -> OpenLease:
    amount, ends_ms, _, _, worker = _decode_lease(packed)
    return OpenLease(name.decode(), amount, ends_ms, worker)


def _settled(line: bytes) -> Settled:
    number, spent, amount, day, channel, budget = line.decode().split("\n")
    return Settled(int(number), budget, spent == "1", int(amount), int(day), channel)


def _by_budget(settled: Sequence[Settled]) -> Iterable[tuple[str, list[Settled]]]:
    """The units of each budget, in the order of their numbers."""
    ordered = sorted(settled, key=lambda each: (each.budget, each.number))
    return [(budget, list(units)) for budget, units in groupby(ordered, key=lambda each: each.budget)]
