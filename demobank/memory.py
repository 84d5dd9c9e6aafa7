"""What customers carry from one visit to the next: exposures, declines, products held, openings to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demobank.arrays import Bools, Ints, Seconds, Singles, Table
from demobank.calendar import DAY_SECONDS, DAYS, END
from demobank.world import DECLINE_HALF_LIFE_DAYS, EXPOSURE_HALF_LIFE_DAYS

NEVER = -1e6


class Rows:
    """Columns gathered chunk by chunk, starting from an empty chunk that fixes their types."""

    def __init__(self, **empty: NDArray[Any]) -> None:
        self._chunks: list[Table] = [empty]

    def add(self, **columns: NDArray[Any]) -> None:
        self._chunks.append(columns)

    @property
    def last(self) -> Table:
        """The chunk that was added last."""
        return self._chunks[-1]

    def so_far(self) -> Table:
        """All rows in one, the chunks kept."""
        return {name: np.concatenate([chunk[name] for chunk in self._chunks]) for name in self._chunks[0]}

    def table(self) -> Table:
        """All rows in one; the chunks are used up, so that a large history is not held twice."""
        return {name: np.concatenate([chunk.pop(name) for chunk in self._chunks]) for name in list(self._chunks[0])}


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """Products about to open: offers by column, with what caused them."""

    customer: Ints
    offer: Ints
    at: Seconds
    cause: Ints

    def __getitem__(self, rows: Ints | Bools) -> Openings:
        return Openings(customer=self.customer[rows], offer=self.offer[rows], at=self.at[rows], cause=self.cause[rows])


def joined(parts: list[Openings]) -> Openings:
    return Openings(
        customer=np.concatenate([part.customer for part in parts]),
        offer=np.concatenate([part.offer for part in parts]),
        at=np.concatenate([part.at for part in parts]),
        cause=np.concatenate([part.cause for part in parts]),
    )


class Memory:
    """Customers x offers. Exposures are kept as of each customer's last visit and fade from there."""

    def __init__(self, held: Bools, twins: Bools) -> None:
        """`twins` is offers x offers: which of them give the same product."""
        self.held = held.copy()
        self._twins = twins
        self._exposures = np.zeros(held.shape, dtype=np.float32)
        self._exposed_day = np.zeros(len(held), dtype=np.float32)
        self._declined_day = np.full(held.shape, NEVER, dtype=np.float32)
        self._due: list[list[Openings]] = [[] for _ in range(DAYS + 1)]

    def exposures(self, customer: Ints, day: Singles) -> Singles:
        fading = np.exp2((self._exposed_day[customer] - day) / np.float32(EXPOSURE_HALF_LIFE_DAYS))
        faded: Singles = self._exposures[customer] * fading[:, None]
        return faded

    def sourness(self, customer: Ints, day: Singles) -> Singles:
        """How much of each offer's last decline is still felt, 0 to 1."""
        felt: Singles = np.exp2((self._declined_day[customer] - day[:, None]) / np.float32(DECLINE_HALF_LIFE_DAYS))
        return felt

    def expose(self, customer: Ints, day: Singles, exposures: Singles) -> None:
        """INVARIANT: each customer occurs once, so that nothing written here is lost."""
        self._exposures[customer] = exposures
        self._exposed_day[customer] = day

    def decline(self, customer: Ints, offer: Ints, day: Singles) -> None:
        self._declined_day[customer, offer] = day

    def schedule(self, today: int, openings: Openings) -> None:
        """Let products open later. Offers notice it tomorrow at the earliest; what lies beyond the history is lost."""
        openings = openings[openings.at < END]
        days = np.maximum(openings.at // DAY_SECONDS, today + 1)
        for day in np.unique(days):
            self._due[day].append(openings[days == day])

    def open_due(self, day: int, others: Openings) -> Openings:
        """Hold what is due on this day and is not held yet; returns what was opened, each product once."""
        due = joined([*self._due[day], others])
        self._due[day] = []
        due = due[~self.held[due.customer, due.offer]]
        due = due[np.argsort(due.at, kind="stable")]
        product = self._twins.argmax(axis=1)[due.offer]
        _, first = np.unique(due.customer.astype(np.int64) * self.held.shape[1] + product, return_index=True)
        opened = due[np.sort(first)]
        np.logical_or.at(self.held, opened.customer, self._twins[opened.offer])
        return opened
