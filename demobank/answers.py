"""`python -m demobank.answers`: two years in which everything is offered by chance, as events and answers; and a trap.

Whoever is about to travel does not want car insurance just then: a rule that pushes it on a journey does harm, and no
attribute tells. The answers say how likely each was, as far as anybody could know without the events.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from demobank.arrays import Ints, Singles, Table, stream
from demobank.calendar import Calendar
from demobank.events import draw_events
from demobank.history import History
from demobank.memory import Rows
from demobank.needs import THEMES
from demobank.rulebook import CHANNELS, CannotBuildBank, read_rulebook
from demobank.simulation import Bank, draw_town, draw_tuned_world, set_stage
from demobank.stage import Encounter, Stage
from demobank.tables import customer_ids, events_table, instants, names
from demobank.trial import facts_table

PUT_OFF_ACTION, PUT_OFF_BY, PUT_OFF_WEIGHT = "car_insurance", "travel", 3.0


class Trapped(History):
    """A history in which one need makes one offer unwelcome, and which notes what could be known of each answer."""

    def __init__(self, stage: Stage, rng: np.random.Generator) -> None:
        super().__init__(stage, rng)
        self._put_off = stage.world.columns[PUT_OFF_ACTION]
        self._expected = Rows(key=np.empty(0, dtype=np.int64), expected=np.empty(0, dtype=np.float32))

    def expected(self) -> Table:
        """By choice (`key`) what could be expected; used up."""
        return self._expected.table()

    def _encounter(self, day: int, visit: Ints) -> Encounter:
        met = super()._encounter(day, visit)
        bits = self._stage.audience.need_bits[met.customer, day // 7]
        travelling = (bits >> THEMES.index(PUT_OFF_BY)) & 1
        logit = met.logit.copy()
        logit[:, self._put_off] -= np.float32(PUT_OFF_WEIGHT) * travelling
        return replace(met, logit=logit)

    def _record_slots(self, met: Encounter, rows: Ints, wish: Singles, rank: int) -> None:
        offer = wish[rows].argmax(axis=1)
        chance = self._examination[met.placement[rows], rank] / (1.0 + np.exp(-met.shown_logit[rows, offer]))
        self._expected.add(key=met.visit[rows] * 3 + rank, expected=chance.astype(np.float32))


def write(seed: int, customers: int, rules: Path, calendar: Calendar, folder: Path) -> int:
    """Live two years and write the customers' facts, their events and their answers; how many answers there are."""
    rulebook = read_rulebook(rules)
    world = draw_tuned_world(seed, calendar, rulebook, lambda _: None)
    if PUT_OFF_ACTION not in world.columns:
        raise CannotBuildBank(f"`{PUT_OFF_ACTION}` is no offer of these rules, and the trap is laid for it")
    name = f"{seed}/answers"
    town = draw_town(name, customers, calendar, rulebook, world)
    stage = set_stage(name, calendar, rulebook, world, town, uniform_share=1.0)
    history = Trapped(stage, stream(name, "history"))
    journal = history.run(lambda _: None)
    bank = Bank(calendar=calendar, rulebook=rulebook, world=world, town=town, audience=stage.audience, journal=journal)
    types, events, _ = draw_events(seed, bank)
    folder.mkdir(parents=True, exist_ok=True)
    facts_table(seed, rulebook, calendar, town).write_parquet(folder / "customers.parquet")
    events_table(bank, types, events, slice(0, len(events["at"]))).write_parquet(folder / "events.parquet")
    answers = _answers(bank, history.expected())
    answers.write_parquet(folder / "answers.parquet")
    return len(answers)


def _answers(bank: Bank, expected: Table) -> pl.DataFrame:
    """Impressions in order of time."""
    contacts = bank.journal.contacts
    frame = pl.DataFrame(
        {
            "time": instants(bank.calendar, contacts["at"]),
            "customer": customer_ids(contacts["customer"]),
            "channel": names(contacts["channel"], CHANNELS),
            "action": names(contacts["offer"], [offer.action for offer in bank.world.offers]),
            "positive": contacts["positive"],
            "expected": expected["expected"][np.argsort(expected["key"])].astype(float),
        }
    )
    return frame.filter(pl.Series(contacts["seen"]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when the files are there, 2 when what was asked for cannot be made."""
    asked = argparse.ArgumentParser(prog="python -m demobank.answers", description=__doc__)
    asked.add_argument("--rules", type=Path, default=Path("rules"), help="folder of the rule files")
    asked.add_argument("--folder", type=Path, required=True, help="where the files are written")
    asked.add_argument("--customers", type=int, default=20_000)
    asked.add_argument("--seed", type=int, default=7)
    asked.add_argument("--as-of", type=date.fromisoformat, required=True, help="the day the history ends")
    told = asked.parse_args(arguments)
    try:
        count = write(told.seed, told.customers, told.rules, Calendar(told.as_of), told.folder)
    except CannotBuildBank as err:
        print(f"demobank: {err}", file=sys.stderr)
        return 2
    print(f"{told.customers:,} customers gave {count:,} answers: {told.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
