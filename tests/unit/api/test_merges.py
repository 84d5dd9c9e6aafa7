"""/v1/customers/{id}/merges and separation: the routes of merging; what merging does is tested where it is done."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api.adapters.memory import Kept
from api.adapters.records import encode_consent, encode_customers
from api.ports import Identity, StoredRecord, key_of
from api.problems import TYPE_PREFIX
from engine.facts import Consent
from engine.ids import CustomerId
from tests.unit.api.shells import Running, running

ADA, GRACE = "C0000001", "C0000002"


@asynccontextmanager
async def two_customers() -> AsyncIterator[Running]:
    """Two customers, of whom one refuses marketing."""
    async with running() as house:
        for customer, allows in ((ADA, True), (GRACE, False)):
            consent = Consent(version=1, allowed_by_purpose={"marketing": {"web": allows}})
            record = StoredRecord(owner=customer.encode(), consent=encode_consent(consent))
            house.state.keep(key_of(customer), Kept(record))
        yield house


async def merged(house: Running, loser: str = GRACE, winner: str = ADA, **said: str) -> tuple[int, dict[str, Any]]:
    answer = await house.client.post(f"/v1/customers/{winner}/merges", json={"loser": loser} | said)
    return answer.status_code, answer.json()


async def test_two_customers_become_one_under_the_stricter_consent() -> None:
    """Whoever asks for either sees the one who stays."""
    async with two_customers() as house:
        status, merge = await merged(house, by="m.hopper", why="one passport")
        record = house.state.kept(key_of(ADA)).record
        moved_to = house.state.kept(key_of(GRACE)).record.moved_to
    assert status == 200
    assert (merge["loser"], merge["winner"], merge["state"]) == (GRACE, ADA, "merged")
    assert (merge["by"], merge["why"]) == ("m.hopper", "one passport")
    assert record.consent == encode_consent(Consent(version=1, allowed_by_purpose={"marketing": {"web": False}}))
    assert moved_to == ADA.encode()


async def test_the_same_merge_again_is_the_same_merge() -> None:
    """A caller who heard no answer may ask again."""
    async with two_customers() as house:
        first, second = await merged(house), await merged(house)
    assert first == second


async def test_a_separated_record_is_its_own_customer_again_and_both_histories_tell() -> None:
    """Under either id."""
    async with two_customers() as house:
        _, merge = await merged(house)
        answer = await house.client.post(f"/v1/customers/{GRACE}/separation", json={"why": "twins"})
        histories = [(await house.client.get(f"/v1/customers/{each}/merges")).json()["merges"] for each in (ADA, GRACE)]
        moved_to = house.state.kept(key_of(GRACE)).record.moved_to
    assert (answer.json()["merge_id"], answer.json()["state"]) == (merge["merge_id"], "separated")
    assert moved_to is None
    assert [[each["merge_id"] for each in history] for history in histories] == [[merge["merge_id"]]] * 2
    assert [step["state"] for step in histories[1][0]["steps"]] == [
        "begun", "frozen", "merged", "separating", "restored", "separated",
    ]  # fmt: skip


async def test_an_identity_names_whom_it_means() -> None:
    """And one that means two people names nobody."""
    async with two_customers() as house:
        house.state.identities[Identity("cards", "K1")] = encode_customers([CustomerId(GRACE)])
        house.state.identities[Identity("account", "A1")] = encode_customers([CustomerId(ADA), CustomerId(GRACE)])
        refused = await merged(house, "account:A1")
        status, merge = await merged(house, "cards:K1")
    assert (status, merge["loser"]) == (200, GRACE)
    assert refused[0] == 409
    assert refused[1]["detail"] == "the identity means several customers: name one of them"


@pytest.mark.parametrize(
    ("loser", "winner", "status", "kind"),
    [
        (ADA, ADA, 409, "merge_refused"),
        ("C9", ADA, 404, "unknown_customer"),
        (ADA, "C9", 404, "unknown_customer"),
    ],
    ids=["themselves", "nobody ends", "nobody stays"],
)
async def test_what_cannot_be_merged_is_refused_without_naming_anybody(
    loser: str, winner: str, status: int, kind: str
) -> None:
    async with two_customers() as house:
        told = await merged(house, loser, winner)
    assert (told[0], told[1]["type"]) == (status, TYPE_PREFIX + kind)
    assert "C0" not in told[1]["detail"]


async def test_a_record_that_is_merged_into_nobody_cannot_be_separated() -> None:
    async with two_customers() as house:
        answer = await house.client.post(f"/v1/customers/{GRACE}/separation", json={})
    assert (answer.status_code, answer.json()["type"]) == (409, TYPE_PREFIX + "merge_refused")


async def test_a_store_that_is_away_is_told_and_the_merge_goes_on_later() -> None:
    async with two_customers() as house:
        house.state.available = False
        away = await merged(house)
        house.state.available = True
        status, merge = await merged(house)
    assert (away[0], away[1]["type"]) == (503, TYPE_PREFIX + "store_unavailable")
    assert (status, merge["state"]) == (200, "merged")


async def test_a_body_that_does_not_fit_names_the_field() -> None:
    async with two_customers() as house:
        answer = await house.client.post(f"/v1/customers/{ADA}/merges", json={"looser": GRACE})
    assert answer.status_code == 422
    assert {each["pointer"] for each in answer.json()["errors"]} == {"/loser", "/looser"}
