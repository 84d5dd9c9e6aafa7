"""Dice, and what is drawn from: few values, so that conditions often hold and edges are often met."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from tests.reference.drawing.chance import Chance
from tests.reference.natural import Length, Tree, day_away, instant_away

T = TypeVar("T")

LENGTHS_IN_DAYS: Final = ("0d", "1d", "7d", "30d", "1mo", "6mo", "1y")
LENGTHS: Final = (*LENGTHS_IN_DAYS, "12h", "36h", "90min")


@dataclass
class Dice:
    """Draws part after part; knows what has been declared so far."""

    chance: Chance
    now: datetime
    """In UTC, as all instants here: what is reckoned with local times skips and repeats hours."""
    zone: ZoneInfo
    kinds: dict[str, str] = field(default_factory=dict)
    """Every fact that conditions may name, with its type."""
    decimals: dict[str, int] = field(default_factory=dict)
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The values of categories and sets."""
    actions: list[str] = field(default_factory=list)
    groups_used: list[str] = field(default_factory=list)
    themes: list[str] = field(default_factory=list)
    gaps: bool = True
    """Whether rules may ask for gaps (`present`, `missing`) and fill them with defaults."""
    blocks: list[Tree] = field(default_factory=list)
    """Blocks drawn so far, to be asked again elsewhere."""
    habit: int = 0
    """How often, of ten times, rules ask what others ask."""
    hidden: frozenset[str] = frozenset()
    """Facts that may not be named at present."""
    trials: list[dict[str, Tree]] = field(default_factory=list)
    """Experiments, before it is known which of them compare anything."""
    arms_used: set[tuple[str, str]] = field(default_factory=set)
    """Experiments with the arms that some treatment is for."""
    promoted: set[str] = field(default_factory=set)
    """Actions that some theme or trigger gives a reason to show."""

    def pick(self, values: Sequence[T]) -> T:
        """One of some values."""
        return values[self.number(0, len(values) - 1)]

    def number(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return self.chance.number(low, high)

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """Some values in any order."""
        left = list(values)
        return [left.pop(self.number(0, len(left) - 1)) for _ in values]

    def often(self, chances: int, of: int = 10) -> bool:
        """True about so many times."""
        return self.number(1, of) > of - chances

    def some(self, values: Sequence[T], most: int = 99) -> list[T]:
        """A few of some values, in their order."""
        return [each for each in values if self.often(5)][:most]

    def few(self, values: Sequence[T], most: int = 99) -> list[T]:
        """At least one of some values."""
        return self.some(values, most) or [self.pick(values)]

    def text_of(self, name: str) -> str:
        """A value of a fact, as a file writes it; from few values, so that conditions often hold."""
        match self.kinds[name]:
            case "integer":
                return str(self.number(1, 23) if name.startswith("now.") else self.number(-2, 5))
            case "money":
                return self.pick(("-1.50", "0", "0.01", "2.50", "10", "1_000"))
            case "decimal":
                return str(Decimal(self.number(-3, 6)).scaleb(-self.decimals[name]))
            case "boolean":
                return self.pick(("true", "false"))
            case "date":
                return self.date().isoformat()
            case "instant":
                return self.instant().isoformat()
            case "category" | "set":
                return self.pick(self.values[name])
            case _:
                return self.pick(("ada", "bob"))

    def date(self) -> date:
        """A day near the edge of some period."""
        today = self.now.astimezone(self.zone).date()
        day = day_away(today, self.pick((-1, -1, 1)), Length.read(self.pick(LENGTHS_IN_DAYS)))
        return day + timedelta(days=self.number(-1, 1))

    def past(self) -> datetime:
        """An instant in the past, near the edge of some window or of a day, a week or a month."""
        if self.often(2):
            midnight = datetime.combine(self.now.astimezone(self.zone).date(), datetime.min.time(), self.zone)
            edge = midnight - timedelta(days=self.number(0, 8))
        else:
            edge = instant_away(self.now, -1, Length.read(self.pick(LENGTHS)), self.zone)
        return min(self.now, edge.astimezone(UTC) + timedelta(seconds=self.number(-1, 1)))

    def instant(self) -> datetime:
        """An instant near the edge of some window, past or future."""
        length = Length.read(self.pick(LENGTHS))
        return instant_away(self.now, self.pick((-1, 1)), length, self.zone) + timedelta(seconds=self.number(-1, 1))
