"""Folds staged events into event states, a whole bucket of customers at once, as `EventLayout.fold` does one by one."""

from itertools import chain

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.events import KEPT_SINCE, EventLayout


def fold_events(layout: EventLayout, events: pl.DataFrame, customers: int, kept_since_s: int) -> list[list[int]]:
    """The event states of so many customers.

    Args:
        layout: where each filter's instants stand.
        events: `index` of the customer, `filter`, `at`, `amount`; any order.
        customers: how many there are.
        kept_since_s: since when the events are complete.
    """
    states = np.zeros((customers, layout.width), dtype=np.int64)
    states[:, KEPT_SINCE] = kept_since_s
    amounts = events.filter(pl.col("filter") >= len(layout.filters))
    _keep_latest(layout, events.filter(pl.col("filter") < len(layout.filters)), states)
    folded: list[list[int]] = states.tolist()
    if layout.running:
        for state, blocks in zip(folded, _blocks(layout, amounts, customers), strict=True):
            state.extend(chain.from_iterable(blocks))
    return folded


def _keep_latest(layout: EventLayout, events: pl.DataFrame, states: NDArray[np.int64]) -> None:
    if events.is_empty():
        return
    depths = pl.Series([kept.depth for kept in layout.filters], dtype=pl.Int64)
    offsets = pl.Series(layout.offsets, dtype=pl.Int64)
    ranked = events.sort(["index", "filter", "at"], descending=[False, False, True]).with_columns(
        (pl.int_range(pl.len()).over("index", "filter")).alias("rank")
    )
    kept = ranked.filter(ranked["rank"] < depths.gather(ranked["filter"]))
    places = offsets.gather(kept["filter"]) + kept["rank"]
    states[kept["index"].to_numpy(), places.to_numpy()] = kept["at"].to_numpy()


def _blocks(layout: EventLayout, amounts: pl.DataFrame, customers: int) -> list[list[list[int]]]:
    """The blocks of each customer; oldest first, so that each amount is added at the end."""
    blocks = [[[0] for _ in layout.running] for _ in range(customers)]
    for index, fact, at, amount in amounts.select("index", "filter", "at", "amount").sort("at").iter_rows():
        place = fact - len(layout.filters)
        blocks[index][place] = layout.running[place].with_amount(blocks[index][place], at, amount)
    return blocks
