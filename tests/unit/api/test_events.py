"""POST /v1/events: CloudEvents, one or a batch, each in its customer's stream once."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from api.adapters.records import encode_customers
from api.entries import QuarantineEntry, decode_event
from api.ports import Identity, Stream, key_of
from api.problems import TYPE_PREFIX
from engine.ids import CustomerId
from tests.unit.api.shells import Running, running


def an_event(**changes: object) -> dict[str, object]:
    event = {
        "specversion": "1.0",
        "id": "e1",
        "source": "core_banking",
        "type": "mortgage_application",
        "subject": "customer_id:C0000001",
        "data": {"amount": 240_000},
    }
    return event | changes


async def send(house: Running, body: object, kind: str = "application/cloudevents+json") -> httpx.Response:
    return await house.client.post("/v1/events", content=json.dumps(body), headers={"content-type": kind})


async def test_event_lands_in_its_customer_s_stream() -> None:
    """As the source sent it, with the instants of the event and of its receipt."""
    at = datetime.now(UTC) - timedelta(hours=3)
    async with running() as house:
        answer = await send(house, an_event(time=at.isoformat(), datacontenttype="application/json"))
    assert answer.status_code == 202
    assert answer.json() == {"source": "core_banking", "id": "e1", "status": "accepted"}
    (body,) = house.bodies(Stream.EVENTS, key_of("C0000001").partition)
    event = decode_event(body)
    assert (event.record, event.type, event.data) == ("C0000001", "mortgage_application", {"amount": 240_000})
    assert event.at_ms == int(at.timestamp() * 1_000)
    assert event.received_ms > event.at_ms


async def test_event_without_time_happened_when_it_was_received() -> None:
    """CloudEvents leaves the time to the source."""
    async with running() as house:
        await send(house, an_event(), "application/json")
    event = decode_event(house.bodies(Stream.EVENTS)[0])
    assert event.at_ms == event.received_ms


async def test_extension_attributes_are_allowed() -> None:
    """Tracing and partition keys are common; they mean nothing here."""
    async with running() as house:
        answer = await send(house, an_event(traceparent="00-ab-cd-01", partitionkey="7", dataschema="urn:x"))
    assert answer.status_code == 202


async def test_event_counts_once_by_source_and_id() -> None:
    """The same id from another source is another event."""
    async with running() as house:
        answers = [
            await send(house, an_event()),
            await send(house, an_event()),
            await send(house, an_event(source="x")),
        ]
    assert [answer.json()["status"] for answer in answers] == ["accepted", "duplicate", "accepted"]


@pytest.mark.parametrize("kind", ["need_began", "need_ended"])
async def test_report_of_a_need_is_not_taken_from_elsewhere(kind: str) -> None:
    """The event worker alone says when a need begins or ends, or triggers would believe anybody."""
    async with running() as house:
        answer = await send(house, an_event(type=kind, data={"need": "home_ownership"}))
    assert (answer.status_code, "/type" in answer.text) == (422, True)
    assert "what nextbest reports itself" in answer.json()["detail"]
    assert house.bodies(Stream.EVENTS) == []


async def test_subject_may_be_any_identity() -> None:
    """A card, an account, a visitor: known ones lead to their customer, others stand for themselves."""
    async with running() as house:
        house.state.identities[Identity("card_token", "tok:1")] = encode_customers([CustomerId("C0000001")])
        await send(house, an_event(subject="card_token:tok:1"))
        await send(house, an_event(id="e2", subject="web_visitor:v9"))
    records = [decode_event(body).record for body in house.bodies(Stream.EVENTS)]
    assert records == ["C0000001", "web_visitor:v9"]
    assert len(house.bodies(Stream.EVENTS, key_of("web_visitor:v9").partition)) == 1


@pytest.mark.parametrize(
    ("age", "status", "reason"),
    [
        (timedelta(minutes=-4), "accepted", None),
        (timedelta(minutes=-6), "quarantined", "in_the_future"),
        (timedelta(days=6, hours=23), "accepted", None),
        (timedelta(days=7, hours=1), "quarantined", "too_old"),
    ],
)
async def test_event_outside_the_known_span_is_put_aside(age: timedelta, status: str, reason: str | None) -> None:
    """A clock that is wrong moves nothing; what is older than our memory of duplicates may have counted before."""
    at = (datetime.now(UTC) - age).isoformat()
    async with running() as house:
        answer = await send(house, an_event(time=at))
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json().get("reason")) == (status, reason)
    assert len(house.bodies(Stream.EVENTS)) == (status == "accepted")
    for body in house.bodies(Stream.QUARANTINE):
        aside = msgspec.msgpack.decode(body, type=QuarantineEntry)
        assert (aside.reason, decode_event(aside.body).id) == (reason, "e1")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"id": "x" * 10_240}, "invalid_body"),
        ({"subject": "customer_id:" + "9" * 10_240}, "invalid_body"),
        ({"time": "yesterday"}, "invalid_body"),
        ({"time": 1_795_345_459}, "invalid_body"),
        ({"data": [1]}, "invalid_body"),
        ({"type": "gone"}, "unknown_event_type"),
        ({"data": {"amount": 1e30}}, "invalid_event"),
        ({"data": {"amount": 10**40}}, "invalid_event"),
        ({"data": {"amount": {"of": 1}}}, "invalid_event"),
        ({"data": {"amounts": 1}}, "invalid_event"),
    ],
)
async def test_event_that_means_nothing_is_refused_with_the_field(changes: dict[str, object], kind: str) -> None:
    """And leaves nothing behind."""
    async with running() as house:
        answer = await send(house, an_event(**changes))
        good = await send(house, an_event())
    assert (answer.status_code, answer.json()["type"]) == (422, TYPE_PREFIX + kind)
    assert answer.json()["errors"][0]["pointer"]
    assert good.json()["status"] == "accepted"
    assert len(house.bodies(Stream.EVENTS)) == 1
    assert house.bodies(Stream.QUARANTINE) == []


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("1900-01-01T00:00:00Z", "too_old"),
        ("0001-01-01T00:00:00+14:00", "too_old"),
        ("2200-01-01T00:00:00Z", "in_the_future"),
        ("9999-12-31T23:59:59-14:00", "in_the_future"),
    ],
)
async def test_event_of_another_century_is_put_aside(time: str, reason: str) -> None:
    """A source without a clock."""
    async with running() as house:
        answer = await send(house, an_event(time=time))
    assert (answer.status_code, answer.json()["reason"]) == (202, reason)
    assert house.bodies(Stream.EVENTS) == []


async def test_event_of_a_joint_account_is_put_aside() -> None:
    """It would have to be guessed whose it is."""
    async with running() as house:
        both = encode_customers([CustomerId("C1"), CustomerId("C2")])
        house.state.identities[Identity("account_number", "A1")] = both
        answer = await send(house, an_event(subject="account_number:A1"))
    assert answer.json()["reason"] == "identity_ambiguous"
    assert house.bodies(Stream.EVENTS) == []


async def test_batch_is_answered_part_by_part() -> None:
    """One bad event does not lose the good ones; each customer's go to their own stream."""
    batch = [
        an_event(),
        an_event(id="e2", type="gone"),
        an_event(id="e3", subject="customer_id:C0000002"),
        "not an event",
        an_event(),
        an_event(id="e4", data={"amount": "much"}),
    ]
    async with running() as house:
        answer = await send(house, batch, "application/cloudevents-batch+json")
    results = answer.json()["results"]
    assert answer.status_code == 202
    assert [each["status"] for each in results] == [
        "accepted",
        "refused",
        "accepted",
        "refused",
        "duplicate",
        "refused",
    ]
    assert results[5]["problem"]["errors"][0]["pointer"] == "/data/amount"
    assert house.metrics.events.values == {
        ("mortgage_application", "accepted"): 2,
        ("mortgage_application", "duplicate"): 1,
    }


async def test_store_that_is_away_means_nothing_was_acknowledged() -> None:
    """The source keeps the event and sends it again."""
    async with running() as house:
        house.state.available = False
        answers = [await send(house, an_event()), await send(house, [an_event()])]
    assert [answer.json()["type"] for answer in answers] == [TYPE_PREFIX + "store_unavailable"] * 2


async def test_full_store_takes_no_events() -> None:
    """The source keeps them, and is told when to come back."""
    async with running() as house:
        house.watch.full = True
        answer = await send(house, an_event())
    assert (answer.status_code, answer.json()["type"]) == (503, TYPE_PREFIX + "overloaded")
    assert answer.headers["retry-after"] == "1"
