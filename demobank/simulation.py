"""Puts people, needs, visits and the world together: a pilot that settles the base rates, then the bank itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from demobank.arrays import stream
from demobank.audience import Audience, assemble, closings, draw_organic, offered_products, reachable
from demobank.calendar import DAY_SECONDS, DAYS, Calendar
from demobank.history import History
from demobank.holdings import Holdings, count_held, draw_holdings, savings_accounts
from demobank.needs import Needs, draw_needs
from demobank.people import People, draw_people
from demobank.rulebook import Rulebook
from demobank.stage import UNIFORM_SHARE, Journal, Stage
from demobank.visits import Visits, draw_visits
from demobank.world import World, draw_world, solve_bias

PILOT_CUSTOMERS = 4_000
PILOT_FROM = (DAYS - 365) * DAY_SECONDS  # one round of the seasons is enough
PILOT_SLOTS = 100_000  # of the pilot's slots, how many the base rates are solved on

# Hears how many steps are done (twice DAYS when all are), and what is being done.
Report = Callable[[int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """Everything about a set of customers that does not depend on what is offered to them."""

    people: People
    needs: Needs
    holdings: Holdings
    visits: Visits


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    calendar: Calendar
    rulebook: Rulebook
    world: World
    town: Town
    audience: Audience
    journal: Journal


def simulate(seed: int, customers: int, calendar: Calendar, rulebook: Rulebook, report: Report) -> Bank:
    """Make the world and live two years in it. The world follows from seed and rules, not from how many bank here."""
    world = draw_tuned_world(seed, calendar, rulebook, lambda day: report(day, "settling the base rates"))
    town = draw_town(str(seed), customers, calendar, rulebook, world)
    stage = set_stage(str(seed), calendar, rulebook, world, town)
    journal = History(stage, stream(str(seed), "history")).run(
        lambda day: report(DAYS + day, "living through two years")
    )
    return Bank(calendar=calendar, rulebook=rulebook, world=world, town=town, audience=stage.audience, journal=journal)


def draw_tuned_world(seed: int, calendar: Calendar, rulebook: Rulebook, advance: Callable[[int], None]) -> World:
    """The world with base rates solved on pilot customers who were offered everything at random."""
    pilot = f"{seed}/pilot"
    people = draw_people(pilot, PILOT_CUSTOMERS, calendar, len(rulebook.segments))
    world = draw_world(str(seed), rulebook, people.scores)
    town = draw_town(pilot, PILOT_CUSTOMERS, calendar, rulebook, world)
    stage = set_stage(pilot, calendar, rulebook, world, town, uniform_share=1.0)
    stage = replace(stage, visits=stage.visits.where(stage.visits.at >= PILOT_FROM))
    slots = History(stage, stream(pilot, "history")).run(advance).slots
    every = slice(None, None, max(len(slots["logit"]) // PILOT_SLOTS, 1))
    logit, examination = slots["logit"][every].astype(float), slots["examination"][every].astype(float)
    inside = np.isfinite(logit)
    weights = inside / inside.sum(axis=1, keepdims=True)
    return solve_bias(world, np.where(inside, logit - world.bias, 0.0), examination, weights)


def draw_town(seed: str, customers: int, calendar: Calendar, rulebook: Rulebook, world: World) -> Town:
    people = draw_people(seed, customers, calendar, len(rulebook.segments))
    holdings = draw_holdings(seed, people, rulebook.products)
    for snapshot in (people.values, people.shown):
        snapshot["products.count"] = count_held(holdings)
        snapshot["savings.accounts_count"] = savings_accounts(
            snapshot["savings.accounts_count"], holdings, rulebook.products
        )
    return Town(
        people=people,
        needs=draw_needs(seed, people.scores),
        holdings=holdings,
        visits=draw_visits(seed, people, world.placements),
    )


def set_stage(
    seed: str,
    calendar: Calendar,
    rulebook: Rulebook,
    world: World,
    town: Town,
    *,
    uniform_share: float = UNIFORM_SHARE,
    offering: bool = True,
) -> Stage:
    """Lay the town out for one run of history. `offering` False shows what happens when nobody is offered anything."""
    columns = offered_products(world, rulebook.products)
    audience = assemble(world, town.people, town.needs, len(rulebook.segments))
    return Stage(
        world=world,
        audience=audience,
        visits=reachable(town.visits, audience),
        held=town.holdings.held[:, columns],
        closings=closings(town.holdings, columns),
        organic=draw_organic(seed, world, town.people, audience, rulebook.products),
        angles=calendar.season_angles(),
        uniform_share=uniform_share,
        offering=offering,
    )
