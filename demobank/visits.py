"""When and where customers met the bank: one visit is one placement on one channel, at most one a customer and day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from demobank.arrays import Bools, Floats, Ints, Seconds, Singles, stream
from demobank.calendar import DAY_SECONDS, DAYS, WEEKS
from demobank.people import People
from demobank.rulebook import CHANNELS, Placement

# Opening hours (UTC) from which the time of day is drawn.
HOURS = {"atm": (6, 23), "web": (6, 23), "pc": (7, 23), "phone": (8, 18), "branch": (9, 16)}
FIRST_PLACEMENT_SHARE = 0.55
QUARTER_WEEKS = 90 / 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """In order of time. `placement` indexes the world's placements; `items` is how many slots were filled at most."""

    customer: Ints
    at: Seconds
    channel: Ints
    placement: Ints
    items: Ints

    def __len__(self) -> int:
        return len(self.customer)

    def where(self, chosen: Bools) -> Visits:
        return Visits(
            customer=self.customer[chosen],
            at=self.at[chosen],
            channel=self.channel[chosen],
            placement=self.placement[chosen],
            items=self.items[chosen],
        )


def weekly_rates(people: People) -> Mapping[str, Floats]:
    """Visits a week on which the bank has a moment to show something."""
    values = people.values
    return {
        "atm": 0.02 + 0.08 * values["atm.withdrawals_30d"],
        "web": 0.02 + 0.016 * np.minimum(values["digital.logins_30d"], 50),
        "pc": 0.013 * np.minimum(values["digital.logins_30d"], 50),
        "phone": 0.006 + values["calls.count_90d"] / QUARTER_WEEKS,
        "branch": np.where(people.digital_only, 0.0, 0.004 + values["branch.visits_90d"] / QUARTER_WEEKS),
    }


def draw_visits(seed: str, people: People, placements: tuple[Placement, ...]) -> Visits:
    rng = stream(seed, "visits")
    parts = [_channel(rng, people, placements, channel, rate) for channel, rate in weekly_rates(people).items()]
    customer, at, channel, placement = (np.concatenate(column) for column in zip(*parts, strict=True))
    lived = (at >= people.since[customer] + DAY_SECONDS) & (at < people.until[customer])
    customer, at, channel, placement = customer[lived], at[lived], channel[lived], placement[lived]
    order = _one_a_day(customer, at)
    most = np.array([placement.items for placement in placements])[placement[order]]
    items = 1 + (rng.random(len(order), dtype=np.float32) * np.minimum(most, 3)).astype(np.uint8)
    return Visits(
        customer=customer[order], at=at[order], channel=channel[order], placement=placement[order], items=items
    )


def _channel(
    rng: np.random.Generator, people: People, placements: tuple[Placement, ...], channel: str, rate: Floats
) -> tuple[Ints, Seconds, Ints, Ints]:
    own = [index for index, placement in enumerate(placements) if placement.channel == channel]
    counts = rng.poisson(rate * WEEKS) if own else np.zeros(people.count, dtype=int)
    customer = np.repeat(np.arange(people.count, dtype=np.int32), counts)
    opens, closes = HOURS[channel]
    day = rng.integers(0, DAYS, len(customer))
    at = day * DAY_SECONDS + rng.integers(opens * 3_600, closes * 3_600, len(customer))
    shares = _shares(len(own))
    which = np.searchsorted(np.cumsum(shares)[:-1], rng.random(len(customer), dtype=np.float32), side="right")
    placement = np.array(own or [0], dtype=np.uint8)[which]
    return customer, at, np.full(len(customer), CHANNELS.index(channel), dtype=np.uint8), placement


def _shares(count: int) -> Singles:
    if count < 2:
        return np.ones(1, dtype=np.float32)
    rest = (1 - FIRST_PLACEMENT_SHARE) / (count - 1)
    return np.array([FIRST_PLACEMENT_SHARE, *[rest] * (count - 1)], dtype=np.float32)


def _one_a_day(customer: Ints, at: Seconds) -> Seconds:
    """Positions of the visits to keep, in order of time."""
    order = np.lexsort((customer, at))
    key = (at[order] // DAY_SECONDS) * (int(customer.max(initial=0)) + 1) + customer[order]
    _, first = np.unique(key, return_index=True)
    return np.asarray(order[np.sort(first)])
