"""What history is played with and what it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass

from demobank.arrays import Bools, Floats, Ints, Singles, Table
from demobank.audience import Audience, Changes
from demobank.visits import Visits
from demobank.world import World

UNIFORM_SHARE = 0.05
ORGANIC, CAUSED, SURE = 0, 1, 2  # why a product opened


@dataclass(frozen=True, slots=True)
class Journal:
    """Contacts in order of time and rank; every opening with its cause; for uniform slots the truth about all offers.

    `slots` holds per uniform contact its row `contact`, its `examination`, and for each offer `logit` and `shown_logit`
    (without the hidden parts), NaN outside S.
    """

    contacts: Table
    openings: Table
    slots: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a run of history needs beside its random stream.

    `uniform_share` 1 offers everything at random, `offering` False nothing at all.
    """

    world: World
    audience: Audience
    visits: Visits
    held: Bools
    closings: Changes
    organic: Changes
    angles: Floats
    uniform_share: float = UNIFORM_SHARE
    offering: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Encounter:
    """One day's visits, each by another customer: visits x offers.

    `calm` is the logit as if nothing had ever been offered, `shown_logit` the logit as far as the bank could know it.
    """

    visit: Ints
    customer: Ints
    at: Ints
    day: Singles
    channel: Ints
    placement: Ints
    items: Ints
    exposures: Singles
    needed: Singles
    calm: Singles
    logit: Singles
    shown_logit: Singles
    open_to: Bools
    uniform: Bools
