"""The hot route: what reaches the service, what comes back, and who is turned away under load."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from time import monotonic
from typing import Any, Final

import httpx
import msgspec
import pytest

from api.asgi import ARRIVED_AT, Message
from api.problems import TYPE_PREFIX, Problem
from api.schemas import Choice, DecisionRequest, IdentityBody, PlacementBody
from tests.unit.api.shells import ANY_KEY, Running, running

ASK = {
    "identity": {"scheme": "card_token", "value": "tok_9f2"},
    "channel": "atm",
    "placements": [{"id": "idle_screen", "item_count": 1}],
}
HEADERS: Final = ((b"authorization", b"Bearer " + ANY_KEY.encode()), (b"content-type", b"application/json"))


async def ask(house: Running, **changes: object) -> httpx.Response:
    return await house.client.post("/v1/decisions", json=ASK | changes)


async def test_whole_contract_reaches_the_service() -> None:
    """Every field of the wire contract arrives as it was sent."""
    async with running() as house:
        answer = await ask(
            house,
            moment="card_inserted",
            context={"cash_requested": 200, "locale": "en-GB"},
            request_id="8d1c",
            session_id="s1",
            budget_ms=50,
            only={"groups": ["insurance"]},
            exclude={"actions": ["life_cover"]},
            prefetch=True,
            detail="all",
        )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert house.service.decided == [
        DecisionRequest(
            identity=IdentityBody(scheme="card_token", value="tok_9f2"),
            channel="atm",
            placements=(PlacementBody(id="idle_screen", item_count=1),),
            moment="card_inserted",
            context={"cash_requested": 200, "locale": "en-GB"},
            request_id="8d1c",
            session_id="s1",
            budget_ms=50,
            only=Choice(groups=("insurance",)),
            exclude=Choice(actions=("life_cover",)),
            prefetch=True,
            detail="all",
        )
    ]


async def test_answer_is_the_service_s_bytes() -> None:
    """Nothing is encoded twice."""
    async with running() as house:
        answer = await ask(house)
    assert answer.content == msgspec.json.encode({"asked": house.service.decided[0]})


async def test_identity_may_be_a_list_strongest_first() -> None:
    """A web page may know a visitor and a customer."""
    pair = [{"scheme": "customer_id", "value": "C1"}, {"scheme": "web_visitor", "value": "v1"}]
    async with running() as house:
        await ask(house, identity=pair)
        await ask(house)
    assert [[one.scheme for one in request.identities] for request in house.service.decided] == [
        ["customer_id", "web_visitor"],
        ["card_token"],
    ]


async def test_wishes_may_name_what_the_bundle_no_longer_has() -> None:
    """A screen does not go dark because a marketer deleted an action that it excludes."""
    async with running() as house:
        answer = await ask(house, exclude={"actions": ["gone"]}, only={"groups": ["gone"]})
    assert answer.status_code == 200


async def test_body_may_come_in_pieces() -> None:
    """Some clients send the head and the body apart, or the body in chunks."""

    async def pieces() -> AsyncIterator[bytes]:
        whole = msgspec.json.encode(ASK)
        yield whole[:20]
        yield whole[20:]

    async with running() as house:
        answer = await house.client.post(
            "/v1/decisions", content=pieces(), headers={"content-type": "application/json; charset=utf-8"}
        )
    assert answer.status_code == 200


async def test_chunked_body_over_the_limit_is_refused() -> None:
    """A length that nobody declared is counted as it comes."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1_024

    async with running() as house:
        answer = await house.client.post(
            "/v1/decisions", content=pieces(), headers={"content-type": "application/json"}
        )
    assert answer.status_code == 413


async def test_budget_runs_from_the_arrival_of_the_bytes() -> None:
    """Time in the queue is the customer's time too."""
    async with running(max_queueing_ms=60_000) as house:
        arrived = monotonic() - 0.005
        sent = await converse(house, arrived, msgspec.json.encode(ASK))
    assert house.service.arrivals == [arrived]
    assert sent[0]["status"] == 200


async def test_request_that_waited_too_long_gets_the_fallback() -> None:
    """There is no time left for it, so it costs no more than its fallback."""
    async with running() as house:
        sent = await converse(house, monotonic() - 1.0, msgspec.json.encode(ASK))
    assert house.service.decided == []
    assert msgspec.json.decode(sent[1]["body"])["degraded"] == ["overload"]


async def test_more_than_fits_gets_the_fallback_at_once() -> None:
    """With the limit in flight, the next request is answered without waiting for any of them."""
    async with running(max_in_flight=2) as house:
        house.service.gate = asyncio.Event()
        waiting = [asyncio.ensure_future(ask(house)) for _ in range(2)]
        for _ in waiting:
            await house.service.reached.get()
        shed = await ask(house)
        house.service.gate.set()
        answers = await asyncio.gather(*waiting)
        after = await ask(house)
    assert shed.json()["degraded"] == ["overload"]
    assert ["degraded" in answer.json() for answer in (*answers, after)] == [False, False, False]


async def test_full_store_gets_no_decision_to_keep() -> None:
    """The room that is left is for what was acknowledged."""
    async with running() as house:
        house.watch.full = True
        answer = await ask(house)
    assert answer.json()["degraded"] == ["overload"]


async def test_bug_is_a_problem_and_its_message_stays_out_of_answer_and_log(caplog: pytest.LogCaptureFixture) -> None:
    """An exception may quote a customer's data; its kind and place are enough to find it."""
    async with running() as house:
        house.service.error = KeyError("Mrs Smith, 12 High Street")
        with caplog.at_level(logging.ERROR):
            answer = await ask(house)
    assert (answer.status_code, answer.json()["type"]) == (500, TYPE_PREFIX + "internal")
    assert "KeyError" in caplog.text
    assert "Smith" not in caplog.text + answer.text


@pytest.mark.parametrize("way", ["the lane", "the application"])
async def test_bug_in_telling_who_calls_is_a_problem_too(way: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whichever way the request came, its connection goes on."""
    no_bytes: list[Any] = [(b"authorization", 5), (b"content-type", b"application/json")]
    async with running() as house:
        door = house.app.door
        assert door is not None
        with caplog.at_level(logging.ERROR):
            if way == "the lane":
                answer = door.at_once(no_bytes, b"{}", monotonic())
                status = answer.status if isinstance(answer, Problem) else None
            else:
                status = (await converse(house, monotonic(), b"{}", no_bytes))[0]["status"]
    assert status == 500
    assert "TypeError" in caplog.text


async def test_caller_who_hangs_up_is_not_answered() -> None:
    """Half a request is no request."""
    async with running() as house:
        assert await converse(house, monotonic(), None) == []
    assert house.service.decided == []


async def test_answers_and_refusals_are_counted() -> None:
    """By channel, and by problem type."""
    async with running() as house:
        await ask(house)
        await ask(house, channel="kiosk")
    assert [sum(row[:-1]) for row in house.metrics.decision_seconds.values.values()] == [1]
    assert house.metrics.problems.values == {("decisions", "unknown_channel"): 1}


async def converse(
    house: Running, arrived: float, body: bytes | None, headers: Sequence[Any] = HEADERS
) -> list[Message]:
    """Speak ASGI to the application; no body means that the caller hangs up."""
    sent: list[Message] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/decisions",
        "headers": headers,
        ARRIVED_AT: arrived,
    }

    async def receive() -> Message:
        if body is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await house.app(scope, receive, send)
    return sent
