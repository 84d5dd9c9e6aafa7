"""Draws people with gaps, their events and contacts, and what they ask; and whole cases."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.reference.conditions import literal
from tests.reference.drawing.cells import EVENTS
from tests.reference.drawing.chance import Chance, Draw, Drawn, Seeded
from tests.reference.drawing.policies import PolicyDice
from tests.reference.drawing.rules import CHANNELS, MOMENTS, PLACES, REASONS
from tests.reference.drawing.writing import Places, write
from tests.reference.facts import tree_of
from tests.reference.natural import Happening, Person, Question, Touch, Tree, Value

ZONES: Final = ("Europe/London", "America/New_York", "Asia/Kolkata", "UTC")
DAYS: Final = ("01-05", "02-28", "03-29", "03-30", "03-08", "05-31", "10-25", "10-26")
"""Days of 2026 to decide on: ordinary ones, ends of months, and those on and after a change of the clocks."""
TIMES: Final = ("00:00:00", "00:59:59", "01:30:00", "02:30:00", "07:59:59", "12:00:00", "20:00:00", "23:59:59")
CUSTOMERS: Final = tuple(f"C{number:07d}" for number in range(1, 9))
SESSIONS: Final = ("s1", "s2", "s3")
STATES: Final = ("pending", "shown", "shown", "clicked", "later", "declined", "accepted", "converted")
PROPENSITIES: Final = tuple(Fraction(each, 64) for each in (1, 3, 4, 16, 24, 0))
"""Like all factors here, sums of powers of two, so that floats multiply them exactly."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Rule files, some people, and the questions that they ask."""

    files: dict[str, str]
    people: tuple[tuple[Person, Question], ...]
    trees: dict[str, dict[str, Tree]] = field(default_factory=dict)
    """The rule files as they were drawn."""
    places: dict[str, Places] = field(default_factory=dict)
    """Where each part of each file stands."""


class PeopleDice(PolicyDice):
    """Draws somebody and their question."""

    def person(self) -> Person:
        """Somebody, with gaps."""
        facts: dict[str, Value] = {}
        for name, kind in self.kinds.items():
            if re.fullmatch(r"f\d", name) and self.often(8):
                facts[name] = literal(kind, self.text_of(name))
            elif kind == "set" and self.often(9):
                facts[name] = frozenset(self.some(self.values[name]))
        kept_since = self.past() if self.often(5) else None
        kept_later = {each: self.past() for each in EVENTS if self.often(1)}
        events = [self.happening() for _ in range(self.number(0, 4))]
        if self.often(6):
            facts["customer.since"] = self.first_day(kept_since)
        consent = {channel: not self.often(1, 20) for channel in CHANNELS if not self.often(1, 20)}
        return Person(
            known=True,
            facts=facts,
            consent={"marketing": consent} if consent else {},
            objection=self.pick((None, False, False, False, False, True)),
            events=tuple(each for each in events if each.at >= kept_later.get(each.event, each.at)),
            kept_since=kept_since,
            kept_later=kept_later,
            last_held={
                f"needs.{each}": self.past()
                for each in ("n0", "n1", "n2")
                if f"needs.{each}" in self.kinds and self.often(3)
            },
            touches=tuple(sorted((self.touch() for _ in range(self.number(0, 5))), key=lambda each: each.at)),
        )

    def first_day(self, kept_since: datetime | None) -> date:
        """The customer's first day, mostly about when the history begins."""
        if kept_since is None or self.often(2):
            return self.date()
        return kept_since.astimezone(self.zone).date() + timedelta(days=self.number(-2, 1))

    def happening(self) -> Happening:
        """An event."""
        event, fields = self.pick(EVENTS), dict[str, Value]()
        if event == "paid" and self.often(8):
            fields = {"amount": Decimal(self.number(0, 4)), "kind": self.pick(("base", "bonus"))}
        return Happening(at=self.past(), event=event, fields=fields)

    def touch(self) -> Touch:
        """A contact."""
        state = self.pick(STATES)
        minutes = self.pick((10, 90, 180, 1440))
        at = min(self.now, self.now - timedelta(minutes=self.number(0, 40))) if self.often(3) else self.past()
        return Touch(
            at=at,
            action=self.pick(self.actions),
            session=self.pick(SESSIONS),
            channel=self.pick(CHANNELS),
            state=state,
            reason=self.pick(REASONS) if state == "declined" else "none",
            minutes=minutes,
        )

    def left(self, budgets: Sequence[Tree]) -> dict[str, int]:
        """What some budgets still carry."""
        return {str(tree_of(each)["budget"]): self.pick((-1, 0, 0, 1, 2)) for each in budgets if self.often(4)}

    def question(self) -> Question:
        """What is asked."""
        channel = self.pick(CHANNELS)
        places = self.few(PLACES[channel])
        context: dict[str, Value] = {}
        if self.often(5):
            context["cash"] = Decimal(self.pick(("0", "2.50", "10")))
        if self.often(5):
            context["page"] = self.pick(("home", "shop"))
        return Question(
            customer=self.pick(CUSTOMERS),
            now=self.now,
            channel=channel,
            moment=self.pick((None, *MOMENTS[channel], *MOMENTS[channel])),
            placements=tuple((place, self.number(1, 3)) for place in places),
            context=context,
            locale=self.pick(("en-GB", "en-GB", "cy-GB")),
            session=self.pick((None, *SESSIONS)),
            only=frozenset(self.few(self.actions)) if self.often(1, 20) else None,
            exclude=frozenset(self.some(self.actions)) if self.often(1, 20) else frozenset(),
            propensities={action: self.pick(PROPENSITIES) for action in self.actions},
            baseline={action: self.pick(PROPENSITIES) for action in self.actions},
        )


def case_of(chance: Chance, people_count: int) -> Case:
    """A bank and some people who ask it something."""
    zone = ZoneInfo(ZONES[chance.number(0, len(ZONES) - 1)])
    day, clock = DAYS[chance.number(0, len(DAYS) - 1)], TIMES[chance.number(0, len(TIMES) - 1)]
    now = datetime.fromisoformat(f"2026-{day}T{clock}").replace(tzinfo=zone).astimezone(UTC)
    dice = PeopleDice(chance, now, zone, habit=(0, 0, 1, 8)[chance.number(0, 3)])
    trees = dice.trees()
    people = [(dice.person(), dice.question()) for _ in range(people_count)]
    # Drawn last, so that the same seed goes on drawing the same banks and people otherwise.
    budgets = dice.budgets()
    trees["policy/contact.yaml"] = {**trees["policy/contact.yaml"], "budgets": budgets}
    asking = tuple((person, replace(question, budgets=dice.left(budgets))) for person, question in people)
    trees["policy/arbitration.yaml"] = {**trees["policy/arbitration.yaml"], **dice.ranking()}
    texts = {path: write(tree) for path, tree in trees.items()}
    return Case(
        files={path: text for path, (text, _) in texts.items()},
        people=asking,
        trees=trees,
        places={path: places for path, (_, places) in texts.items()},
    )


def seeded_case(seed: int, number: int, people: int) -> Case:
    """The bank of a number among those of a seed; always the same."""
    return case_of(Seeded(seed, number), people)


@st.composite
def cases(draw: Draw, people: int = 4) -> Case:
    """A bank that Hypothesis draws."""
    return case_of(Drawn(draw), people)
