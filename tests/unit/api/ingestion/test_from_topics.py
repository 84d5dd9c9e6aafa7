"""From topics into the streams: nothing lost, nothing twice, whatever dies between append and commit."""

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from api.adapters.memory import MemoryCustomerStore, MemoryState
from api.adapters.memory_events import MemoryJournal
from api.entries import QuarantineEntry, decode_event
from api.ingestion import from_topics
from api.ingestion.from_topics import FromTopics
from api.ingestion.intake import EventIntake
from api.ingestion.kafka_messages import Message
from api.ingestion.topics import TopicsUnavailable
from api.ports import Arrival, StoreUnavailable, Stream, key_of
from api.telemetry import Metrics
from tests.unit.api.shells import starter_plan

PLAN = starter_plan()


class Log:
    """A topic of one partition and the offset that its group has committed."""

    def __init__(self, *values: bytes) -> None:
        self.messages = [Message("bank", 0, offset, value) for offset, value in enumerate(values)]
        self.committed = 0


class Member:
    """A member of the group: it begins where the group has committed."""

    def __init__(self, log: Log, *, most: int = 100) -> None:
        self._log = log
        self._most = most
        self._position = log.committed

    async def read(self) -> Sequence[Message]:
        found = self._log.messages[self._position : self._position + self._most]
        self._position += len(found)
        return found

    async def commit(self, messages: Sequence[Message]) -> None:
        self._log.committed = max(each.offset for each in messages) + 1

    def behind(self) -> int:
        return len(self._log.messages) - self._position


class House:
    """Streams in memory, and whoever reads topics into them."""

    def __init__(self) -> None:
        self.state = MemoryState()
        self.metrics = Metrics()
        self.full = False
        self.intake = EventIntake(MemoryCustomerStore(self.state), MemoryJournal(self.state))

    def reader(self, topics: Member, intake: EventIntake | None = None) -> FromTopics:
        return FromTopics(
            topics=topics,
            intake=intake or self.intake,
            catalogue=lambda: PLAN.catalogue,
            full=lambda: self.full,
            metrics=self.metrics,
        )

    def bodies(self, stream: Stream) -> list[bytes]:
        return [entry.body for (kind, _), entries in self.state.streams.items() if kind is stream for entry in entries]

    def aside(self) -> list[QuarantineEntry]:
        return [msgspec.msgpack.decode(body, type=QuarantineEntry) for body in self.bodies(Stream.QUARANTINE)]


def an_event(name: str, **changes: object) -> bytes:
    event: Mapping[str, Any] = {
        "specversion": "1.0",
        "id": name,
        "source": "core_banking",
        "type": "mortgage_application",
        "subject": "customer_id:C0000001",
        "data": {"amount": 240_000},
    }
    return json.dumps({**event, **changes}).encode()


async def test_messages_land_in_their_customers_streams_in_order() -> None:
    """And the offset moves behind them."""
    house, log = House(), Log(*(an_event(f"e{number}") for number in range(5)))
    assert await house.reader(Member(log)).step() == 5
    entries = house.state.streams[Stream.EVENTS, key_of("C0000001").partition]
    assert [decode_event(entry.body).id for entry in entries] == ["e0", "e1", "e2", "e3", "e4"]
    assert log.committed == 5
    assert house.metrics.events.values == {("mortgage_application", "accepted"): 5}


@pytest.mark.parametrize("seed", range(5))
async def test_kills_between_append_and_commit_lose_nothing_and_repeat_nothing(seed: int) -> None:
    """A member dies at any moment of a batch, and another begins where the group has committed."""
    chance = random.Random(seed)

    class Dies(Exception):
        pass

    class Dying(Member):
        async def commit(self, messages: Sequence[Message]) -> None:
            if chance.random() < 0.5:
                raise Dies
            await super().commit(messages)

    class DyingJournal(MemoryJournal):
        async def append_once(self, stream: Stream, partition: int, arrivals: Sequence[Arrival], **when: Any) -> Any:
            if chance.random() < 0.2:
                raise asyncio.CancelledError
            return await super().append_once(stream, partition, arrivals, **when)

    house = House()
    names = [f"e{number}" for number in range(60)]
    log = Log(*(an_event(name, subject=f"customer_id:C{chance.randrange(9)}") for name in names))
    dying = EventIntake(MemoryCustomerStore(house.state), DyingJournal(house.state))
    while log.committed < len(names):
        reader = house.reader(Dying(log, most=7), dying)
        try:
            while await reader.step():
                pass
        except (Dies, asyncio.CancelledError):
            continue
    assert sorted(decode_event(body).id for body in house.bodies(Stream.EVENTS)) == sorted(names)


FAR = {"past": "1900-01-01T00:00:00Z", "future": "2200-01-01T00:00:00Z"}
SOON = (datetime.now(UTC) + timedelta(hours=6)).isoformat()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "malformed_body"),
        (b"\x00\xff", "malformed_body"),
        (b"[" * 60_000, "malformed_body"),
        (b'{"specversion": "1.0"}', "invalid_body"),
        (an_event("x" * 10_240), "invalid_body"),
        (an_event("e", subject="customer_id:" + "9" * 10_240), "invalid_body"),
        (an_event("e", time="yesterday"), "invalid_body"),
        (an_event("e", type="gone"), "unknown_event_type"),
        (an_event("e", data={"amount": "much"}), "invalid_event"),
        (an_event("e", data={"amount": 1e30}), "invalid_event"),
        (an_event("e", data={"amount": 10**400}), "invalid_event"),
        (an_event("e", data={"what": 1}), "invalid_event"),
        (an_event("e", data={"amount": float("nan")}), "malformed_body"),
        (an_event("e", time=FAR["past"]), "too_old"),
        (an_event("e", time=FAR["future"]), "in_the_future"),
        (an_event("e", time=SOON), "in_the_future"),
        (b'"' + b"x" * 70_000 + b'"', "body_too_large"),
    ],
)
async def test_poison_is_put_aside_once_and_the_topic_goes_on(value: bytes, reason: str) -> None:
    """Nobody is there to be refused, so a person gets to see it; what comes behind it counts."""
    house, log = House(), Log(value, an_event("good"))
    await house.reader(Member(log)).step()
    log.committed = 0
    await house.reader(Member(log)).step()
    assert [each.reason for each in house.aside()] == [reason]
    assert [decode_event(body).id for body in house.bodies(Stream.EVENTS)] == ["good"]
    assert log.committed == 2


async def test_store_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is committed before it is durable."""
    monkeypatch.setattr(from_topics, "AGAIN_S", 0.0)
    house, log, tries = House(), Log(an_event("e1")), []

    class Away(MemoryJournal):
        async def append_once(self, stream: Stream, partition: int, arrivals: Sequence[Arrival], **when: Any) -> Any:
            tries.append(log.committed)
            if len(tries) < 3:
                raise StoreUnavailable("away")
            return await super().append_once(stream, partition, arrivals, **when)

    intake = EventIntake(MemoryCustomerStore(house.state), Away(house.state))
    assert await house.reader(Member(log), intake).step() == 1
    assert (tries, log.committed) == ([0, 0, 0], 1)
    assert house.metrics.store_failures.values == {("kafka",): 2}


async def test_full_store_leaves_events_in_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    """They keep there; the store has no room for them."""
    monkeypatch.setattr(from_topics, "AGAIN_S", 0.0)
    house, log = House(), Log(an_event("e1"))
    house.full = True
    assert await house.reader(Member(log)).step() == 0
    assert house.bodies(Stream.EVENTS) == []


async def test_brokers_that_are_away_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading goes on once they answer."""
    monkeypatch.setattr(from_topics, "AGAIN_S", 0.0)
    house, log = House(), Log(an_event("e1"))

    class Enough(Exception):
        pass

    class Until(Member):
        failures = 3

        async def read(self) -> Sequence[Message]:
            if self.failures:
                self.failures -= 1
                raise TopicsUnavailable("away")
            if log.committed:
                raise Enough
            return await super().read()

    with pytest.raises(Enough):
        await house.reader(Until(log)).run()
    assert [decode_event(body).id for body in house.bodies(Stream.EVENTS)] == ["e1"]
