"""The contract of branches' calendars: a time has so many places, and no interleaving gives one away twice."""

import asyncio
import time

import pytest

from api.ports import StoreUnavailable
from api.ports.appointments import Booking, BookingState
from tests.contract.worlds import World, soon, soon_ms

TUESDAY = int(time.time() + 86_400) * 1_000
WEDNESDAY = TUESDAY + 86_400_000


async def _book(
    world: World, order_id: str, at_ms: int = TUESDAY, branch: str = "high_street", *, places: int = 1
) -> BookingState:
    return await world.appointments.book(Booking(soon_ms(), branch, at_ms, order_id, places), deadline=soon())


async def test_of_several_who_want_a_time_as_many_get_it_as_there_are_places(world: World) -> None:
    states = await asyncio.gather(*(_book(world, f"o{number}", places=3) for number in range(12)))
    assert sorted(states) == [BookingState.BOOKED] * 3 + [BookingState.TAKEN] * 9
    assert await world.appointments.taken("high_street", deadline=soon()) == {TUESDAY: 3}


async def test_same_booking_again_is_the_one_it_has(world: World) -> None:
    assert [await _book(world, "o1") for _ in range(2)] == [BookingState.BOOKED, BookingState.HELD]


async def test_order_has_one_time(world: World) -> None:
    await _book(world, "o1")
    assert await _book(world, "o1", WEDNESDAY) is BookingState.OTHER_TIME
    assert await world.appointments.taken("high_street", deadline=soon()) == {TUESDAY: 1}


@pytest.mark.parametrize("branch", ["", "low_street"])
async def test_each_branch_has_a_calendar_of_its_own(world: World, branch: str) -> None:
    await _book(world, "o1")
    assert await _book(world, "o2", branch=branch) is BookingState.BOOKED


async def test_place_that_is_given_back_is_free_for_the_next(world: World) -> None:
    await _book(world, "o1")
    for order_id in ("o1", "nobody's"):
        await world.appointments.give_back("high_street", order_id, deadline_ms=soon_ms(), deadline=soon())
    assert await world.appointments.taken("high_street", deadline=soon()) == {}
    assert await _book(world, "o2") is BookingState.BOOKED


async def test_what_reaches_the_store_too_late_changes_nothing(world: World) -> None:
    late = int(time.time() * 1_000) - 60_000
    with pytest.raises(StoreUnavailable):
        await world.appointments.book(Booking(late, "high_street", TUESDAY, "o1", 1), deadline=soon())
    await _book(world, "o2")
    with pytest.raises(StoreUnavailable):
        await world.appointments.give_back("high_street", "o2", deadline_ms=late, deadline=soon())
    assert await world.appointments.taken("high_street", deadline=soon()) == {TUESDAY: 1}
