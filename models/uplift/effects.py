"""What a model knows of the effects of offers, beside its propensities. Part of its manifest."""

from dataclasses import dataclass
from typing import Final

ALL_OFFERS: Final = "all_offers"
"""Stands in place of an action where customers went without any offer, as in an experiment `of: all_offers`."""
CANARIES: Final = "uplift.json"
"""The file with rows that effect trees must score as LightGBM did, by the name of the file with the trees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How the propensity of an action is corrected to what the offer itself brings about.

    A `share` multiplies it. `trees` tell by customer how many conversions the offer adds to those that come anyway:
    they are its upper bound, and below 0 it is 0. Those of ALL_OFFERS only tell whom no offer is made: below 0.
    """

    action: str
    share: float | None = None
    trees: str | None = None
    """The file that holds them."""
