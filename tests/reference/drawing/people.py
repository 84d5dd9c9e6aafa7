"""Draws people with gaps, their events and contacts, and what they ask; and whole cases."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.reference.conditions import literal
from tests.reference.drawing.cells import EVENTS
from tests.reference.drawing.dice import Draw
from tests.reference.drawing.policies import PolicyDice
from tests.reference.drawing.rules import CHANNELS, MOMENTS, PLACES, REASONS
from tests.reference.natural import Happening, Person, Question, Touch, Value

ZONES: Final = ("Europe/London", "America/New_York", "Asia/Kolkata", "UTC")
DAYS: Final = ("01-05", "02-28", "03-29", "03-30", "03-08", "05-31", "10-25", "10-26")
"""Days of 2026 to decide on: ordinary ones, ends of months, and those on and after a change of the clocks."""
TIMES: Final = ("00:00:00", "00:59:59", "01:30:00", "02:30:00", "07:59:59", "12:00:00", "20:00:00", "23:59:59")
SESSIONS: Final = ("s1", "s2", "s3")
STATES: Final = ("pending", "shown", "shown", "clicked", "later", "declined", "accepted", "converted")
PROPENSITIES: Final = tuple(Fraction(each, 64) for each in (1, 3, 4, 16, 24, 0))
"""Like all factors here, sums of powers of two, so that floats multiply them exactly."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Rule files, some people, and the questions that they ask."""

    files: dict[str, str]
    people: tuple[tuple[Person, Question], ...]


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
        if self.often(7):
            facts["customer.since"] = self.date()
        consent = {channel: not self.often(1, 20) for channel in CHANNELS if not self.often(1, 20)}
        return Person(
            known=True,
            facts=facts,
            consent={"marketing": consent} if consent else {},
            objection=self.pick((None, False, False, False, False, True)),
            events=tuple(self.happening() for _ in range(self.number(0, 4))),
            kept_since=self.past() if self.often(3) else None,
            last_held={
                f"needs.{each}": self.past()
                for each in ("n0", "n1", "n2")
                if f"needs.{each}" in self.kinds and self.often(3)
            },
            touches=tuple(sorted((self.touch() for _ in range(self.number(0, 5))), key=lambda each: each.at)),
        )

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


@st.composite
def cases(draw: Draw, people: int = 4) -> Case:
    """A bank and some people who ask it something."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    written_now = f"2026-{draw(st.sampled_from(DAYS))}T{draw(st.sampled_from(TIMES))}"
    now = datetime.fromisoformat(written_now).replace(tzinfo=zone).astimezone(UTC)
    dice = PeopleDice(draw, now, zone)
    files = dice.files()
    return Case(files=files, people=tuple((dice.person(), dice.question()) for _ in range(people)))
