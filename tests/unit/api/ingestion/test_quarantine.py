"""What was put aside can be looked at, taken in once, and dropped."""

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed

from api.adapters.memory import MemoryCustomerStore, MemoryState
from api.adapters.memory_events import MemoryJournal
from api.adapters.records import encode_customers
from api.entries import EventEntry, QuarantineEntry, decode_event, encode_entry
from api.ingestion.intake import EventIntake
from api.ingestion.quarantine import Aside, AsideId, Quarantine
from api.ports import Arrival, Identity, Stream, key_of
from engine.events import EventSpec
from engine.ids import CustomerId, EventName
from tests.unit.api.ingestion.test_from_topics import an_event
from tests.unit.api.shells import starter_plan

CATALOGUE = starter_plan().catalogue
NOW_MS = int(time.time() * 1_000)
DAY_MS = 86_400_000
EVENT = EventEntry("C0000001", "test", "e1", "mortgage_application", NOW_MS - 1_000, NOW_MS, {"amount": 5})


class House:
    """Streams in memory, with something aside."""

    def __init__(self) -> None:
        self.state = MemoryState()
        self.journal = MemoryJournal(self.state)
        self.quarantine = Quarantine(self.journal, EventIntake(MemoryCustomerStore(self.state), self.journal))

    async def put(self, body: bytes, reason: str = "unknown_event_type", *, taken: bool = False) -> Aside:
        entry = encode_entry(QuarantineEntry(reason, body, NOW_MS, taken=taken))
        arrival = Arrival("worker", str(len(self.state.streams)), entry)
        await self.journal.append_once(Stream.QUARANTINE, 7, [arrival], deadline_ms=2**52, deadline=1e9)
        return (await self.aside())[-1]

    async def send(self, event: EventEntry) -> bool:
        """As the intake does."""
        arrival = Arrival(event.source, event.id, encode_entry(event))
        where = (Stream.EVENTS, key_of(event.record).partition)
        (new,) = await self.journal.append_once(*where, [arrival], deadline_ms=2**52, deadline=1e9)
        return new

    async def aside(self) -> list[Aside]:
        return [each async for each in self.quarantine.everything()]

    def events(self) -> list[EventEntry]:
        streams = self.state.streams.items()
        return [decode_event(entry.body) for (kind, _), some in streams if kind is Stream.EVENTS for entry in some]


async def test_event_whose_type_is_known_by_now_is_taken_in_once() -> None:
    """Two people who try at once count it once; it keeps the instants of its receipt."""
    house = House()
    aside = await house.put(encode_entry(EVENT))
    assert (await house.quarantine.retry(aside, CATALOGUE)).status == "accepted"
    assert (await house.quarantine.retry(aside, CATALOGUE)).status == "duplicate"
    assert house.events() == [EVENT]
    assert await house.aside() == []


async def test_event_that_its_source_sent_again_meanwhile_does_not_count_twice() -> None:
    """It was aside at the door, so nobody had counted it before."""
    house = House()
    aside = await house.put(encode_entry(EVENT), "in_the_future")
    assert await house.send(EVENT)
    assert (await house.quarantine.retry(aside, CATALOGUE)).status == "duplicate"
    assert house.events() == [EVENT]


async def test_event_that_the_worker_put_aside_is_taken_in_though_its_id_is_known() -> None:
    """Its id was known since it came; it never counted."""
    house = House()
    assert await house.send(EVENT)
    aside = await house.put(encode_entry(EVENT), "fold_failed", taken=True)
    assert (await house.quarantine.retry(aside, CATALOGUE)).status == "accepted"
    assert (await house.quarantine.retry(aside, CATALOGUE)).status == "duplicate"
    assert not await house.send(EVENT)
    assert house.events() == [EVENT, EVENT]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "gone"}, "unknown_event_type"),
        ({"data": {"amount": 1e30}}, "invalid_event"),
        ({"at_ms": NOW_MS + DAY_MS}, "in_the_future"),
        ({"at_ms": NOW_MS - 8 * DAY_MS}, "too_old"),
        ({"record": "account_number:A1"}, "identity_ambiguous"),
    ],
)
async def test_event_that_still_does_not_fit_stays_aside(changes: Mapping[str, Any], reason: str) -> None:
    """With the reason of today."""
    house = House()
    both = encode_customers([CustomerId("C1"), CustomerId("C2")])
    house.state.identities[Identity("account_number", "A1")] = both
    aside = await house.put(encode_entry(changed(EVENT, **changes)))
    retried = await house.quarantine.retry(aside, CATALOGUE)
    assert (retried.status, retried.reason) == ("refused", reason)
    assert (house.events(), await house.aside()) == ([], [aside])


async def test_event_that_waited_longer_than_duplicates_are_known_is_taken_in() -> None:
    """It came in time; what counts is when it was received."""
    house = House()
    old = changed(EVENT, at_ms=NOW_MS - 30 * DAY_MS, received_ms=NOW_MS - 29 * DAY_MS)
    assert (await house.quarantine.retry(await house.put(encode_entry(old)), CATALOGUE)).status == "accepted"
    assert house.events() == [old]


async def test_identity_that_means_one_customer_by_now_leads_there() -> None:
    """Whoever it meant when it came."""
    house = House()
    house.state.identities[Identity("account_number", "A1")] = encode_customers([CustomerId("C0000009")])
    aside = await house.put(encode_entry(changed(EVENT, record="account_number:A1")), "identity_ambiguous")
    assert (await house.quarantine.retry(aside, CATALOGUE)).status == "accepted"
    assert [event.record for event in house.events()] == ["C0000009"]


async def test_message_that_is_an_event_by_now_is_taken_in() -> None:
    """As a topic brought it, once the catalogue knows its type; without a time it happened when it came."""
    house = House()
    aside = await house.put(an_event("e7", type="branch_visit_planned", data={}))
    assert (await house.quarantine.retry(aside, CATALOGUE)).reason == "unknown_event_type"
    name = EventName("branch_visit_planned")
    catalogue = replace(CATALOGUE, events={**CATALOGUE.events, name: EventSpec(name=name)})
    assert (await house.quarantine.retry(aside, catalogue)).status == "accepted"
    assert [(event.id, event.at_ms, event.record) for event in house.events()] == [("e7", NOW_MS, "C0000001")]


async def test_what_is_no_event_can_be_found_and_dropped() -> None:
    """And nothing else in its place."""
    house = House()
    aside = await house.put(b"\xff\x00", "malformed_body")
    assert aside.event is None
    assert await house.quarantine.find(aside.id) == aside
    assert (await house.quarantine.retry(aside, CATALOGUE)).reason == "malformed_body"
    assert await house.quarantine.drop(aside)
    assert not await house.quarantine.drop(aside)
    assert await house.quarantine.find(aside.id) is None


@pytest.mark.parametrize("text", ["", "7", "7:1", "7:1-", "1024:1-0", "x:1-0", "7:1-99999999999999999999", "7:²-0"])
def test_text_that_is_no_id_is_refused(text: str) -> None:
    """A word of the command line."""
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        AsideId.read(text)


def test_id_reads_as_it_is_written() -> None:
    """So that it can be copied."""
    assert str(AsideId.read("17:1763800000000-3")) == "17:1763800000000-3"
