"""`python -m demobank.partner`: a hidden world that somebody else chooses in, spoken to in frames over a pipe.

A frame is eight bytes of length and an .npz file. The first names offers and placements and tells the contacts so far;
then comes one a day, each answered by a frame with `choice` and the chances `policy.*` that are to be judged.
"""

from __future__ import annotations

import argparse
import io
import struct
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import BinaryIO

import numpy as np

from demobank.arena import Arena, Course, launched, need_chances
from demobank.arrays import Table, stream
from demobank.audience import assemble
from demobank.calendar import DAYS, END, Calendar
from demobank.customers import customers_table
from demobank.needs import draw_traces
from demobank.rulebook import CHANNELS, Rulebook, read_rulebook
from demobank.simulation import Town, draw_town, draw_tuned_world, set_stage
from demobank.standing import draw_standing
from demobank.world import World, changed

SHIFT = 0.7
LAUNCH_WEEK, CHANGE_WEEK = 4, 13
_LENGTH = struct.Struct(">Q")


def send(pipe: BinaryIO, columns: Mapping[str, np.ndarray]) -> None:
    """Write one frame."""
    packed = io.BytesIO()
    np.savez(packed, **columns)  # type: ignore[arg-type]  # every keyword is a column
    pipe.write(_LENGTH.pack(packed.getbuffer().nbytes))
    pipe.write(packed.getbuffer())
    pipe.flush()


def receive(pipe: BinaryIO) -> Table:
    """Read one frame.

    Raises:
        EOFError: the other side is gone.
    """
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    with np.load(io.BytesIO(pipe.read(_LENGTH.unpack(head)[0])), allow_pickle=False) as frame:
        return {name: frame[name] for name in frame.files}


def play(seed: int, customers: int, weeks: int, rulebook: Rulebook, calendar: Calendar, folder: Path) -> None:
    """Make a world, write its customers into `folder`, and live the last `weeks` by the choices of the other side."""
    world, newcomers = launched(draw_tuned_world(seed, calendar, rulebook, lambda _: None))
    town = draw_town(str(seed), customers, calendar, rulebook, world)
    _write_customers(folder, seed, rulebook, calendar, town)
    stage = set_stage(str(seed), calendar, rulebook, world, town)
    first_day = DAYS - 7 * weeks
    other = changed(world, str(seed), _moody_groups(seed, world, newcomers), town.people.scores, SHIFT)
    course = Course(
        first_day=first_day,
        launch_day=first_day + 7 * (LAUNCH_WEEK - 1),
        newcomers=newcomers,
        change_day=first_day + 7 * (CHANGE_WEEK - 1),
        world=other,
        audience=assemble(other, town.people, town.needs, len(rulebook.segments)),
    )
    need = need_chances(town.people, town.needs, draw_traces(str(seed), town.needs.spells))
    greeting = {
        "offers": np.array([offer.action for offer in world.offers]),
        "values": world.value,
        "placements": np.array([f"{placement.channel}.{placement.name}" for placement in world.placements]),
        "channels": np.array(CHANNELS),
        "newcomers": np.array(newcomers),
        "first_day": np.array(first_day),
        "launch_week": np.array(LAUNCH_WEEK),
        "change_week": np.array(CHANGE_WEEK),
    }
    pipes = sys.stdin.buffer, sys.stdout.buffer

    def ask(asked: Table) -> Table:
        if int(asked["day"]) == first_day:
            send(pipes[1], greeting | {f"past.{name}": column for name, column in arena.past().items()})
        send(pipes[1], asked)
        return receive(pipes[0])

    arena = Arena(stage, stream(str(seed), "history"), course, need, ask)
    arena.run(lambda _: None)
    send(pipes[1], {f"news.{name}": column for name, column in arena.news.items()})


def _write_customers(folder: Path, seed: int, rulebook: Rulebook, calendar: Calendar, town: Town) -> None:
    """The bank's snapshot. Nothing follows up on answers here, so the column that would tell them is 0."""
    people = town.people
    standing = draw_standing(str(seed), people, town.holdings, rulebook.products, calendar)
    leak = np.zeros(people.count), np.full(people.count, END)
    customers_table(seed, calendar, rulebook, people, standing, leak).write_parquet(folder / "customers.parquet")


def _moody_groups(seed: int, world: World, newcomers: tuple[int, ...]) -> frozenset[str]:
    """Two groups without newcomers whose customers change their minds."""
    spared = {world.offers[column].group for column in newcomers}
    groups = [group for group in world.groups if group not in spared]
    return frozenset(stream(str(seed), "mood").permutation(groups)[:2].tolist())


def main() -> None:
    """Play one world."""
    asked = argparse.ArgumentParser(prog="python -m demobank.partner", description=__doc__)
    asked.add_argument("--rules", type=Path, default=Path("rules"), help="folder of the rule files")
    asked.add_argument("--folder", type=Path, required=True, help="where customers.parquet is written")
    asked.add_argument("--customers", type=int, default=6_000)
    asked.add_argument("--weeks", type=int, default=21, help="of the two years, how many the other side chooses in")
    asked.add_argument("--seed", type=int, default=7)
    asked.add_argument("--as-of", type=date.fromisoformat, required=True, help="the day the history ends")
    told = asked.parse_args()
    play(told.seed, told.customers, told.weeks, read_rulebook(told.rules), Calendar(told.as_of), told.folder)


if __name__ == "__main__":
    main()
