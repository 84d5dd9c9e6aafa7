"""The checked syntax tree of conditions: what generated code is made from, and nothing else.

Every fact is resolved, every literal is in held form and every unit has been checked by the time a node exists.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from engine.errors import Span
from engine.facts import FactSpec
from engine.ids import EventName, FactName

Operator = Literal["<", "<=", ">", ">=", "=="]


@dataclass(frozen=True, slots=True)
class FactRef:
    """A fact that a condition reads. `member` is the bit of a set fact such as `holds.isa`, None for plain facts."""

    name: FactName
    spec: FactSpec
    member: int | None = None


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time in one unit: d (days), h, min, mo or y (calendar)."""

    amount: int
    unit: Literal["min", "h", "d", "mo", "y"]

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"

    @property
    def longest_days(self) -> int:
        """An upper bound in whole days."""
        days = {"min": 1 / 1440, "h": 1 / 24, "d": 1, "mo": 31, "y": 366}[self.unit] * self.amount
        return int(days) + (days % 1 > 0)


@dataclass(frozen=True, slots=True)
class Linear:
    """The right side of a comparison, in natural units: factor * fact + constant."""

    constant: Fraction
    factor: Fraction = Fraction(0)
    fact: FactRef | None = None


@dataclass(frozen=True, slots=True)
class Compare:
    """A number, date or instant against a linear right side; dates and instants against held literals."""

    fact: FactRef
    operator: Operator
    right: Linear
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class OneOf:
    """A fact equals one of some held values."""

    fact: FactRef
    values: frozenset[int | str | bool]
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Holds:
    """A set contains a member, as in `holds.isa: true`."""

    fact: FactRef
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Present:
    """A fact has a value; never unknown."""

    fact: FactRef
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class InPeriod:
    """A date or instant lies between two bounds relative to now, both inclusive; None is open."""

    fact: FactRef
    earliest: tuple[int, Duration] | None
    """Sign (-1 past, +1 future) and distance from now."""
    latest: tuple[int, Duration] | None
    text: str
    span: Span
    strictly_before: bool = False
    """`older than`: the latest bound itself is outside."""


@dataclass(frozen=True, slots=True)
class Seen:
    """At least so many matching events, within a window or ever."""

    event: EventName
    filter: str
    """Canonical text of the event filter; names its place in the event state."""
    at_least: int
    within: Duration | None
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class LastAgo:
    """It happened, and the last time lies between two distances from now."""

    event: EventName
    filter: str
    nearest: Duration
    farthest: Duration
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class SeenSince:
    """It happened at or after the last time of another event; false where that other never happened."""

    event: EventName
    filter: str
    anchor: EventName
    anchor_filter: str
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary; unknown stays unknown."""

    item: "Condition"
    written: str = field(default="", compare=False)
    """The cell that says it, as it stands in the file; empty where a block is negated."""


@dataclass(frozen=True, slots=True)
class All:
    """Every item holds; with none, true."""

    items: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one item holds; with none, false."""

    items: tuple["Condition", ...]


Atom = Compare | OneOf | Holds | Present | InPeriod | Seen | LastAgo | SeenSince
Condition = Atom | Not | All | AnyOf

ALWAYS = All(())


def atoms(condition: Condition) -> Iterator[Atom]:
    """Every cell and history condition below, in file order."""
    match condition:
        case Not(item):
            yield from atoms(item)
        case All(items) | AnyOf(items):
            for each in items:
                yield from atoms(each)
        case _:
            yield condition


def facts_read(condition: Condition) -> Iterator[FactRef]:
    """Every fact below, right sides included."""
    for atom in atoms(condition):
        match atom:
            case Seen() | LastAgo() | SeenSince():
                continue
            case Compare(fact=fact, right=right):
                yield fact
                if right.fact is not None:
                    yield right.fact
            case _:
                yield atom.fact
