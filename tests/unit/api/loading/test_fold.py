"""Folding a whole bucket at once equals folding event by event."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from api.loading.fold import fold_events
from engine.events import Event, EventFilter, EventLayout
from engine.ids import EventName

LAYOUT = EventLayout(
    tuple(EventFilter(event=EventName(name), text=name, depth=depth) for name, depth in (("a", 1), ("b", 3), ("c", 2)))
)
EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(1, 10**9)))


@given(EVENTS)
def test_bucket_folds_like_single_events(rows: list[tuple[int, int, int]]) -> None:
    states = [LAYOUT.empty(7) for _ in range(5)]
    for customer, kept, at in rows:
        states[customer] = LAYOUT.fold(states[customer], Event(name=LAYOUT.filters[kept].event, at=at))
    events = pl.DataFrame(rows, schema={"index": pl.UInt32, "filter": pl.UInt16, "at": pl.Int64}, orient="row")
    assert fold_events(LAYOUT, events, customers=5, kept_since_s=7) == states
