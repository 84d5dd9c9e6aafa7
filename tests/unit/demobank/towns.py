"""Small towns and worlds for the tests of the demonstration bank's parts."""

from datetime import date
from functools import cache
from pathlib import Path

from demobank.calendar import Calendar
from demobank.people import People, draw_people
from demobank.rulebook import Rulebook, read_rulebook
from demobank.world import World, draw_world

RULES = Path(__file__).parents[3] / "rules"
CALENDAR = Calendar(date(2026, 11, 22))
SEED = "7"


@cache
def rulebook() -> Rulebook:
    """What the starter rule files say."""
    return read_rulebook(RULES)


@cache
def people(count: int = 6_000) -> People:
    return draw_people(SEED, count, CALENDAR, 3)


@cache
def world() -> World:
    """The default world before its base rates are settled."""
    return draw_world(SEED, rulebook(), people().scores)


def write_rules(folder: Path, *actions: str, catalogue: str = "") -> Path:
    """A tiny rule folder: two products, one channel, and the action files given as text."""
    (folder / "actions").mkdir(parents=True)
    (folder / "catalogue.yaml").write_text(
        catalogue
        or (
            "attributes:\n  age: {title: Age, type: integer, source: crm}\n"
            "products:\n  isa: {title: ISA, group: savings}\n  pension: {title: Pension, group: investment}\n"
            "events:\n  salary_paid: {title: Salary, source: core_banking}\n"
            "segments: [mass]\ngroups: [staff]\n"
        )
    )
    (folder / "channels.yaml").write_text("channels: {web: {placements: {hero: {items: 1}}}}\n")
    for number, text in enumerate(actions):
        (folder / "actions" / f"{number}.yaml").write_text(text)
    return folder
