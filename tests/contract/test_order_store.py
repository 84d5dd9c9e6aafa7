"""The contract of orders: each waits until one report takes it off the queue, and its status never goes back."""

import asyncio
import random
import time

import pytest

from api.entries import FulfilmentOrder, ReportEntry, decode_order, decode_report, encode_order, encode_report
from api.ports import FIRST, CustomerKey, StoreUnavailable, Stream
from api.ports.orders import (
    RANK,
    Hold,
    HoldResult,
    HoldState,
    HoldWish,
    OrderReport,
    OrderStatus,
    ReportResult,
    ReportState,
)
from engine.contacts import ContactState
from tests.contract.worlds import ADA, GRACE, World, an_outcome, soon, soon_ms

REPORTED = [status for status in OrderStatus if status is not OrderStatus.PLACED]


async def _placed(world: World, order_id: str, key: CustomerKey = ADA) -> None:
    order = FulfilmentOrder(order_id=order_id, kind="offer", record=key.record, channel="atm", placed_at_ms=1)
    accept = an_outcome(ContactState.ACCEPTED, order_id, decision_id=order_id, order=encode_order(order))
    assert (await world.outcomes.record_outcome(key, accept, deadline=soon())).ordered


async def _report(
    world: World, order_id: str, status: OrderStatus, key: CustomerKey = ADA, **changes: object
) -> ReportResult | None:
    body = encode_report(ReportEntry(status=status, at_ms=7))
    report = OrderReport(soon_ms(), order_id, status, body)._replace(**changes)  # type: ignore[arg-type]
    return await world.orders.report(key, report, deadline=soon())


async def _waiting(world: World, key: CustomerKey = ADA) -> list[str]:
    found = await world.journal.read(Stream.FULFILMENT, {key.partition: FIRST}, count=100)
    return [decode_order(entry.body).order_id for entry in found.get(key.partition, ())]


async def _statuses(world: World, key: CustomerKey = ADA) -> dict[str, str | None]:
    kept = await world.orders.orders_of(key, deadline=soon())
    return {
        decode_order(each.order).order_id: None if each.report is None else decode_report(each.report).status
        for each in kept
    }


async def test_order_waits_until_it_is_reported_on(world: World) -> None:
    """The others go on waiting."""
    for order_id in ("a:card", "b:card", "a"):
        await _placed(world, order_id)
    assert await _statuses(world) == {"a:card": None, "b:card": None, "a": None}
    result = await _report(world, "a", OrderStatus.RECEIVED)
    assert result is not None
    assert (result.state, result.acknowledged) == (ReportState.APPLIED, True)
    assert await _waiting(world) == ["a:card", "b:card"]
    assert await _statuses(world) == {"a:card": None, "b:card": None, "a": "received"}


async def test_of_several_who_take_an_order_one_is_told_that_it_did(world: World) -> None:
    """The others are told that it was there before them."""
    await _placed(world, "a")
    results = await asyncio.gather(*(_report(world, "a", OrderStatus.RECEIVED) for _ in range(8)))
    assert sorted(result.acknowledged for result in results if result) == [False] * 7 + [True]
    assert sorted(result.state for result in results if result) == [ReportState.APPLIED, *[ReportState.UNCHANGED] * 7]


@pytest.mark.parametrize("seed", range(5))
async def test_status_never_goes_back_in_whatever_order_reports_come(world: World, seed: int) -> None:
    """What is in force is the furthest; of several ends the first."""
    chance = random.Random(seed)
    await _placed(world, "a")
    in_force = OrderStatus.PLACED
    for _ in range(6):
        status = chance.choice(REPORTED)
        result = await _report(world, "a", status)
        assert result is not None
        if RANK[status] > RANK[in_force]:
            in_force, expected = status, ReportState.APPLIED
        elif RANK[status] < RANK[in_force]:
            expected = ReportState.SUPERSEDED
        else:
            expected = ReportState.UNCHANGED if status is in_force else ReportState.CLOSED
        assert result.state is expected
        assert decode_report(result.in_force).status == in_force
    assert await _statuses(world) == {"a": in_force}


async def test_report_on_an_order_that_nobody_placed_is_told_so(world: World) -> None:
    """Nor is one of the same name of somebody else meant."""
    await _placed(world, "a", GRACE)
    assert await _report(world, "a", OrderStatus.RECEIVED, ADA) is None
    assert await _report(world, "b", OrderStatus.RECEIVED, GRACE) is None
    assert await _waiting(world, GRACE) == ["a"]


async def test_report_past_its_deadline_writes_nothing(world: World) -> None:
    """Nobody may take it for durable."""
    await _placed(world, "a")
    with pytest.raises(StoreUnavailable):
        await _report(world, "a", OrderStatus.RECEIVED, deadline_ms=1)
    assert await _waiting(world) == ["a"]


async def test_report_follows_a_merge(world: World) -> None:
    """An order that was placed with the winner is found by the record that it names."""
    await world.move(ADA, GRACE)
    await _placed(world, "a", ADA)
    result = await _report(world, "a", OrderStatus.COMPLETED, ADA)
    assert result is not None
    assert result.acknowledged


async def test_note_may_say_anything(world: World) -> None:
    """Line breaks and quotes come back as they were."""
    await _placed(world, 'odd "id"\n')
    note = 'first\nsecond, "third"'
    body = encode_report(ReportEntry(status="received", at_ms=7, note=note))
    await _report(world, 'odd "id"\n', OrderStatus.RECEIVED, body=body)
    (kept,) = await world.orders.orders_of(ADA, deadline=soon())
    assert decode_report(kept.report or b"").note == note
    assert decode_order(kept.order).order_id == 'odd "id"\n'


async def _hold(world: World, order_id: str, by: str, *, lasts_ms: int = 60_000, **changes: object) -> HoldResult:
    wish = HoldWish(soon_ms(), order_id, by, int(time.time() * 1_000) + lasts_ms)._replace(**changes)  # type: ignore[arg-type]
    return await world.orders.hold(ADA, wish, deadline=soon())


async def test_of_several_who_want_an_order_one_holds_it(world: World) -> None:
    await _placed(world, "a")
    results = await asyncio.gather(*(_hold(world, "a", f"agent {number}") for number in range(8)))
    assert sorted(result.state for result in results) == [HoldState.HELD, *[HoldState.TAKEN] * 7]
    assert len({result.in_force.by for result in results if result.in_force}) == 1
    assert await _waiting(world) == ["a"]


async def test_who_holds_an_order_may_go_on_and_puts_it_back_with_the_attempt_counted(world: World) -> None:
    await _placed(world, "a")
    assert (await _hold(world, "a", "ann")).state is HoldState.HELD
    assert (await _hold(world, "a", "ann")).state is HoldState.HELD
    back = await _hold(world, "a", "ann", until_ms=0, not_before_ms=99, attempts=1)
    assert back.in_force == Hold(0, 99, 1, "ann")
    assert await world.orders.holds([ADA.partition], deadline=soon()) == {"a": Hold(0, 99, 1, "ann")}
    taken = await _hold(world, "a", "bob of the night shift")
    assert taken.in_force is not None
    assert (taken.in_force.by, taken.in_force.attempts) == ("bob of the night shift", 1)


async def test_order_of_somebody_who_disappeared_is_free_again_after_its_time(world: World) -> None:
    await _placed(world, "a")
    await _hold(world, "a", "ann", lasts_ms=-1)
    assert (await _hold(world, "a", "bob")).state is HoldState.HELD


async def test_order_that_was_reported_on_can_be_held_no_longer(world: World) -> None:
    await _placed(world, "a")
    await _hold(world, "a", "ann")
    await _report(world, "a", OrderStatus.COMPLETED)
    assert (await _hold(world, "a", "ann")) == HoldResult(HoldState.GONE, None)
    assert await world.orders.holds([ADA.partition], deadline=soon()) == {}
