"""/v1/orders: what waits for the back office, and how its status comes back to staff."""

import pytest

from api.problems import TYPE_PREFIX
from tests.unit.api.shells import Running, an_offer, running

CALL_ME = {"callback_id": "b1", "identity": {"scheme": "customer_id", "value": "C0000002"}, "channel": "web"}
ORDER = f"{an_offer().decision_id}:home_insurance"


async def _accept(house: Running) -> None:
    outcome = {
        "outcome_id": "o1",
        "tracking_token": house.tokens.mint(an_offer()),
        "outcome": "accept",
        "occurred_at": "2026-11-21T10:00:00Z",
    }
    assert (await house.client.post("/v1/outcomes", json=outcome)).json()["ordered"]


async def _reported(house: Running, status: str, **changes: object) -> tuple[int, dict[str, object]]:
    report = {"order_id": ORDER, "record": "C0000001", "status": status} | changes
    answer = await house.client.post("/v1/orders/status", json=report)
    return answer.status_code, answer.json()


async def test_accepted_offer_and_callback_wait_for_the_back_office() -> None:
    """Oldest first; asking changes nothing."""
    async with running() as house:
        await _accept(house)
        await house.client.post("/v1/callbacks", json=CALL_ME)
        answers = [(await house.client.get("/v1/orders")).json() for _ in range(2)]
        limited = (await house.client.get("/v1/orders?limit=1")).json()
    assert answers[0] == answers[1]
    offer, call = answers[0]["orders"]
    assert (offer["order_id"], offer["gives"], offer["status"]) == (ORDER, "home_insurance", "placed")
    assert (call["order_id"], call["kind"], call["record"]) == ("b1", "callback", "C0000002")
    assert limited["orders"] == [offer]


async def test_status_comes_back_to_whoever_asks_for_the_customer() -> None:
    """With the note and the back office's own reference."""
    async with running() as house:
        await _accept(house)
        status, receipt = await _reported(house, "received")
        assert (status, receipt) == (
            200,
            {"order_id": ORDER, "result": "applied", "status": "received", "acknowledged": True},
        )
        sent = {"reported_at": "2026-11-21T11:00:00Z", "note": "policy sent", "reference": "P-77"}
        _, receipt = await _reported(house, "completed", **sent)
        assert (receipt["result"], receipt["acknowledged"]) == ("applied", False)
        waiting = (await house.client.get("/v1/orders")).json()["orders"]
        (order,) = (await house.client.get("/v1/orders?record=C0000001")).json()["orders"]
    assert waiting == []
    assert (order["status"], order["note"], order["reference"]) == ("completed", "policy sent", "P-77")
    assert order["status_at"] == "2026-11-21T11:00:00Z"
    assert house.metrics.orders.values == {("received", "applied"): 1, ("completed", "applied"): 1}


async def test_report_that_comes_late_or_again_changes_nothing() -> None:
    """And is no error: reports may overtake each other."""
    async with running() as house:
        await _accept(house)
        results = [
            (await _reported(house, status))[1]["result"] for status in ("in_progress", "received", "in_progress")
        ]
    assert results == ["applied", "superseded", "unchanged"]


async def test_order_that_has_ended_does_not_end_otherwise() -> None:
    """The answer says how it ended."""
    async with running() as house:
        await _accept(house)
        await _reported(house, "rejected")
        status, problem = await _reported(house, "completed")
    assert (status, problem["type"], problem["detail"]) == (409, TYPE_PREFIX + "order_closed", "the order is rejected")


@pytest.mark.parametrize("changes", [{"order_id": "other"}, {"record": "C0000009"}])
async def test_report_on_an_unknown_order_is_a_404(changes: dict[str, object]) -> None:
    """The back office learns that it has the wrong one."""
    async with running() as house:
        await _accept(house)
        status, problem = await _reported(house, "received", **changes)
    assert (status, problem["type"]) == (404, TYPE_PREFIX + "unknown_order")


@pytest.mark.parametrize(
    "changes", [{"status": "placed"}, {"status": "gone"}, {"reported_at": "2100-01-01T00:00:00Z"}, {"note": "x" * 257}]
)
async def test_report_that_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    """Nothing is written."""
    async with running() as house:
        await _accept(house)
        status, _ = await _reported(house, **({"status": "received"} | changes))  # type: ignore[arg-type]
        waiting = (await house.client.get("/v1/orders")).json()["orders"]
    assert status == 422
    assert len(waiting) == 1


async def test_store_that_is_away_is_said() -> None:
    """Nobody takes a report for durable that is not."""
    async with running() as house:
        await _accept(house)
        house.state.available = False
        status, problem = await _reported(house, "received")
    assert (status, problem["type"]) == (503, TYPE_PREFIX + "store_unavailable")
