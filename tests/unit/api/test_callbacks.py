"""POST /v1/callbacks: who wants to be called, and about what, once."""

import json

from api.ports import Stream, key_of
from api.problems import TYPE_PREFIX
from tests.unit.api.shells import an_offer, running

CALL_ME = {"callback_id": "b1", "identity": {"scheme": "customer_id", "value": "C0000001"}, "channel": "web"}


async def test_callback_goes_to_the_agents_queue_with_what_was_looked_at() -> None:
    """The agent need not ask everything again."""
    async with running() as house:
        asked = CALL_ME | {
            "tracking_token": house.tokens.mint(an_offer()),
            "page": "mortgages",
            "phone_number": "020 7946 0123",
            "call_after": "2026-11-21T16:00:00+00:00",
        }
        answer = await house.client.post("/v1/callbacks", json=asked)
    assert answer.status_code == 202
    assert answer.json() == {"callback_id": "b1", "status": "queued"}
    (body,) = house.bodies(Stream.FULFILMENT, key_of("C0000001").partition)
    order = json.loads(body)
    assert order.pop("placed_at_ms") > 0
    assert order == {
        "order_id": "b1",
        "kind": "callback",
        "record": "C0000001",
        "channel": "web",
        "decision_id": an_offer().decision_id,
        "action": "home_insurance",
        "treatment": "home_insurance",
        "page": "mortgages",
        "phone_number": "020 7946 0123",
        "call_after_ms": 1_795_276_800_000,
    }


async def test_callback_sent_again_is_one_call() -> None:
    """A customer who clicks twice is called once."""
    async with running() as house:
        answers = [await house.client.post("/v1/callbacks", json=CALL_ME) for _ in range(2)]
    assert [answer.json()["status"] for answer in answers] == ["queued", "duplicate"]
    assert len(house.bodies(Stream.FULFILMENT)) == 1


async def test_visitor_whom_we_do_not_know_can_be_called() -> None:
    """The record is their own identity."""
    async with running() as house:
        await house.client.post("/v1/callbacks", json=CALL_ME | {"identity": {"scheme": "phone", "value": "+44"}})
    assert json.loads(house.bodies(Stream.FULFILMENT)[0])["record"] == "phone:+44"


async def test_what_is_no_phone_number_is_refused() -> None:
    """An agent is shown a number, never a text that somebody made up."""
    async with running() as house:
        answer = await house.client.post("/v1/callbacks", json=CALL_ME | {"phone_number": "<b>020</b>"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/phone_number"
    assert house.bodies(Stream.FULFILMENT) == []


async def test_store_that_is_away_is_said() -> None:
    """A call that nobody will make is not promised."""
    async with running() as house:
        house.state.available = False
        answer = await house.client.post("/v1/callbacks", json=CALL_ME)
    assert answer.json()["type"] == TYPE_PREFIX + "store_unavailable"
