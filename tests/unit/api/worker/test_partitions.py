"""Leases on partitions, and the timers of those that are owned."""

import pytest

from api.adapters.memory import MemoryState
from api.adapters.memory_events import MemoryEventStore
from api.ports import StoreUnavailable, Stream
from api.worker.partitions import LEASE_MS, RENEW_EVERY_S, Partitions
from api.worker.timers import ROUND_S, Timers


def a_worker(state: MemoryState, name: str = "worker-1", count: int = 4) -> Partitions:
    return Partitions(MemoryEventStore(state), name, count)


def test_two_renewals_may_be_lost_before_somebody_takes_over() -> None:
    """A short pause must not cost the partitions."""
    assert 3_000 * RENEW_EVERY_S <= LEASE_MS


async def test_first_worker_owns_everything_and_the_second_stands_by() -> None:
    """Until the first one goes."""
    state = MemoryState()
    first, second = a_worker(state), a_worker(state, "worker-2")
    await first.renew()
    await second.renew()
    assert (len(first), len(second)) == (4, 0)
    await first.release()
    await second.renew()
    assert (len(first), len(second)) == (0, 4)


async def test_successor_goes_on_where_the_last_one_stopped() -> None:
    """Nothing is skipped, little is read twice."""
    state = MemoryState()
    first, second = a_worker(state), a_worker(state, "worker-2")
    await first.renew()
    first.advance(2, "7-0")
    await first.release()
    await second.renew()
    assert second.positions == {0: "0-0", 1: "0-0", 2: "7-0", 3: "0-0"}


async def test_lease_that_ran_out_is_noticed_when_it_is_renewed() -> None:
    """Somebody else has it now."""
    state = MemoryState()
    first, second = a_worker(state), a_worker(state, "worker-2")
    await first.renew()
    state.leases[1].until_ms = 0
    await second.renew()
    await first.renew()
    assert (first.owned(1), set(second.positions)) == (None, {1})


async def test_position_is_not_noted_for_a_lost_partition() -> None:
    """The new owner's position stands."""
    state = MemoryState()
    first, second = a_worker(state), a_worker(state, "worker-2")
    await first.renew()
    state.leases[1].until_ms = 0
    await second.renew()
    first.advance(1, "9-0")
    await first.note()
    first.advance(1, "9-1")
    await first.note()
    assert (first.owned(1), state.leases[1].position) == (None, "0-0")


async def test_position_that_could_not_be_noted_is_noted_later() -> None:
    """Meanwhile the worker goes on behind it."""
    state = MemoryState()
    worker = a_worker(state)
    await worker.renew()
    worker.advance(2, "7-0")
    state.available = False
    with pytest.raises(StoreUnavailable):
        await worker.note()
    assert worker.positions[2] == "7-0"
    state.available = True
    await worker.note()
    assert state.leases[2].position == "7-0"


async def test_places_that_wait_longest_are_noted_first() -> None:
    """A few at a time, so that no step takes long; a partition that moves on keeps its turn."""
    state = MemoryState()
    worker = a_worker(state)
    await worker.renew()
    for partition, position in ((3, "1-0"), (1, "2-0"), (2, "3-0"), (3, "4-0")):
        worker.advance(partition, position)
    await worker.note(2)
    assert [state.leases[each].position for each in range(4)] == ["0-0", "2-0", "0-0", "4-0"]
    assert not worker.all_noted
    await worker.note(2)
    assert (state.leases[2].position, worker.all_noted) == ("3-0", True)


async def test_leases_are_extended_in_turn_and_all_of_them_in_time() -> None:
    """However seldom it is called: what is due is as many as the time says."""
    state = MemoryState()
    worker = a_worker(state)
    await worker.renew_next(0.3 * RENEW_EVERY_S)
    assert set(worker.positions) == {0, 1}
    await worker.renew_next(0.01 * RENEW_EVERY_S)
    assert set(worker.positions) == {0, 1, 2}
    await worker.renew_next(float("inf"))
    assert len(worker) == 4


async def test_store_that_is_away_is_told_and_costs_no_lease() -> None:
    """What we own is uncertain, and the epoch guards it."""
    state = MemoryState()
    worker = a_worker(state)
    await worker.renew()
    state.available = False
    with pytest.raises(StoreUnavailable):
        await worker.renew()
    assert len(worker) == 4
    await worker.release()
    assert len(worker) == 0


async def test_due_records_are_woken_once_a_round() -> None:
    """Partitions take turns within the round, so that no moment is a busy one."""
    state = MemoryState()
    worker = a_worker(state)
    await worker.renew()
    now = 1_000_000.0
    timers = Timers(MemoryEventStore(state), worker, lambda: now)
    state.due = {0: {"C1": 10}, 3: {"C2": 10, "C3": 2_000_000}}
    assert await timers.step() == 0
    now += ROUND_S - 3
    assert await timers.step() == 1
    now += 3
    assert await timers.step() == 1
    assert await timers.step() == 0
    assert [[entry.kind for entry in entries] for entries in state.streams.values()] == [["t"], ["t"]]
    assert {stream for stream, _ in state.streams} == {Stream.EVENTS}
