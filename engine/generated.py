"""What the compiler generates: the layout of the row that rules read, the functions made from the checked tree, and who
looks at single conditions for explanations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from engine.facts import Held
from engine.ids import FactName
from engine.syntax import Atom, Condition

Row = list[Held]
"""The facts of one decision by slot; derived slots are filled in by the generated prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLayout:
    """Which slot of a row holds what."""

    slot_by_fact: Mapping[FactName, int]
    """Plain facts; set facts hold their mask here."""
    event_offset: int
    """Where the event state begins."""
    consent_offset: int
    context_offset: int
    request_offset: int
    """channel, moment, then the clock: hour, weekday, day of month, now in seconds, today, windows, days."""
    now_slot: int
    today_slot: int
    derived_offset: int
    """Complements of sets, facts as guards see them, needs last held, calculated facts, needs."""
    last_held_slot_by_need: Mapping[FactName, int]
    width: int


class Generated(Protocol):
    """The functions made from the checked tree; `row` has been prepared by `complete` and `infer`."""

    def complete(self, row: Row) -> None:
        """Fill in set complements, the facts as guards see them, and defaults."""

    def infer(self, row: Row) -> None:
        """Fill in calculated facts and needs."""

    def guards(self, row: Row) -> list[int]:
        """Positions of the guards that stop, in order: those that are not false."""

    def suppressions(self, row: Row) -> list[int]:
        """Positions of the triggers whose suppression is not false."""

    def promotions(self, row: Row) -> list[int]:
        """Positions of the triggers that promote: those that are true, for this moment."""

    def themes(self, row: Row) -> list[int]:
        """Positions of the themes that are active."""

    def engage(self, channel: int, row: Row, codes: bytearray) -> list[int]:
        """Judge every action whose code is 0: write the code of the first failing stage, return those that pass."""

    def value(self, action: int, row: Row) -> float:
        """An action's value in minor units."""

    def terms(self, action: int, row: Row) -> Mapping[str, float]:
        """The terms of an action whose terms vary, in natural units; those that are unknown are left out."""

    def fits(self, condition: int, row: Row) -> bool:
        """Whether a treatment's condition is true."""

    def priority(self, row: Row, propensity: float, value: float, context_weight: float, lever: float) -> float:
        """The priority by the bank's own formula, for plans that have one; value and result in major units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The cell or history condition that decided, and what it was: False, None (unknown), or True inside a negation."""

    atom: Atom
    truth: bool | None


class Tracer(Protocol):
    """Looks at single conditions, for explanations; too slow for deciding."""

    def truth(self, condition: Condition, row: Row, *, guarded: bool = False) -> bool | None:
        """True, False, or None for unknown; `guarded` reads facts with the defaults of guards."""

    def cause(self, condition: Condition, row: Row, *, guarded: bool = False) -> Cause | None:
        """What keeps a condition from being true: the first false part in file order, else the first unknown one."""
