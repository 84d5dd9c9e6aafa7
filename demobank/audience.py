"""Everything about customers that stays the same while history runs, laid out as customers x offers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from demobank.arrays import Bools, Ints, Seconds, Singles, stream
from demobank.calendar import DAY_SECONDS, DAYS, END, WEEKS
from demobank.holdings import Holdings, plausibility
from demobank.needs import Needs
from demobank.people import People
from demobank.visits import Visits
from demobank.world import FIT_WEIGHT, NEED_WEIGHT, ORGANIC_PER_RATE, RECEPTIVENESS_SIGMA, World, fit

HUNCH_WEIGHT = 0.6  # how far the old policy followed an attribute it believed in
RELUCTANT_ORGANIC = 3.0  # the segment that dislikes offers buys more on its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Customers x offers. `fixed` = b_a + 0.9 f_a + r, `shown_fixed` the same as far as the snapshot tells.

    `leaning` is the part of the old policy's ranking that never changed.
    """

    fixed: Singles
    shown_fixed: Singles
    fits: Singles
    leaning: Singles
    need_bits: Ints
    consent: Bools
    adult_from: Seconds
    reluctant: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Things that happen to (customer, offer) pairs, in order of time."""

    customer: Ints
    offer: Ints
    at: Seconds

    def by_day(self) -> list[slice]:
        """Where each day of the history lies in these rows."""
        edges = np.searchsorted(self.at, np.arange(DAYS + 1) * DAY_SECONDS)
        return [slice(start, end) for start, end in pairwise(edges)]


def assemble(world: World, people: People, needs: Needs, segment_count: int) -> Audience:
    fits = fit(world, people.scores)
    bias = world.bias.astype(np.float32)
    shown_fits = fit(world, people.shown_scores)
    hunch = people.scores[:, world.fit_drivers[:, 0]]
    return Audience(
        fixed=bias + np.float32(FIT_WEIGHT) * fits + np.float32(RECEPTIVENESS_SIGMA) * people.receptiveness[:, None],
        shown_fixed=bias + np.float32(FIT_WEIGHT) * shown_fits,
        fits=fits,
        leaning=np.log(world.rate * world.value).astype(np.float32) + np.float32(HUNCH_WEIGHT) * hunch,
        need_bits=needs.bits,
        consent=people.consent & ~people.deceased[:, None],
        adult_from=people.adult_from,
        reluctant=people.segment == segment_count - 1,
    )


def reachable(visits: Visits, audience: Audience) -> Visits:
    """The visits on which something may be offered: an adult, with consent for that channel."""
    allowed = audience.consent[visits.customer, visits.channel] & (visits.at >= audience.adult_from[visits.customer])
    return visits.where(allowed)


def offered_products(world: World, products: tuple[str, ...]) -> list[int]:
    """For each offer, the column of the product it gives."""
    return [products.index(offer.product) for offer in world.offers]


def closings(holdings: Holdings, columns: list[int]) -> Changes:
    customer, offer = np.nonzero(holdings.held[:, columns] & (holdings.closed[:, columns] < END))
    return _in_time(customer, offer, holdings.closed[:, columns][customer, offer])


def draw_organic(seed: str, world: World, people: People, audience: Audience, products: tuple[str, ...]) -> Changes:
    """Openings that nobody's offer caused, where the product makes sense at all; needs and fit make them likelier."""
    rng = stream(seed, "organic")
    sensible = plausibility(people, products)[:, offered_products(world, products)] > 0
    weekly = ORGANIC_PER_RATE * world.rate.astype(np.float32) * np.exp(0.5 * audience.fits - 0.125)
    weekly *= np.where(audience.reluctant, RELUCTANT_ORGANIC, 1.0)[:, None]
    most = np.exp(NEED_WEIGHT)
    counts = rng.poisson(np.where(sensible, weekly * WEEKS * most, 0.0))
    customer, offer = np.nonzero(counts)
    times = counts[customer, offer]
    customer, offer = np.repeat(customer, times), np.repeat(offer, times)
    at = rng.integers(8 * 3_600, 20 * 3_600, len(customer)) + rng.integers(0, DAYS, len(customer)) * DAY_SECONDS
    needed = need_is_on(audience.need_bits, customer, at // (7 * DAY_SECONDS), world.theme[offer])
    lived = (
        (at > people.since[customer] + DAY_SECONDS) & (at < people.until[customer]) & (at > people.adult_from[customer])
    )
    kept = lived & (rng.random(len(customer)) < np.where(needed, 1.0, 1.0 / most))
    return _in_time(customer[kept], offer[kept], at[kept])


def need_is_on(need_bits: Ints, customer: Ints, week: Ints, theme: Ints) -> Bools:
    """Whether the need of `theme` is on in that week; false where the theme is -1."""
    bit = (need_bits[customer, week] >> np.maximum(theme, 0).astype(np.uint8)) & 1
    return np.asarray((theme >= 0) & (bit > 0))


def _in_time(customer: Ints, offer: Ints, at: Seconds) -> Changes:
    order = np.lexsort((offer, customer, at))
    return Changes(customer=customer[order].astype(np.int32), offer=offer[order].astype(np.int16), at=at[order])
