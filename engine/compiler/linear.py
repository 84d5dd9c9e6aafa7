"""Reads the right side of a comparison and the amounts of values and terms: `number [* fact] [+- number]`."""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from engine.compiler.grammar.words import FACT, PLAIN_NUMBER
from engine.compiler.parse import read_number

_LINE: Final = re.compile(
    rf"(?P<minus>-\s*)?(?:(?P<factor>{PLAIN_NUMBER})\s*\*\s*)?(?P<fact>{FACT})"
    rf"(?:\s*(?P<sign>[+-])\s*(?P<constant>{PLAIN_NUMBER}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """factor * fact + constant, exactly as written, in natural units; the fact is not looked up yet."""

    factor: Fraction
    fact: str
    constant: Fraction

    @property
    def bare(self) -> bool:
        """Whether it is a fact and nothing else."""
        return self.factor == 1 and self.constant == 0


def read_line(text: str) -> Decimal | Line | None:
    """An exact number, a line over one fact, or None for neither."""
    text = text.strip()
    number = read_number(text)
    if number is not None:
        return number
    match = _LINE.fullmatch(text)
    if match is None:
        return None
    factor, constant = read_number(match["factor"] or "1"), read_number(match["constant"] or "0")
    if factor is None or constant is None:
        return None
    return Line(
        factor=Fraction(factor) * (-1 if match["minus"] else 1),
        fact=match["fact"],
        constant=Fraction(constant) * (-1 if match["sign"] == "-" else 1),
    )
