"""Looks at what treatments write: whether its screen can show it, and whether its figures stand in the terms."""

import re
from collections.abc import Iterator
from collections.abc import Sequence as SequenceOf
from decimal import Decimal
from fractions import Fraction
from typing import Final

from engine.channels import Channel
from engine.compiler.amounts import TermsTable
from engine.compiler.parse import Mapping, Node, Scalar, Sequence
from engine.compiler.problem_list import Problems
from engine.errors import Code
from engine.ids import PlacementId

PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_FIGURE: Final = re.compile(
    r"[£$€]\s?(\d[\d,]*(?:\.\d+)?)|(\d[\d,]*(?:\.\d+)?)\s?(?:%|per ?cent\b|pounds\b|euros?\b|dollars?\b)"
)
"""Sums of money and percentages, as texts write them."""


def check_texts(
    node: Node, channel: Channel, placements: SequenceOf[PlacementId], terms: TermsTable, problems: Problems
) -> None:
    """Warn of texts that are longer than a placement shows, and of figures that the action's terms do not state."""
    check_lengths(node, channel, placements, problems)
    stated = _stated(terms)
    if isinstance(node, Mapping) and stated is not None:
        for entry in node.entries:
            for text in _texts(entry.value):
                _check_figures(text, stated, problems)


def check_lengths(node: Node | None, channel: Channel, placements: SequenceOf[PlacementId], problems: Problems) -> None:
    """Warn of texts that are longer than one of the placements shows."""
    for entry in node.entries if isinstance(node, Mapping) else ():
        if isinstance(entry.value, Scalar):
            _check_length(entry.key.text, entry.value, channel, placements, problems)


def _check_length(
    key: str, text: Scalar, channel: Channel, placements: SequenceOf[PlacementId], problems: Problems
) -> None:
    """What a placeholder will be is not counted."""
    length = len(PLACEHOLDER.sub("", text.text))
    limits = {place: most for place in placements if (most := _most_characters(channel, place).get(key)) is not None}
    place = min(limits, key=limits.__getitem__, default=None)
    if place is not None and length > limits[place]:
        message = f"this `{key}` has {length} characters; `{channel.id}.{place}` shows {limits[place]}"
        problems.warning(text.span, message, "shorten it", code=Code.TEXT_TOO_LONG)


def _most_characters(channel: Channel, placement: PlacementId) -> dict[str, int]:
    """How long each text may be at a placement."""
    return {**channel.most_characters, **channel.placements[placement].most_characters}


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
