"""Appointments: which times are offered, and that only those are taken, by offers that lead to them."""

import json
from datetime import UTC, datetime
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


def accepting(house: Running, **more: object) -> dict[str, object]:
    """An accept of the mortgage that leads to an appointment."""
    offer = an_offer(action="mortgage_in_principle", treatment="mortgage_in_principle/atm.idle_screen")
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
