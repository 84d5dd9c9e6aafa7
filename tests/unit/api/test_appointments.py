"""Appointments: which times are offered, and that only those are taken, by offers that lead to them."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.appointments import is_offered, offered_times
from api.ports import Stream
from tests.unit.api.shells import Running, an_offer, running

LONDON = ZoneInfo("Europe/London")
TIMES = "14:30,10:00"
FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_next_three_working_days_are_offered_earliest_first() -> None:
    assert [f"{at:%a %d %H:%M}" for at in offered_times(LONDON, TIMES, FRIDAY)] == [
        "Mon 23 10:00",
        "Mon 23 14:30",
        "Tue 24 10:00",
        "Tue 24 14:30",
        "Wed 25 10:00",
        "Wed 25 14:30",
    ]


def test_times_are_the_banks_own_across_the_change_of_the_clocks() -> None:
    before = datetime(2026, 3, 26, 12, tzinfo=UTC)
    assert [f"{at:%a %H:%M}" for at in offered_times(LONDON, "10:00", before)] == [
        "Fri 10:00",
        "Mon 09:00",
        "Tue 09:00",
    ]


def test_times_that_are_full_make_room_for_later_ones() -> None:
    monday, wednesday = (datetime(2026, 11, day, 10, tzinfo=UTC) for day in (23, 25))
    found = offered_times(LONDON, "10:00", FRIDAY, {monday, wednesday})
    assert [f"{at:%a %d}" for at in found] == ["Tue 24", "Thu 26", "Fri 27"]


def test_nothing_further_ahead_than_two_weeks_is_offered() -> None:
    every_day = {FRIDAY + timedelta(days=ahead, hours=-2) for ahead in range(1, 100)}
    assert offered_times(LONDON, "10:00", FRIDAY, every_day) == ()


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        (datetime(2026, 11, 23, 10, tzinfo=UTC), True),
        (datetime(2026, 11, 23, 10, 5, tzinfo=UTC), False),
        (datetime(2026, 11, 21, 10, tzinfo=UTC), False),
        (datetime(2026, 11, 20, 10, tzinfo=UTC), False),
        (datetime(2027, 11, 22, 10, tzinfo=UTC), False),
    ],
)
def test_only_a_time_of_a_working_day_soon_is_taken(at: datetime, taken: bool) -> None:
    assert is_offered(LONDON, TIMES, at, FRIDAY) is taken


def accepting(house: Running, decision: str = "0100-01a0c3-aa55", /, **more: Any) -> dict[str, object]:
    """An accept of the mortgage that leads to an appointment."""
    offer = an_offer(
        action="mortgage_in_principle", treatment="mortgage_in_principle/atm.idle_screen", decision_id=decision
    )
    token = house.tokens.mint(offer)
    return {
        "outcome_id": "o1",
        "tracking_token": token,
        "outcome": "accept",
        "occurred_at": datetime.now(UTC).isoformat(),
        **more,
    }


async def test_accept_with_a_time_is_an_order_with_the_appointment() -> None:
    async with running() as house:
        (at, *_) = (await house.client.get("/v1/appointments")).json()["slots"]
        body = accepting(house, appointment_at=at, branch="high_street")
        answers = [(await house.client.post("/v1/outcomes", json=body)).status_code for _ in range(2)]
        orders = (await house.client.get("/v1/orders")).json()["orders"]
    assert answers == [202, 202]
    (body_of_order,) = house.bodies(Stream.FULFILMENT)
    assert json.loads(body_of_order)["leads_to"] == {"branch": "appointment"}
    (order,) = orders
    assert (order["appointment_at"], order["branch"], order["action"]) == (at, "high_street", "mortgage_in_principle")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"appointment_at": "2026-11-22T03:17:00Z"}, "no branch has time then"),
        ({"outcome": "click", "branch": "high_street"}, "only an accept has an appointment"),
        ({"branch": "<b>"}, "pattern"),
    ],
)
async def test_what_no_branch_can_keep_is_refused(changes: dict[str, object], why: str) -> None:
    async with running() as house:
        answer = await house.client.post("/v1/outcomes", json=accepting(house, **changes))
        assert house.bodies(Stream.FULFILMENT) == []
    assert answer.status_code == 422
    assert why in answer.text


async def test_offer_that_leads_nowhere_takes_no_time() -> None:
    async with running() as house:
        (at, *_) = (await house.client.get("/v1/appointments")).json()["slots"]
        token = house.tokens.mint(an_offer())
        answer = await house.client.post("/v1/outcomes", json=accepting(house, appointment_at=at, tracking_token=token))
    assert answer.status_code == 422
    assert "leads to no appointment" in answer.text


async def first_time(house: Running, branch: str = "high_street") -> str:
    answer = await house.client.get("/v1/appointments", params={"branch": branch})
    return str(answer.json()["slots"][0])


async def test_of_two_customers_who_want_one_time_one_gets_it_and_the_other_is_told() -> None:
    async with running() as house:
        at = await first_time(house)
        bodies = [accepting(house, f"decision-{number}", appointment_at=at, branch="high_street") for number in "12"]
        answers = await asyncio.gather(*(house.client.post("/v1/outcomes", json=body) for body in bodies))
        left = await first_time(house)
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["type"].endswith("appointment_taken")
    assert len(house.bodies(Stream.FULFILMENT)) == 1
    assert left != at


async def test_branch_that_sees_two_at_a_time_takes_two() -> None:
    async with running(appointment_places=2) as house:
        at = await first_time(house)
        bodies = [accepting(house, f"decision-{number}", appointment_at=at, branch="high_street") for number in "123"]
        answers = [(await house.client.post("/v1/outcomes", json=body)).status_code for body in bodies]
    assert answers == [202, 202, 409]


async def test_other_time_for_the_same_offer_is_refused_and_the_first_one_stays() -> None:
    async with running() as house:
        at, later, *_ = (await house.client.get("/v1/appointments")).json()["slots"]
        await house.client.post("/v1/outcomes", json=accepting(house, appointment_at=at))
        again = accepting(house, outcome_id="o2", appointment_at=later)
        answer = await house.client.post("/v1/outcomes", json=again)
        left = (await house.client.get("/v1/appointments")).json()["slots"]
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (409, "/appointment_at")
    assert left[0] == later


async def test_time_for_what_was_accepted_without_one_is_refused_and_stays_free() -> None:
    async with running() as house:
        at = await first_time(house)
        await house.client.post("/v1/outcomes", json=accepting(house))
        again = accepting(house, outcome_id="o2", appointment_at=at, branch="high_street")
        answer = await house.client.post("/v1/outcomes", json=again)
        assert await first_time(house) == at
    assert answer.status_code == 422
    assert "accepted before" in answer.text


@pytest.mark.parametrize(("status", "is_free"), [("cancelled", True), ("rejected", True), ("received", False)])
async def test_order_that_comes_to_nothing_frees_its_time(status: str, is_free: bool) -> None:
    async with running() as house:
        at = await first_time(house)
        await house.client.post("/v1/outcomes", json=accepting(house, appointment_at=at, branch="high_street"))
        (order,) = (await house.client.get("/v1/orders")).json()["orders"]
        report = {"record": order["record"], "order_id": order["order_id"], "status": status}
        assert (await house.client.post("/v1/orders/status", json=report)).status_code == 200
        assert (await first_time(house) == at) is is_free


async def test_no_time_is_promised_while_the_store_is_away() -> None:
    async with running() as house:
        at = await first_time(house)
        house.state.available = False
        answers = [
            await house.client.get("/v1/appointments"),
            await house.client.post("/v1/outcomes", json=accepting(house, appointment_at=at)),
        ]
    assert [answer.status_code for answer in answers] == [503, 503]
