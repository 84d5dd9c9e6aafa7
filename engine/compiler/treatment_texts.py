"""Looks at what treatments write: whether a cash machine can show it, and whether its figures stand in the terms."""

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Final

from engine.compiler.amounts import TermsTable
from engine.compiler.parse import Mapping, Node, Scalar, Sequence
from engine.compiler.problem_list import Problems
from engine.errors import Code
from engine.plan import Channel

CASH_MACHINE: Final = "atm"
LONGEST: Final = {"headline": 40, "body": 90}
"""Characters that fit on a cash machine's screen."""
PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_FIGURE: Final = re.compile(
    r"[£$€]\s?(\d[\d,]*(?:\.\d+)?)|(\d[\d,]*(?:\.\d+)?)\s?(?:%|per ?cent\b|pounds\b|euros?\b|dollars?\b)"
)
"""Sums of money and percentages, as texts write them."""


def check_texts(node: Node, channel: Channel, terms: TermsTable, problems: Problems) -> None:
    """Warn of texts that are too long for a cash machine, and of figures that the action's terms do not state."""
    if not isinstance(node, Mapping):
        return
    stated = _stated(terms)
    for entry in node.entries:
        if channel.id == CASH_MACHINE and isinstance(entry.value, Scalar):
            _check_length(entry.key.text, entry.value, problems)
        for text in _texts(entry.value) if stated is not None else ():
            _check_figures(text, stated or frozenset(), problems)


def _check_length(key: str, text: Scalar, problems: Problems) -> None:
    length, most = len(PLACEHOLDER.sub("", text.text)), LONGEST.get(key)
    if most is not None and length > most:
        message = f"this `{key}` has {length} characters; a cash machine shows {most}"
        problems.warning(text.span, message, "shorten it", code=Code.TEXT_TOO_LONG)


def _check_figures(text: Scalar, stated: frozenset[Fraction], problems: Problems) -> None:
    for match in _FIGURE.finditer(text.text):
        figure = Fraction(Decimal((match[1] or match[2]).replace(",", "")))
        if not {figure, figure / 100} & stated:
            message = f"the figure `{match[0]}` does not stand in the action's `terms`"
            hint = "declare it there, so that it is recorded with every offer and is the same everywhere"
            problems.warning(text.at(match.start()), message, hint, code=Code.FIGURE_WITHOUT_TERMS)


def _stated(terms: TermsTable) -> frozenset[Fraction] | None:
    """Every amount that the terms can come to; None where a fact makes them."""
    amounts = [amount for _, table in terms.terms for _, amount in table.rows]
    if any(amount.fact is not None for amount in amounts):
        return None
    return frozenset(amount.constant for amount in amounts)


def _texts(node: Node) -> Iterator[Scalar]:
    match node:
        case Scalar():
            yield node
        case Sequence(items=items):
            for item in items:
                yield from _texts(item)
        case Mapping(entries=entries):
            for entry in entries:
                yield from _texts(entry.value)
