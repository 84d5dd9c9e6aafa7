"""`python -m demobank.trial`: two years in which chance decides who goes without an offer, as one table.

Half the customers go without any one offer, whichever it would have been: a draw for each customer and action, for
good. A share goes without all of them. Whatever opens is written down, offered or not: that is what a trial needs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import erf, log, sqrt
from pathlib import Path

import numpy as np
import polars as pl

from demobank.arrays import Bools, Floats, Ints, Seconds, Singles, Table, stream
from demobank.attributes import DRIVERS
from demobank.calendar import DAY_SECONDS, END, Calendar
from demobank.customers import customers_table
from demobank.history import History
from demobank.memory import Rows
from demobank.rulebook import CHANNELS, CannotBuildBank, Rulebook, read_rulebook
from demobank.simulation import Town, draw_town, draw_tuned_world, set_stage
from demobank.stage import Encounter, Stage
from demobank.standing import draw_standing
from demobank.tables import customer_ids, instants, names
from demobank.world import DELAY_MEDIAN_DAYS, DELAY_SIGMA, World

ALL_OFFERS = "all_offers"
WINDOW_DAYS, LONG_WINDOW_DAYS = 30, 364
WITHHELD_SHARE, LEFT_ALONE_SHARE = 0.5, 0.3
_SPAN = 1 << 27  # more than any second of the history


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """Who goes without what: customers x offers, and customers."""

    withheld: Bools
    left_alone: Bools


def draw_arms(seed: str, customers: int, offers: int) -> Arms:
    rng = stream(seed, "arms")
    return Arms(
        withheld=rng.random((customers, offers), dtype=np.float32) < WITHHELD_SHARE,
        left_alone=rng.random(customers) < LEFT_ALONE_SHARE,
    )


class Trial(History):
    """A history in which chance chooses, and some of what it chooses is withheld."""

    def __init__(self, stage: Stage, rng: np.random.Generator, arms: Arms) -> None:
        super().__init__(stage, rng)
        self._arms = arms
        self._chosen = Rows(
            customer=np.empty(0, dtype=np.int32),
            at=np.empty(0, dtype=np.int64),
            channel=np.empty(0, dtype=np.uint8),
            offer=np.empty(0, dtype=np.int16),
            chance=np.empty(0, dtype=np.float32),
        )

    def chosen(self) -> Table:
        """All that was chosen, shown or withheld; used up."""
        return self._chosen.table()

    def _encounter(self, day: int, visit: Ints) -> Encounter:
        met = super()._encounter(day, visit)
        alone = self._arms.left_alone[met.customer]
        return replace(met, items=np.where(alone, 0, met.items).astype(met.items.dtype))

    def _answer(
        self, day: int, met: Encounter, rows: Ints, offer: Ints, rank: int, candidates: Ints, luck: Singles
    ) -> Bools:
        chance = self._examination[met.placement[rows], rank] / (1.0 + np.exp(-met.logit[rows, offer]))
        self._chosen.add(
            customer=met.customer[rows],
            at=met.at[rows],
            channel=met.channel[rows],
            offer=offer.astype(np.int16),
            chance=(chance * self._seen[met.channel[rows]]).astype(np.float32),
        )
        shown = np.flatnonzero(~self._arms.withheld[met.customer[rows], offer])
        seen = np.zeros(len(rows), dtype=bool)
        seen[shown] = super()._answer(day, met, rows[shown], offer[shown], rank, candidates[shown], luck)
        return seen

    def _record_slots(self, met: Encounter, rows: Ints, wish: Singles, rank: int) -> None:
        """Nobody asks for the truth about each slot of a trial."""


def play(seed: int, customers: int, rulebook: Rulebook, calendar: Calendar, actions: Sequence[str]) -> pl.DataFrame:
    """Live two years, and lay out the rows of some actions (none: all) and of all offers together."""
    world = draw_tuned_world(seed, calendar, rulebook, lambda _: None)
    strangers = sorted(set(actions) - {offer.action for offer in world.offers})
    if strangers:
        raise CannotBuildBank(f"`{strangers[0]}` is no offer of the demonstration bank")
    name = f"{seed}/trial"
    town = draw_town(name, customers, calendar, rulebook, world)
    stage = set_stage(name, calendar, rulebook, world, town, uniform_share=1.0)
    arms = draw_arms(name, customers, len(world.offers))
    trial = Trial(stage, stream(name, "history"), arms)
    openings = trial.run(lambda _: None).openings
    rows = trial.chosen()
    wanted = [world.columns[action] for action in actions] or list(range(len(world.offers)))
    kept = np.isin(rows["offer"], wanted) & (rows["at"] < END - WINDOW_DAYS * DAY_SECONDS)
    rows = {column: values[kept] for column, values in rows.items()}
    frame = pl.concat([_single(world, calendar, arms, rows, openings), _all(calendar, arms, stage, openings)])
    facts = facts_table(seed, rulebook, calendar, town)
    return frame.sort("time", "customer", "action").join(facts, on="customer", how="left", maintain_order="left")


def _single(world: World, calendar: Calendar, arms: Arms, rows: Table, openings: Table) -> pl.DataFrame:
    """A row for each choice. The propensity is that of a model that knows every answer's true chance."""
    product = world.twins.argmax(axis=1)
    opened_at = _next_opening(rows["customer"], product[rows["offer"]], rows["at"], openings, product)
    return pl.DataFrame(
        {
            "time": instants(calendar, rows["at"]),
            "customer": customer_ids(rows["customer"]),
            "action": names(rows["offer"], [offer.action for offer in world.offers]),
            "channel": names(rows["channel"], CHANNELS),
            "withheld": arms.withheld[rows["customer"], rows["offer"]],
            "treatment_probability": np.full(len(opened_at), 1.0 - WITHHELD_SHARE),
            "propensity": rows["chance"].astype(float) * world.conversion[rows["offer"]] * _in_time(WINDOW_DAYS),
            "outcome": opened_at < rows["at"] + WINDOW_DAYS * DAY_SECONDS,
        }
    )


def _next_opening(customer: Ints, product: Ints, at: Seconds, openings: Table, product_of: Ints) -> Seconds:
    """When each customer next opened each product; END where never."""
    products = int(product_of.max()) + 1
    key = (openings["customer"].astype(np.int64) * products + product_of[openings["offer"]]) * _SPAN + openings["at"]
    key = np.append(np.sort(key), np.iinfo(np.int64).max)
    wanted = (customer.astype(np.int64) * products + product) * _SPAN + at
    found = key[np.searchsorted(key, wanted, side="right")]
    return np.where(found // _SPAN == wanted // _SPAN, found % _SPAN, END)


def _in_time(days: int) -> float:
    """The share of conversions that come within so many days."""
    return 0.5 * (1.0 + erf(log(days / DELAY_MEDIAN_DAYS) / DELAY_SIGMA / sqrt(2.0)))


def _all(calendar: Calendar, arms: Arms, stage: Stage, openings: Table) -> pl.DataFrame:
    """A row for each customer who could have been offered something: whether anything opened in a year."""
    customer, first = np.unique(stage.visits.customer, return_index=True)
    at = stage.visits.at[first]
    soon = at < END - LONG_WINDOW_DAYS * DAY_SECONDS
    customer, at = customer[soon], at[soon]
    starts = np.full(len(arms.left_alone), END, dtype=np.int64)
    starts[customer] = at
    since = openings["at"] - starts[openings["customer"]]
    early = openings["customer"][(since > 0) & (since < LONG_WINDOW_DAYS * DAY_SECONDS)]
    opened = np.bincount(early, minlength=len(starts)) > 0
    return pl.DataFrame(
        {
            "time": instants(calendar, at),
            "customer": customer_ids(customer),
            "action": np.full(len(customer), ALL_OFFERS),
            "channel": names(stage.visits.channel[first][soon], CHANNELS),
            "withheld": arms.left_alone[customer],
            "treatment_probability": np.full(len(customer), 1.0 - LEFT_ALONE_SHARE),
            "propensity": pl.Series([None] * len(customer), dtype=pl.Float64),
            "outcome": opened[customer],
        }
    )


def facts_table(seed: int, rulebook: Rulebook, calendar: Calendar, town: Town) -> pl.DataFrame:
    """A row for each customer: the attributes that drive answers, as the bank knows them, and segments."""
    people = town.people
    standing = draw_standing(str(seed), people, town.holdings, rulebook.products, calendar)
    nothing: tuple[Floats, Seconds] = np.zeros(people.count), np.full(people.count, END)
    table = customers_table(seed, calendar, rulebook, people, standing, nothing)
    return table.select(pl.col("customer_id").alias("customer"), *DRIVERS, "segments")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when the table is there, 2 when what was asked for cannot be made."""
    asked = argparse.ArgumentParser(prog="python -m demobank.trial", description=__doc__)
    asked.add_argument("--rules", type=Path, default=Path("rules"), help="folder of the rule files")
    asked.add_argument("--out", type=Path, required=True, help="the .parquet file that is written")
    asked.add_argument("--customers", type=int, default=20_000)
    asked.add_argument("--actions", nargs="*", default=[], help="whose rows are written (default: all)")
    asked.add_argument("--seed", type=int, default=7)
    asked.add_argument("--as-of", type=date.fromisoformat, required=True, help="the day the history ends")
    told = asked.parse_args(arguments)
    try:
        table = play(told.seed, told.customers, read_rulebook(told.rules), Calendar(told.as_of), told.actions)
    except CannotBuildBank as err:
        print(f"demobank: {err}", file=sys.stderr)
        return 2
    table.write_parquet(told.out)
    print(f"trial of {told.customers:,} customers: {len(table):,} rows in {told.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
