"""Folds staged events into event states, a whole bucket of customers at once, as `EventLayout.fold` does one by one."""

import numpy as np
import polars as pl

from engine.events import KEPT_SINCE, EventLayout


def fold_events(layout: EventLayout, events: pl.DataFrame, customers: int, kept_since_s: int) -> list[list[int]]:
    """The event states of so many customers.

    Args:
        layout: where each filter's instants stand.
        events: `index` of the customer, `filter`, `at`; any order.
        customers: how many there are.
        kept_since_s: since when the events are complete.
    """
    states = np.zeros((customers, layout.width), dtype=np.int64)
    states[:, KEPT_SINCE] = kept_since_s
    if events.is_empty():
        return [[int(value) for value in state] for state in states.tolist()]
    depths = pl.Series([kept.depth for kept in layout.filters], dtype=pl.Int64)
    offsets = pl.Series(layout.offsets, dtype=pl.Int64)
    ranked = events.sort(["index", "filter", "at"], descending=[False, False, True]).with_columns(
        (pl.int_range(pl.len()).over("index", "filter")).alias("rank")
    )
    kept = ranked.filter(ranked["rank"] < depths.gather(ranked["filter"]))
    places = offsets.gather(kept["filter"]) + kept["rank"]
    states[kept["index"].to_numpy(), places.to_numpy()] = kept["at"].to_numpy()
    folded: list[list[int]] = states.tolist()
    return folded
