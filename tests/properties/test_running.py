"""Running facts: any order of the same events keeps the same, and what is read is what a slow count gives."""

from datetime import UTC, datetime
from functools import reduce
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import before
from engine.compiler.times import read_duration
from engine.facts import FactSpec, FactType, Held
from engine.ids import EventName, FactName
from engine.running import Running, RunningFacts

ZONES = ("UTC", "Europe/London", "Asia/Kolkata")
NOW_S = 1_766_664_000
DAY_S = 86_400
Amounts = list[tuple[int, int]]


def a_running(operation: str, window: str | None, zone: str, fine: int) -> Running:
    """What a fact keeps, with few fine buckets so that days begin early."""
    return Running(
        event=EventName("salary"),
        text=operation,
        operation=operation,
        field=0,
        window=None if window is None else read_duration(window),
        zone=ZoneInfo(zone),
        fine=fine,
    )


def block_of(running: Running, amounts: Amounts) -> list[int]:
    """The block that amounts lead to."""

    def add(block: list[int], each: tuple[int, int]) -> list[int]:
        return running.with_amount(block, *each)

    return reduce(add, amounts, [0])


def read(running: Running, block: list[int], decimals: int = 0) -> Held:
    """The fact at NOW_S, with a complete history."""
    spec = FactSpec(name=FactName("fact"), type=FactType.DECIMAL, decimals=decimals)
    row: list[Held] = [None]
    RunningFacts(running.zone or ZoneInfo("UTC"), (running,), (spec,), (0,), width=1, own_offset=0).fill(
        row, [0, *block], 0, NOW_S
    )
    return row[0]


OPERATIONS = st.sampled_from([("total", "2d"), ("total", "60d"), ("trend", "30d"), ("total", "6mo"), ("last", None)])
HISTORIES = st.lists(
    st.tuples(
        st.integers(NOW_S - 300 * DAY_S, NOW_S + 300) | st.integers(NOW_S - 3 * DAY_S, NOW_S), st.integers(-9, 99)
    ),
    max_size=25,
)


@given(
    OPERATIONS,
    st.sampled_from(ZONES),
    st.integers(1, 6),
    HISTORIES.flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))),
)
def test_blocks_do_not_depend_on_the_order_of_events(
    operation: tuple[str, str | None], zone: str, fine: int, drawn: tuple[Amounts, Amounts]
) -> None:
    """The same events in any order give the same block, however many of their buckets are fine."""
    running = a_running(*operation, zone, fine)
    events, shuffled = drawn
    assert block_of(running, events) == block_of(running, shuffled)


@given(st.sampled_from(["2d", "60d", "6mo"]), st.sampled_from(ZONES), HISTORIES)
def test_totals_are_what_a_slow_sum_gives(window: str, zone: str, events: Amounts) -> None:
    """Of every bucket that the window touches, up to now."""
    running = a_running("total", window, zone, 128)
    length = read_duration(window)
    assert length is not None
    start = int(before(datetime.fromtimestamp(NOW_S, UTC).astimezone(ZoneInfo(zone)), length).timestamp())
    touched = [amount for at, amount in events if at <= NOW_S and running.bucket_of(at) >= running.bucket_of(start)]
    in_future = [amount for at, amount in events if at > NOW_S and running.bucket_of(at) <= NOW_S]
    assert read(running, block_of(running, events)) == sum(touched) + sum(in_future)


@given(st.sampled_from(ZONES), HISTORIES)
def test_coarse_totals_count_the_day_in_which_the_window_begins_whole_or_as_exact_ones_do(
    zone: str, events: Amounts
) -> None:
    """What is older than the fine buckets counts by whole days."""
    exact, coarse = (a_running("total", "60d", zone, fine) for fine in (128, 2))
    first_day = exact.day_of(NOW_S - 60 * DAY_S)
    whole_days = sum(amount for at, amount in events if first_day <= exact.bucket_of(at) <= NOW_S)
    assert read(coarse, block_of(coarse, events)) in {read(exact, block_of(exact, events)), whole_days}


@given(HISTORIES, HISTORIES)
def test_joining_blocks_is_idempotent_and_forgets_nothing_of_either(first: Amounts, second: Amounts) -> None:
    """A load that is repeated changes nothing."""
    running = a_running("total", "60d", "UTC", 128)
    ours, theirs = block_of(running, first), block_of(running, second)
    joined = running.joined(ours, theirs)
    assert running.joined(ours, joined) == joined == running.joined(joined, joined)


def test_sums_beyond_what_a_number_may_be_are_unknown() -> None:
    """And the block stays within 64 bits."""
    running = a_running("total", "60d", "UTC", 128)
    block = block_of(running, [(NOW_S - at, 2**53) for at in range(3)])
    value = read(running, block)
    assert value != value  # noqa: PLR0124 - NaN


@pytest.mark.parametrize(("recent", "earlier", "change"), [(150, 100, 5_000), (50, 100, -5_000), (7, -14, 15_000)])
def test_a_trend_is_the_change_as_a_share_of_what_was_before(recent: int, earlier: int, change: int) -> None:
    """Half as much again is 0.5."""
    running = a_running("trend", "30d", "UTC", 128)
    block = block_of(running, [(NOW_S - 10 * DAY_S, recent), (NOW_S - 45 * DAY_S, earlier)])
    assert read(running, block, 4) == change
