"""Folding a whole bucket at once equals folding event by event."""

from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from api.loading.fold import fold_events
from engine.events import Event, EventFilter, EventLayout
from engine.ids import EventName
from engine.running import Running
from engine.syntax import Duration

Line = tuple[int, int, int, int | None]

LAYOUT = EventLayout(
    tuple(EventFilter(event=EventName(name), text=name, depth=depth) for name, depth in (("a", 1), ("b", 3), ("c", 2)))
)
UTC = ZoneInfo("UTC")
WITH_FACTS = EventLayout(
    LAYOUT.filters,
    (
        Running(
            event=EventName("a"), text="total", operation="total", field=0, window=Duration(60, "d"), zone=UTC, fine=3
        ),
        Running(event=EventName("b"), text="last", operation="last", field=0, zone=UTC),
    ),
)
EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(1, 10**7)))


@given(EVENTS)
def test_bucket_folds_like_single_events(rows: list[tuple[int, int, int]]) -> None:
    states = [LAYOUT.empty(7) for _ in range(5)]
    for customer, kept, at in rows:
        states[customer] = LAYOUT.fold(states[customer], Event(name=LAYOUT.filters[kept].event, at=at))
    assert fold_events(LAYOUT, staged([(*row, None) for row in rows]), customers=5, kept_since_s=7) == states


@given(EVENTS)
def test_running_facts_of_a_bucket_fold_like_single_events(rows: list[tuple[int, int, int]]) -> None:
    states = [WITH_FACTS.empty(7) for _ in range(5)]
    lines: list[Line] = []
    for customer, kept, at in rows:
        event = Event(name=LAYOUT.filters[kept].event, at=at, fields=(at % 97,))
        states[customer] = WITH_FACTS.fold(states[customer], event)
        lines.append((customer, kept, at, None))
        if kept < len(WITH_FACTS.running):
            lines.append((customer, len(LAYOUT.filters) + kept, at, at % 97))
    assert fold_events(WITH_FACTS, staged(lines), customers=5, kept_since_s=7) == states


def staged(lines: list[Line]) -> pl.DataFrame:
    """Lines as they are staged."""
    return pl.DataFrame(
        lines, schema={"index": pl.UInt32, "filter": pl.UInt16, "at": pl.Int64, "amount": pl.Int64}, orient="row"
    )
