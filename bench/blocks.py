"""The benchmark's facts, customers and rule blocks, drawn from one seed; what a block means is told plainly here.

A number lies strictly inside one of ten bands and every threshold is a band's edge, so customers differ in every number
and still get the same verdicts: each of them leaves the same actions standing.
"""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

BANDS: Final = 10
CELLS: Final = 3
Value = float | int | str | bool | None
Numeric = Literal["integer", "money", "decimal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A fact of the benchmark's catalogue; a number's bands are `band_width` wide, in natural units."""

    name: str
    type: Numeric | Literal["category", "boolean"]
    band_width: int = 0
    values: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether it has an order."""
        return self.band_width > 0


def _numbers(kind: Numeric, band_width: int, names: str) -> list[Attribute]:
    return [Attribute(name=name, type=kind, band_width=band_width) for name in names.split()]


def _categories(**values_by_name: str) -> list[Attribute]:
    return [
        Attribute(name=name, type="category", values=tuple(words.split())) for name, words in values_by_name.items()
    ]


ATTRIBUTES: Final = (
    *_numbers("integer", 10, "age children tenure_months logins_30d visits_90d calls_90d withdrawals_30d"),
    *_numbers("integer", 10, "direct_debits standing_orders overdraft_days_90d merchants_30d emails_90d complaints_2y"),
    *_numbers("integer", 10, "accounts"),
    *_numbers("money", 500, "income balance_current balance_savings spend spend_travel_90d spend_fuel_90d"),
    *_numbers("money", 500, "spend_home_90d investments loans credit_limit"),
    *_numbers("decimal", 1, "savings_trend utilisation salary_regularity card_share contactless_share affluence"),
    *_numbers("decimal", 1, "variety loyalty"),
    *_categories(
        employment="employed self_employed student retired unemployed",
        housing="renting mortgaged owned with_family",
        region="north south east west capital",
        onboarding="branch web phone partner",
        card_design="classic city nature abstract",
        app_theme="light dark system",
    ),
    Attribute(name="paperless", type="boolean"),
    Attribute(name="phone_verified", type="boolean"),
)
MISSING: Final = frozenset({"children", "spend_fuel_90d", "variety", "app_theme"})
"""What nobody knows of any customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One condition on one fact: a number from `low` to `high`, None being open, or one of some values."""

    attribute: Attribute
    low: int | None = None
    high: int | None = None
    one_of: tuple[str | bool, ...] = ()

    def truth(self, value: Value) -> bool | None:
        """True, false, or None where the value is missing."""
        if value is None:
            return None
        if not self.attribute.is_number:
            return value in self.one_of
        assert isinstance(value, int | float)
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True)
class Block:
    """Cells that all have to be true."""

    cells: tuple[Cell, ...]

    def truth(self, values: Mapping[str, Value]) -> bool | None:
        """False wins, then unknown."""
        found = [cell.truth(values[cell.attribute.name]) for cell in self.cells]
        return False if False in found else None if None in found else True


class BlockDrawer:
    """Draws blocks that have a wanted truth for every customer of `Customers` with the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._values = customer_values(seed, 0)

    def block(self, *, wanted: bool | None, never: Collection[str] = ()) -> Block:
        """Three cells on three facts, none of which is in `never`; None asks for a block that is unknown."""
        free = [attribute for attribute in ATTRIBUTES if attribute.name not in never]
        while True:
            block = Block(tuple(self._cell(attribute) for attribute in self._chance.sample(free, CELLS)))
            if block.truth(self._values) is wanted:
                return block

    def _cell(self, attribute: Attribute) -> Cell:
        if attribute.is_number:
            low, high = sorted(self._chance.sample(range(1, BANDS), 2))
            edges = self._chance.choice(((low, None), (None, high), (low, high)))
            first, last = (None if edge is None else edge * attribute.band_width for edge in edges)
            return Cell(attribute=attribute, low=first, high=last)
        if attribute.type == "boolean":
            return Cell(attribute=attribute, one_of=(self._chance.random() < 0.5,))
        count = self._chance.randint(1, len(attribute.values) - 1)
        return Cell(attribute=attribute, one_of=tuple(sorted(self._chance.sample(attribute.values, count))))


def customer_values(seed: int, number: int) -> dict[str, Value]:
    """A customer's facts in natural units, None where missing; numbers differ from customer to customer."""
    bands, inside = random.Random(seed), random.Random(f"{seed}/{number}")
    return {attribute.name: _value(attribute, bands, inside) for attribute in ATTRIBUTES}


def _value(attribute: Attribute, bands: random.Random, inside: random.Random) -> Value:
    drawn = bands.random()
    if attribute.name in MISSING:
        return None
    if attribute.type == "boolean":
        return drawn < 0.5
    if attribute.type == "category":
        return attribute.values[int(drawn * len(attribute.values))]
    start = (2 + int(drawn * (BANDS - 4))) * attribute.band_width
    if attribute.type == "integer":
        return start + inside.randint(1, attribute.band_width - 1)
    return round(start + inside.uniform(0.05, 0.95) * attribute.band_width, 2)


def blocks_true(blocks: Sequence[Block], values: Mapping[str, Value]) -> Iterator[int]:
    """Positions of the blocks that are true, ascending: what every engine under test has to find."""
    return (position for position, block in enumerate(blocks) if block.truth(values))
