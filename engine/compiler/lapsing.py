"""Finds what time alone changes in the conditions of needs, so that somebody looks at the right instant."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from engine.compiler.slots import CLOCK_FACTS
from engine.events import KEPT_SINCE, EventLayout
from engine.facts import FactType
from engine.ids import FactName
from engine.lapses import Edge, Lapses
from engine.plan import Calculated, Need
from engine.syntax import All, AnyOf, Atom, Condition, InPeriod, LastAgo, Not, Seen, atoms, facts_read

_TODAY: Final = "today"


def lapses_of(needs: Sequence[Need], calculated: Mapping[FactName, Calculated], layout: EventLayout) -> Lapses:
    """What time alone changes of needs; what other rules read is judged anew with every decision."""
    edges = dict.fromkeys(
        edge for need in needs for atom, denied in _signed(need.condition) for edge in _edges(atom, layout, denied)
    )
    cells = [atom for need in needs for atom in atoms(need.condition)]
    read = _with_operands((fact.name for need in needs for fact in facts_read(need.condition)), calculated)
    periods = {atom.fact.spec.type for atom in cells if isinstance(atom, InPeriod)}
    return Lapses(
        edges=tuple(edges),
        lasting={need.name: need.lasts for need in needs if need.lasts is not None},
        daily=FactType.DATE in periods or _TODAY in read or bool(read & set(CLOCK_FACTS[1:])),
        hourly=FactType.INSTANT in periods or CLOCK_FACTS[0] in read,
        running=any(name in calculated and calculated[name].running is not None for name in read),
    )


def _signed(condition: Condition, *, denied: bool = False) -> Iterator[tuple[Atom, bool]]:
    """Every cell, and whether the condition needs it false."""
    match condition:
        case Not(item):
            yield from _signed(item, denied=not denied)
        case All(items) | AnyOf(items):
            for each in items:
                yield from _signed(each, denied=denied)
        case _:
            yield condition, denied


def _edges(atom: Atom, layout: EventLayout, denied: bool) -> Iterator[Edge]:
    """A window that closes; where absence is asked for also since when the history can tell it."""
    match atom:
        case Seen(filter=text, at_least=at_least, within=within) if within is not None:
            place = _filter(layout, text)
            yield Edge(place=layout.offsets[place] + at_least - 1, window=within, beyond=True)
        case LastAgo(filter=text, nearest=nearest, farthest=within):
            place = _filter(layout, text)
            yield Edge(place=layout.offsets[place], window=nearest, beyond=False)
            yield Edge(place=layout.offsets[place], window=within, beyond=True)
        case _:
            return
    if denied:
        yield Edge(place=KEPT_SINCE, window=within, beyond=False)
        yield Edge(place=layout.own_offset + place, window=within, beyond=False)


def _filter(layout: EventLayout, text: str) -> int:
    return next(at for at, kept in enumerate(layout.filters) if kept.text == text)


def _with_operands(names: Iterator[FactName], calculated: Mapping[FactName, Calculated]) -> set[FactName]:
    found: set[FactName] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += calculated[name].operands if name in calculated else ()
    return found
