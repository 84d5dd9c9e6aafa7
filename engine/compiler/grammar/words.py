"""The words of which cells are made, as pieces of regular expressions that Python and ECMAScript read alike."""

from collections.abc import Mapping
from typing import Final

from engine.syntax import Operator

NAME: Final = "[a-z][a-z0-9_]*"
FACT: Final = r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*"
NUMBER: Final = r"[-+]?\d[\d_]*(?:\.\d[\d_]*)?"
PLAIN_NUMBER: Final = r"\d[\d_]*(?:\.\d[\d_]*)?"
LINE: Final = rf"(?:-\s*)?(?:{PLAIN_NUMBER}\s*\*\s*)?{FACT}(?:\s*[+-]\s*{PLAIN_NUMBER})?"
"""A line over one fact: `number * fact + number`."""
DURATION: Final = r"\d+\s*(?:min|mo|h|d|y)"
OPERATORS: Final[Mapping[str, Operator]] = {
    ">=": ">=",
    "<=": "<=",
    ">": ">",
    "<": "<",
    "at least": ">=",
    "at most": "<=",
    "over": ">",
    "under": "<",
}
OPERATOR: Final = "|".join(f"{word}\\b" if word[0].isalpha() else word for word in OPERATORS)
"""Any of the operators; the longer of two that begin alike comes first."""
PERIODS: Final = ("within", "older than", "in next")
