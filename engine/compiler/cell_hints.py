"""What somebody probably meant who wrote a cell that cannot be read, and how it is written."""

import re
from collections.abc import Mapping
from typing import Final

from engine.compiler.parse import read_number
from engine.facts import FactType

PLAIN_VALUE: Final = "write a number, or `number * fact + number`"
_NUMBER: Final = r"[-+]?\d[\d_]*(?:\.\d+)?"
_TRUTHS: Final[Mapping[str, str]] = {
    "yes": "true",
    "y": "true",
    "on": "true",
    "no": "false",
    "n": "false",
    "off": "false",
}
_HINTS: Final = tuple(
    (re.compile(pattern), hint)
    for pattern, hint in (
        (r"in (\d+) ?d(?:ays?)?", r"write `in next \1d`, or `within \1d` for the last \1 days"),
        (rf"({_NUMBER})\s*(?:-|\u2013|to|until)\s*({_NUMBER})", r"write `\1..\2`"),
        (rf"({_NUMBER})\s*(?:\.\.|\+)", r"write `at least \1`"),
        (rf"\.\.\s*({_NUMBER})", r"write `at most \1`"),
        (r"=>\s*(.+)", r"write `>= \1`"),
        (r"=<\s*(.+)", r"write `<= \1`"),
        (r"==?\s*(.+)", r"write the value alone: `\1`"),
        (rf"([a-z][\w.]*)\s*[*x]\s*({_NUMBER})", r"the number comes first: `\2 * \1`"),
        (rf"({_NUMBER})\s*x\s*([a-z][\w.]*)", r"write `\1 * \2`"),
        (rf"{_NUMBER}\s+and\s.*", 'several conditions stand as `{all: ["> 1", "< 9"]}`'),
        (r"[^\d=<>]{0,3}\d{1,3}(?:,\d{3})*(?:[.,]\d+)?[^\d=<>]{0,10}", "write digits alone, such as 5_000"),
    )
)


def hint_for(kind: FactType, text: str) -> str:
    """How a cell on a fact of some type is written that was written otherwise; empty where nobody can guess."""
    if kind is FactType.BOOLEAN:
        meant = _TRUTHS.get(text.lower(), text.lower())
        return f"write `{meant}`" if meant in ("true", "false") else ""
    for pattern, hint in _HINTS if read_number(text) is None else ():
        if match := pattern.fullmatch(text):
            return match.expand(hint)
    return ""
