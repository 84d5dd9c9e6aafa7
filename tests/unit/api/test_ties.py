"""/v1/groups/{group}/members and /v1/customers/{id}/relations: what ties customers to groups and to each other."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from api.adapters.memory import Kept
from api.ports import StoredRecord, key_of
from api.problems import TYPE_PREFIX
from api.ties import FIXED, Membership, decode_memberships, encode_memberships
from tests.unit.api.shells import Running, running

ADA, GRACE = "C0000001", "C0000002"
MEMBERS = "/v1/groups/staff/members"
RELATIONS = f"/v1/customers/{ADA}/relations"
FIRST_OF_JUNE_S, FIRST_OF_JULY_S = 1_780_268_400, 1_782_860_400
"""In London, an hour ahead."""


@asynccontextmanager
async def two_customers() -> AsyncIterator[Running]:
    async with running() as house:
        for customer in (ADA, GRACE):
            house.state.keep(key_of(customer), Kept(StoredRecord(owner=customer.encode())))
        yield house


def held(house: Running, customer: str = ADA) -> tuple[Membership, ...]:
    return decode_memberships(house.state.kept(key_of(customer)).record.ties)


async def test_a_customer_is_put_into_a_group_for_whole_days_of_the_bank() -> None:
    async with two_customers() as house:
        body = {"customer": ADA, "start": "2026-06-01", "end": "2026-06-30"}
        answer = await house.client.post(MEMBERS, json=body)
        assert held(house) == (Membership("staff", FIRST_OF_JUNE_S, FIRST_OF_JULY_S, FIXED),)
    assert (answer.status_code, answer.json()) == (200, {"customer": ADA, "status": "stored"})


async def test_without_a_start_it_begins_today() -> None:
    async with two_customers() as house:
        await house.client.post(MEMBERS, json={"customer": ADA})
        (membership,) = held(house)
    assert membership.runs(int(time.time()))
    assert time.time() - membership.start_s <= 90_000


async def test_of_a_batch_each_part_is_answered() -> None:
    """Nobody is kept out because of somebody else."""
    async with two_customers() as house:
        batch = [{"customer": ADA}, {"customer": "C9"}, {"customer": GRACE, "start": "1.6.2026"}, {"customer": GRACE}]
        answer = await house.client.post(MEMBERS, json=batch)
        assert [len(held(house, each)) for each in (ADA, GRACE)] == [1, 1]
    results = answer.json()["results"]
    assert [each["status"] for each in results] == ["stored", "refused", "refused", "stored"]
    assert results[1]["problem"]["type"] == TYPE_PREFIX + "unknown_customer"
    assert results[2]["problem"]["errors"][0]["pointer"] == "/start"


async def test_who_leaves_is_out_at_once_and_only_of_what_a_person_said() -> None:
    async with two_customers() as house:
        record = StoredRecord(
            owner=ADA.encode(),
            ties=encode_memberships([Membership("staff", 1), Membership("staff", 1, None, "needs.insider")]),
        )
        house.state.keep(key_of(ADA), Kept(record))
        answer = await house.client.delete(f"{MEMBERS}/{ADA}")
        assert [(each.by, each.end_s is None) for each in held(house)] == [("fixed", False), ("needs.insider", True)]
    assert answer.json() == {"customer": ADA, "status": "ended"}


@pytest.mark.parametrize(
    ("address", "body", "status", "kind"),
    [
        ("/v1/groups/club/members", {"customer": ADA}, 404, "unknown_customer_group"),
        (MEMBERS, {"customer": "C9"}, 404, "unknown_customer"),
        (MEMBERS, {"customer": ADA, "start": "2026-06-02", "end": "2026-06-01"}, 422, "invalid_body"),
        (MEMBERS, {"customer": ADA, "end": "2001-01-01"}, 422, "invalid_body"),
        (MEMBERS, {"customer": ADA, "member": True}, 422, "invalid_body"),
        ("/v1/customers/C9/relations", {"kind": "spouse", "to": GRACE}, 404, "unknown_customer"),
        (RELATIONS, {"kind": "spouse", "to": ADA}, 422, "invalid_body"),
        (RELATIONS, {"kind": "Frau von", "to": GRACE}, 422, "invalid_body"),
        (RELATIONS, {"kind": "spouse", "to": GRACE, "start": "2026-06-02", "end": "2026-06-01"}, 422, "invalid_body"),
    ],
)
async def test_what_cannot_be_is_a_problem(address: str, body: dict[str, object], status: int, kind: str) -> None:
    async with two_customers() as house:
        answer = await house.client.post(address, json=body)
        assert held(house) == ()
    assert (answer.status_code, answer.json()["type"]) == (status, TYPE_PREFIX + kind)


async def test_whom_nobody_knows_cannot_leave() -> None:
    async with two_customers() as house:
        answers = [
            await house.client.delete(f"{group}/members/C9") for group in ("/v1/groups/staff", "/v1/groups/club")
        ]
    assert [each.json()["type"].removeprefix(TYPE_PREFIX) for each in answers] == [
        "unknown_customer",
        "unknown_customer_group",
    ]


async def test_a_store_that_is_away_is_told() -> None:
    async with two_customers() as house:
        house.state.available = False
        answers = [
            await house.client.post(MEMBERS, json={"customer": ADA}),
            await house.client.delete(f"{MEMBERS}/{ADA}"),
            await house.client.post(RELATIONS, json={"kind": "spouse", "to": GRACE}),
        ]
    assert [each.json()["type"] for each in answers] == [TYPE_PREFIX + "store_unavailable"] * 3


async def test_a_relation_shows_in_the_view_and_may_be_over() -> None:
    """Stored again it replaces the one of the same kind to the same."""
    async with two_customers() as house:
        house.service.explained = b""
        batch = [{"kind": "spouse", "to": GRACE}, {"kind": "spouse", "to": ADA}]
        answer = await house.client.post(RELATIONS, json=batch)
        await house.client.post(RELATIONS, json={"kind": "spouse", "to": GRACE, "end": "2026-06-30"})
        kept = await house.relations.relations_of(key_of(ADA), deadline=0)
    assert [each["status"] for each in answer.json()["results"]] == ["stored", "refused"]
    assert [(each.kind, each.to, str(each.end)) for each in kept] == [("spouse", GRACE, "2026-06-30")]
