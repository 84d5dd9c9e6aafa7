"""Who is waited for, for how long, and how many of them."""

import pytest

from api.adapters.memory import MemoryCustomerStore, MemoryState
from api.adapters.memory_events import MemoryEventStore, MemoryJournal
from api.adapters.records import encode_customers
from api.ports import CustomerKey, Identity, Stream, key_of
from api.telemetry import Metrics
from api.worker import newcomers
from api.worker.newcomers import ROUND_S, WAIT_S, Newcomers
from api.worker.partitions import Partitions
from engine.ids import CustomerId

VISITOR = key_of("web_visitor:v1")


class House:
    """Streams in memory, and whoever waits."""

    def __init__(self) -> None:
        self.state = MemoryState()
        self.ahead_s = 0.0
        self.merged: list[tuple[str, str]] = []
        self.can_merge = True
        self.partitions = Partitions(MemoryEventStore(self.state), "worker-1")
        self.newcomers = Newcomers(
            journal=MemoryJournal(self.state),
            customers=MemoryCustomerStore(self.state),
            partitions=self.partitions,
            merge=self.merge,
            metrics=Metrics(),
            clock=lambda: self.state.now_ms() / 1_000 + self.ahead_s,
        )

    async def merge(self, record: str, customer: str) -> bool:
        self.merged.append((record, customer))
        return self.can_merge

    async def look(self) -> None:
        """A whole round."""
        await self.partitions.renew()
        await self.newcomers.step()
        self.ahead_s += 2 * ROUND_S
        for _ in range(1_024 // newcomers.AT_ONCE + 1):
            await self.newcomers.step()

    def known(self, *customers: str) -> None:
        named = encode_customers([CustomerId(each) for each in customers])
        self.state.identities[Identity("web_visitor", "v1")] = named

    def waiting(self, key: CustomerKey = VISITOR) -> list[str]:
        return [entry.body.decode() for entry in self.state.streams.get((Stream.UNKNOWN, key.partition), ())]


async def test_visitor_is_waited_for_until_one_customer_is_meant() -> None:
    """Two may share the identity, and two records may not be ready to be one."""
    house = House()
    await house.newcomers.note(VISITOR)
    await house.newcomers.note(VISITOR)
    await house.look()
    house.known("C1", "C2")
    await house.look()
    assert (house.waiting(), house.merged) == (["web_visitor:v1"], [])
    house.known("C1")
    house.can_merge = False
    await house.look()
    assert house.waiting() == ["web_visitor:v1"]
    house.can_merge = True
    await house.look()
    assert (house.waiting(), house.merged[-1]) == ([], ("web_visitor:v1", "C1"))


async def test_customer_id_is_waited_for_by_nobody() -> None:
    """Its events are in the record that the load fills."""
    house = House()
    await house.newcomers.note(key_of("C0000009"))
    assert house.waiting(key_of("C0000009")) == []


async def test_visitor_is_forgotten_when_the_record_is_gone() -> None:
    """A month after the last event."""
    house = House()
    await house.newcomers.note(VISITOR)
    house.ahead_s = WAIT_S
    await house.look()
    assert house.waiting() == []


async def test_no_more_are_waited_for_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are given up."""
    monkeypatch.setattr(newcomers, "MOST_KEPT", 2)
    house = House()
    visitors = [CustomerKey(VISITOR.partition, f"web_visitor:w{number}") for number in range(5)]
    for each in visitors:
        await house.newcomers.note(each)
    await house.look()
    assert house.waiting() == ["web_visitor:w3", "web_visitor:w4"]
