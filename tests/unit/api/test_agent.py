"""/agent: calls wait for one agent each, come back when nobody answered, and their answers are outcomes."""

import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from api.access.callers import Caller
from api.access.keyring import Keyring
from api.access.roles import Role
from api.ports import Stream, key_of
from api.ports.orders import HoldState, HoldWish
from tests.unit.api.shells import Running, a_keyring, an_offer
from tests.unit.api.staff import CUSTOMER, cards, field, staffed

BOB = {"authorization": "Bearer nbk_bob"}


def two_agents() -> Keyring:
    """Anybody's key, and Bob's."""
    return a_keyring(nbk_bob=Caller(name="key:bob", roles=frozenset({Role.AGENT})))


async def asks_to_be_called(house: Running, call: str = "call-1", **changes: object) -> None:
    """Somebody pressed `call me` under a web banner for home insurance."""
    asked = {
        "callback_id": call,
        "identity": {"scheme": "customer_id", "value": CUSTOMER},
        "channel": "web",
        "tracking_token": house.tokens.mint(an_offer(action="isa", channel=1)),
        "page": "/savings",
        "phone_number": "020 7946 0123",
    }
    answer = await house.client.post("/v1/callbacks", json=asked | changes)
    assert answer.status_code == 202


async def shown(house: Running, address: str = "/agent", **how: Any) -> str:
    page = await house.client.get(address, **how)
    assert page.status_code == 200
    return unescape(page.text)


async def taken(house: Running, **how: Any) -> str:
    """Take the next call; its address."""
    answer = await house.client.post("/agent/take", data={}, **how)
    assert answer.status_code == 303
    return str(answer.headers["location"])


def fields_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


async def test_call_waits_with_its_context(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        await asks_to_be_called(house)
        queue = await shown(house)
        assert "One call to make" in queue
        assert "Cash ISA" in queue
        assert "020 7946 0123" not in queue
        call = await shown(house, await taken(house))
    assert 'href="tel:02079460123"' in call
    assert "/savings" in call
    assert '<span class="quiet">Age</span> 41' in call


async def test_card_is_about_what_they_asked_for(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        await asks_to_be_called(house)
        call = await shown(house, await taken(house))
    assert cards(call)[0] == "Cash ISA"
    assert len(cards(call)) == 2


async def test_call_is_taken_by_one_agent_alone(tmp_path: Path) -> None:
    async with staffed(tmp_path, keyring=two_agents()) as house:
        await asks_to_be_called(house)
        mine = await taken(house)
        assert await taken(house, headers=BOB) == "/agent?gone=1"
        again = await house.client.post("/agent/take", data=fields_of(mine), headers=BOB)
        assert again.headers["location"] == "/agent?gone=1"
        assert (await house.client.get(mine, headers=BOB)).headers["location"] == "/agent?gone=1"
        assert "A colleague is on it" in await shown(house, headers=BOB)
        assert "Go on" in await shown(house)


async def test_call_of_an_agent_whose_screen_has_gone_is_free_again(tmp_path: Path) -> None:
    async with staffed(tmp_path, keyring=two_agents()) as house:
        await asks_to_be_called(house)
        mine = await taken(house)
        now_ms = house.state.now_ms()
        over = HoldWish(now_ms + 10_000, "call-1", "key:any", now_ms - 1)
        held = await house.app.state.shell.orders.hold(key_of(CUSTOMER), over, deadline=0.0)
        assert held.state is HoldState.HELD
        assert await taken(house, headers=BOB) == mine
        kept = await house.client.post("/agent/keep", data=fields_of(mine))
    assert kept.status_code == 409


async def test_open_screen_keeps_the_call(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        await asks_to_be_called(house)
        kept = await house.client.post("/agent/keep", data=fields_of(await taken(house)))
    assert kept.status_code == 204


@pytest.mark.parametrize(("how", "note"), [("reached", "reached"), ("given_up", "not_reached")])
async def test_call_that_is_over_leaves_the_queue_and_its_end_is_kept(tmp_path: Path, how: str, note: str) -> None:
    async with staffed(tmp_path) as house:
        await asks_to_be_called(house)
        mine = await taken(house)
        ended = await house.client.post("/agent/end", data=fields_of(mine) | {"how": how})
        assert ended.headers["location"] == "/agent"
        assert "Nobody wants to be called." in await shown(house)
        (order,) = (await house.client.get(f"/v1/orders?record={CUSTOMER}")).json()["orders"]
        assert order["note"] == note
        again = await house.client.post("/agent/end", data=fields_of(mine) | {"how": how})
    assert again.headers["location"] == "/agent?gone=1"


async def test_who_did_not_answer_is_called_again_later_and_the_attempt_counts(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        await asks_to_be_called(house)
        mine = await taken(house)
        await house.client.post("/agent/end", data=fields_of(mine) | {"how": "hour"})
        queue = await shown(house)
        assert "0 calls to make" in queue
        assert "Not before" in queue
        assert "tried once" in queue
        assert await taken(house) == "/agent?gone=1"
        assert len(house.bodies(Stream.FULFILMENT)) == 1


async def test_call_that_somebody_wants_later_waits_until_then(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        await asks_to_be_called(house, call_after="2100-01-01T10:00:00Z")
        assert "Not before 1 Jan 2100, 10:00" in await shown(house)
        assert await taken(house) == "/agent?gone=1"


async def test_answer_on_the_phone_is_an_outcome_of_the_decision(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        await asks_to_be_called(house)
        mine = await taken(house)
        page = await shown(house, mine)
        card = {name: field(page, name) for name in ("token", "answer_id")} | fields_of(mine)
        told = await house.client.post("/agent/answers", data=card | {"reason": "not_interested"})
        assert told.headers["location"] == mine
        after = await shown(house, mine)
        assert "Cash ISA" not in cards(after)
        assert "declined: Not interested" in after
        assert house.metrics.outcomes.values["decline", "recorded"] == 1


async def test_somebody_whom_the_bank_does_not_know_can_be_called(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        visitor: dict[str, Any] = {"identity": {"scheme": "web_visitor", "value": "<b>v</b>"}, "tracking_token": None}
        await asks_to_be_called(house, **visitor)
        page = await house.client.get(await taken(house))
    assert "The bank does not know this person yet." in page.text
    assert "<b>v" not in page.text
    assert 'href="tel:' in page.text


async def test_end_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        await asks_to_be_called(house)
        ended = await house.client.post("/agent/end", data=fields_of(await taken(house)) | {"how": "somehow"})
    assert ended.status_code == 422


async def test_next_call_is_the_one_that_waits_longest(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        await asks_to_be_called(house, "call-b")
        asked_ms = house.state.now_ms()
        while house.state.now_ms() == asked_ms:  # of one millisecond, the ids decide
            await house.client.get("/livez")
        await asks_to_be_called(house, "call-a")
        assert fields_of(await taken(house))["order"] == "call-b"
        queue = await shown(house)
    assert len(re.findall('class="card call ', queue)) == 2
