"""Where drawn numbers come from: a seed, so that millions of cases can be drawn again, or Hypothesis."""

import random
from collections.abc import Callable
from typing import Any, Protocol

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]


class Chance(Protocol):
    """Gives whole numbers."""

    def number(self, low: int, high: int) -> int:
        """A whole number, both ends included."""


class Seeded:
    """The same numbers for the same seed, on every platform."""

    def __init__(self, seed: int, number: int) -> None:
        self._random = random.Random(f"{seed}/{number}").random

    def number(self, low: int, high: int) -> int:
        return low + int(self._random() * (high - low + 1))


class Drawn:
    """Numbers that Hypothesis draws."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def number(self, low: int, high: int) -> int:
        found: int = self._draw(st.integers(low, high))
        return found
