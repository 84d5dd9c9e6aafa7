"""What a customer lives through, over HTTP, on a real store: events, offers, answers, consent, calls."""

import asyncio
import json
from typing import Any

import pytest

from api.ports import PARTITIONS, Stream
from tests.integration.api.installations import Installation, options, until


async def offered(house: Installation, **changes: Any) -> bool:
    return options(await house.ask(**changes)) == ["home_insurance"]


async def test_mortgage_applicant_is_shown_home_insurance_at_the_next_machine(house: Installation) -> None:
    """The classic case: an event arrives, the worker folds it, and the next card inserted shows what fits."""
    assert not await offered(house)
    async with house.working():
        assert (await house.tell("mortgage_application", data={"amount": 240_000})).status_code == 202
        await until(lambda: offered(house), "the event does not reach the decision")
    assert not await offered(house, customer="C0000002")


async def test_declined_on_one_channel_is_known_on_all_others_at_once(house: Installation) -> None:
    """The decline is acknowledged once it binds."""
    async with house.working():
        await house.tell("mortgage_application", data={"amount": 240_000})
        await until(lambda: offered(house), "the event does not reach the decision")
    hero: dict[str, Any] = {"channel": "web", "moment": "session_started", "placements": [{"id": "hero"}]}
    decision = await house.ask(**hero)
    assert options(decision) == ["home_insurance"]
    token = decision["propositions"][0]["options"][0]["tracking_token"]
    outcome = {
        "outcome_id": "o1",
        "tracking_token": token,
        "outcome": "decline",
        "reason": "not_interested",
        "occurred_at": decision["decided_at"],
    }
    answers = [await house.client.post("/v1/outcomes", json=outcome) for _ in range(2)]
    assert [answer.json()["status"] for answer in answers] == ["recorded", "duplicate"]
    assert not await offered(house)
    view = (await house.client.get("/v1/customers/C0000001")).json()
    assert (bool(view["opportunities"]), view["degraded"]) == (True, [])
    assert {(each["action"], each["channel"], each["state"]) for each in view["contacts"]} >= {
        ("home_insurance", "web", "declined")
    }
    explained = await house.client.post(
        "/v1/explanations",
        json={
            "identity": {"scheme": "customer_id", "value": "C0000001"},
            "channel": "atm",
            "moment": "card_inserted",
            "placements": [{"id": "idle_screen"}],
        },
    )
    rejected = {each["action"]: each["stage"] for each in explained.json()["rejected"]}
    assert rejected["home_insurance"] == "cooling_off"


async def test_withdrawn_consent_binds_the_next_decision(house: Installation) -> None:
    """On every channel, at once."""
    async with house.working():
        await house.tell("mortgage_application", data={"amount": 240_000})
        await until(lambda: offered(house), "the event does not reach the decision")
    answer = await house.client.put(
        "/v1/customers/C0000001/consent", json={"version": 2, "purposes": {"marketing": {"atm": False}}}
    )
    assert answer.json() == {"status": "applied", "version": 2}
    assert not await offered(house)


async def test_accept_places_one_order_however_often_it_is_sent(house: Installation) -> None:
    """The back office finds it once."""
    async with house.working():
        await house.tell("mortgage_application", data={"amount": 240_000})
        await until(lambda: offered(house), "the event does not reach the decision")
    decision = await house.ask()
    token = decision["propositions"][0]["options"][0]["tracking_token"]
    accept = {"tracking_token": token, "outcome": "accept", "occurred_at": decision["decided_at"]}
    answers = await asyncio.gather(
        *(house.client.post("/v1/outcomes", json=accept | {"outcome_id": name}) for name in ("a", "a", "b"))
    )
    assert sum(answer.json()["ordered"] for answer in answers) == 1
    (order,) = [json.loads(body) for body in await bodies(house, Stream.FULFILMENT)]
    assert (order["kind"], order["record"], order["gives"]) == ("offer", "C0000001", "home_insurance")
    report = {"order_id": order["order_id"], "record": order["record"], "status": "completed", "note": "policy sent"}
    assert (await house.client.post("/v1/orders/status", json=report)).json()["acknowledged"]
    view = (await house.client.get("/v1/customers/C0000001")).json()
    assert [(each["action"], each["status"], each["note"]) for each in view["orders"]] == [
        ("home_insurance", "completed", "policy sent")
    ]
    assert await bodies(house, Stream.FULFILMENT) == []


async def test_same_request_id_gives_the_same_answer(house: Installation) -> None:
    """And with another body it is refused."""
    first = await house.ask(request_id="r1")
    again = await house.ask(request_id="r1")
    del first["timings_us"], again["timings_us"]
    assert first == again
    question = {
        "identity": {"scheme": "card_token", "value": "tok_C0000001"},
        "channel": "atm",
        "placements": [{"id": "receipt"}],
        "request_id": "r1",
    }
    answer = await house.client.post("/v1/decisions", json=question)
    assert answer.json()["type"] == "urn:nextbest:problem:request_id_reused"


async def test_past_decision_is_replayed_with_its_reasons(house: Installation) -> None:
    """A year later the answer to `why` is the same."""
    decision = await house.ask()
    replayed = (await house.client.post("/v1/explanations", json={"decision_id": decision["decision_id"]})).json()
    assert replayed["decided_at"] == decision["decided_at"]
    assert options(replayed) == options(decision)
    assert replayed["rejected"]


@pytest.mark.parametrize("times", [1, 5])
async def test_event_counts_once_however_often_it_is_sent(house: Installation, times: int) -> None:
    """Sources repeat themselves; two at a time, too."""
    answers = await asyncio.gather(*(house.tell("branch_visit") for _ in range(times)))
    assert sorted(answer.json()["status"] for answer in answers) == ["accepted", *["duplicate"] * (times - 1)]
    assert len(await bodies(house, Stream.EVENTS)) == 1


async def test_callback_waits_in_the_agents_queue(house: Installation) -> None:
    """Once."""
    call_me = {
        "callback_id": "b1",
        "identity": {"scheme": "card_token", "value": "tok_C0000001"},
        "channel": "web",
        "page": "mortgages",
    }
    for _ in range(2):
        assert (await house.client.post("/v1/callbacks", json=call_me)).status_code == 202
    (order,) = [json.loads(body) for body in await bodies(house, Stream.FULFILMENT)]
    assert (order["kind"], order["record"], order["page"]) == ("callback", "C0000001", "mortgages")


async def bodies(house: Installation, stream: Stream) -> list[bytes]:
    """Everything in a stream."""
    found = await house.stores.journal.read(stream, dict.fromkeys(range(PARTITIONS), "0-0"), count=100)
    return [entry.body for entries in found.values() for entry in entries]
