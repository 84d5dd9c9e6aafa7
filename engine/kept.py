"""What rules make the store keep of each customer: bytes at most, by rule and by kind."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from engine.errors import Span
from engine.events import EventFilter, EventLayout
from engine.ids import FactName
from engine.plan import Catalogue
from engine.running import Running
from engine.syntax import Condition, LastAgo, Seen, SeenSince, atoms, facts_read

INSTANTS: Final = "instants"
"""The kind of what history conditions read; facts that events run along with are kinds of their own."""
_INSTANT_BYTES: Final = 5
_FRAME_BYTES: Final = 15
"""The record's own: length, layout, since when the history is complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptByRule:
    """What one rule alone would make the store keep."""

    rule: str
    span: Span
    bytes_by_kind: Mapping[str, int]

    @property
    def bytes(self) -> int:
        """Of all kinds."""
        return sum(self.bytes_by_kind.values())


def most_bytes(layout: EventLayout) -> Mapping[str, int]:
    """What an event state takes at most, by kind; what several rules read is kept once."""
    found = {INSTANTS: _FRAME_BYTES}
    everything: tuple[EventFilter | Running, ...] = (*layout.filters, *layout.running)
    for kept in everything:
        kind, size = _size(kept)
        found[kind] = found.get(kind, 0) + size
    return found


def kept_by_rules(
    rules: Iterable[tuple[str, Span, Iterable[Condition]]], catalogue: Catalogue, layout: EventLayout
) -> tuple[KeptByRule, ...]:
    """What each rule reads that is kept of events, most first; rules that read nothing of the kind are left out."""
    filter_by_text = {kept.text: kept for kept in layout.filters}
    found = []
    for rule, span, conditions in rules:
        sizes: dict[str, int] = {}
        for kept in dict.fromkeys(each for one in conditions for each in _read(one, catalogue, filter_by_text)):
            kind, size = _size(kept)
            sizes[kind] = sizes.get(kind, 0) + size
        if sizes:
            found.append(KeptByRule(rule=rule, span=span, bytes_by_kind=sizes))
    return tuple(sorted(found, key=lambda each: (-each.bytes, each.rule)))


def _size(kept: EventFilter | Running) -> tuple[str, int]:
    if isinstance(kept, Running):
        return kept.operation, kept.most_bytes
    return INSTANTS, _INSTANT_BYTES * (kept.depth + 1)


def _read(
    condition: Condition, catalogue: Catalogue, filter_by_text: Mapping[str, EventFilter]
) -> Iterator[EventFilter | Running]:
    for atom in atoms(condition):
        if isinstance(atom, Seen | LastAgo | SeenSince):
            yield filter_by_text[atom.filter]
        if isinstance(atom, SeenSince):
            yield filter_by_text[atom.anchor_filter]
    for fact in facts_read(condition):
        yield from _running(fact.name, catalogue)


def _running(name: FactName, catalogue: Catalogue) -> Iterator[Running]:
    calculated = catalogue.calculated.get(name)
    if calculated is None:
        return
    if calculated.running is not None:
        yield calculated.running
    for operand in calculated.operands:
        yield from _running(operand, catalogue)
