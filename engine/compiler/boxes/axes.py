"""Gives every fact and event its axis, and every cell its region on it: where it is true, false, not true, not false.

Facts are independent of each other here, and what is calculated from others, compared with others or counted since
another event is free. So a region may be too large, never too small: what is impossible here is impossible. A `sure`
region is never too large instead: whoever is found in one exists.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from math import ceil, floor
from typing import Final, Literal, cast

from engine.channels import Channel
from engine.compiler.boxes.domain import Domain, Spans, spans_of
from engine.compiler.boxes.times import Bound, are_ordered, place_d, place_s
from engine.compiler.canonical import canonical
from engine.compiler.slots import CHANNEL, CLOCK_FACTS, MOMENT
from engine.facts import MAX_HELD, FactSpec, FactType, Held, is_missing
from engine.ids import FactName
from engine.plan import Need
from engine.syntax import (
    Atom,
    Compare,
    Condition,
    Duration,
    FactRef,
    Holds,
    InPeriod,
    LastAgo,
    OneOf,
    Present,
    Seen,
    SeenSince,
    atoms,
)

FAR: Final = 10**13
NEVER: Final = FAR + 1
"""The age of an event that never happened."""
_CONTEXT: Final = "context."
"""Facts of which the catalogue's defaults are not taken."""
_ANY_AGE: Final = ((-FAR, NEVER),)
_ANY_DAY: Final = ((1, 3_652_059),)
_NEVER_MISSING: Final = frozenset({CHANNEL, *CLOCK_FACTS})
_FREE: Final = Domain(((0, 1),), missing=True)
TODAY: Final = "today"


class Wanted(Enum):
    """What a condition is wanted to be."""

    TRUE = "true"
    FALSE = "false"
    NOT_TRUE = "not true"
    NOT_FALSE = "not false"

    @property
    def negated(self) -> "Wanted":
        """What the negation of the condition is wanted to be."""
        return _NEGATED[self]

    @property
    def needs_all(self) -> bool:
        """Whether a conjunction is wanted so if all of its parts are."""
        return self in (Wanted.TRUE, Wanted.NOT_FALSE)


_NEGATED: Final = {
    Wanted.TRUE: Wanted.FALSE,
    Wanted.FALSE: Wanted.TRUE,
    Wanted.NOT_TRUE: Wanted.NOT_FALSE,
    Wanted.NOT_FALSE: Wanted.NOT_TRUE,
}

Kind = Literal["fact", "member", "event", "period", "need", "free", "today"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One thing that differs between customers."""

    name: str
    kind: Kind
    group: str
    """Axes of one group are missing together; of an event the kind of event."""
    universe: Domain
    spec: FactSpec | None = None
    shown: str = ""
    """The event, or what is free, in words."""
    depth: int = 1
    """Of an event: which of its latest times."""


@dataclass(frozen=True, slots=True)
class Region:
    """What one cell leaves of one axis."""

    axis: Axis
    domain: Domain


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What rule files say of facts, for whoever looks for customers."""

    channels: tuple[Channel, ...]
    need_by_name: Mapping[FactName, Need]
    calculated: frozenset[FactName]
    guard_defaults: Mapping[FactName, Held]
    unordered: frozenset[str]
    """Axes on which the order of two lengths of time is not certain."""
    texts: dict[str, int] = field(default_factory=dict)
    """Numbers for texts, given as they are met; greater numbers stand for all other texts."""


def world_of(
    conditions: Iterable[Condition],
    channels: tuple[Channel, ...],
    needs: Sequence[Need],
    calculated: Iterable[FactName],
    guard_defaults: Mapping[FactName, Held],
) -> World:
    """The world of some rules; `conditions` must be all that will ever be looked at."""
    bounds: dict[str, set[Bound]] = {}
    for condition in conditions:
        for atom in atoms(condition):
            for name, bound in _bounds(atom):
                bounds.setdefault(name, set()).add(bound)
    return World(
        channels=channels,
        need_by_name={need.name: need for need in needs},
        calculated=frozenset(calculated),
        guard_defaults=guard_defaults,
        unordered=frozenset(name for name, found in bounds.items() if not are_ordered(found)),
    )


def _bounds(atom: Atom) -> Iterator[tuple[str, Bound]]:
    match atom:
        case Seen(within=within) if within is not None:
            yield _event_axis(atom.filter), (-1, within)
        case LastAgo(nearest=nearest, farthest=farthest):
            yield _event_axis(atom.filter), (-1, nearest)
            yield _event_axis(atom.filter), (-1, farthest)
        case InPeriod(earliest=earliest, latest=latest):
            yield from ((_period_axis(atom.fact), bound) for bound in (earliest, latest) if bound is not None)
        case _:
            return


def _event_axis(filter_text: str) -> str:
    return f"last {filter_text}"


def _period_axis(fact: FactRef) -> str:
    return f"{fact.name} from now"


# --- regions ---------------------------------------------------------------------------------------------------------


def region_of(world: World, atom: Atom, wanted: Wanted, *, guarded: bool, sure: bool) -> Region | None:
    """Where a cell is as wanted; None: surely nowhere, because it hangs on something else."""
    match atom:
        case Compare() | OneOf() | Holds() | Present():
            return _fact_region(world, atom, wanted, guarded=guarded, sure=sure)
        case InPeriod():
            return _period_region(world, atom, wanted, guarded=guarded, sure=sure)
        case Seen() | LastAgo():
            return _event_region(world, atom, wanted, sure=sure)
        case SeenSince():
            return _free_region(atom, wanted, sure=sure)


def _fact_region(
    world: World, atom: Compare | OneOf | Holds | Present, wanted: Wanted, *, guarded: bool, sure: bool
) -> Region | None:
    fact = atom.fact
    if isinstance(atom, Compare) and atom.right.fact is not None:
        return _free_region(atom, wanted, sure=sure, guarded=guarded)
    calculated = fact.name in world.calculated
    if calculated and sure:
        return None
    axis = _fact_axis(world, fact, guarded=guarded)
    default = _default(world, fact, guarded=guarded, calculated=calculated)
    if isinstance(atom, Present):
        true = Domain(axis.universe.spans, missing=default is not None)
        return Region(axis, _chosen(axis.universe, true, axis.universe.without(true), wanted))
    spans = _true_spans(world, atom, axis)
    known = Domain(axis.universe.spans).without(Domain(spans))
    falls = default is not None and Domain(spans).contains(default)
    true = Domain(spans, missing=falls)
    false = Domain(known.spans, missing=default is not None and not falls)
    return Region(axis, _chosen(axis.universe, true, false, wanted))


def _chosen(universe: Domain, true: Domain, false: Domain, wanted: Wanted) -> Domain:
    match wanted:
        case Wanted.TRUE:
            return true.intersect(universe)
        case Wanted.FALSE:
            return false.intersect(universe)
        case Wanted.NOT_TRUE:
            return universe.without(true)
        case Wanted.NOT_FALSE:
            return universe.without(false)


def _default(world: World, fact: FactRef, *, guarded: bool, calculated: bool) -> int | None:
    """What a missing value counts as, in the numbers of the axis."""
    if fact.member is not None or fact.spec.type is FactType.SET:
        return None
    own = None if calculated or fact.name.startswith(_CONTEXT) else fact.spec.default
    default = world.guard_defaults.get(fact.name) if guarded else own
    if is_missing(default) or fact.name == MOMENT:
        return None
    return _numbered(world, cast("int | str | bool", default))


def _numbered(world: World, value: int | str | bool) -> int:
    return world.texts.setdefault(value, len(world.texts)) if isinstance(value, str) else int(value)


def _fact_axis(world: World, fact: FactRef, *, guarded: bool) -> Axis:
    spec, calculated = fact.spec, fact.name in world.calculated
    if fact.member is not None:
        name = f"{spec.name}.{spec.values[fact.member]}"
        return Axis(name=name, kind="member", group=spec.name, universe=_FREE, spec=spec)
    name = f"{fact.name} as guards see it" if calculated and guarded else str(fact.name)
    may_miss = fact.name not in _NEVER_MISSING and fact.name not in world.need_by_name
    universe = Domain(_any_value(spec, calculated=calculated), missing=may_miss)
    return Axis(name=name, kind="fact", group=name, universe=universe, spec=spec)


def _any_value(spec: FactSpec, *, calculated: bool) -> Spans:
    match spec.type:
        case FactType.BOOLEAN:
            return ((0, 1),)
        case FactType.CATEGORY:
            return ((0, len(spec.values) - 1),)
        case FactType.SET:
            return ((0, 0),)
        case FactType.DATE:
            return _ANY_DAY
        case FactType.TEXT:
            return ((0, MAX_HELD),)
        case FactType.INSTANT:
            return ((-MAX_HELD, MAX_HELD),)
        case FactType.INTEGER | FactType.DECIMAL | FactType.MONEY:
            low = -MAX_HELD if spec.low is None or calculated else spec.low
            high = MAX_HELD if spec.high is None or calculated else spec.high
            return ((low, high),) if low <= high else ()


def _true_spans(world: World, atom: Compare | OneOf | Holds, axis: Axis) -> Spans:
    match atom:
        case Holds():
            return ((1, 1),)
        case OneOf(values=values):
            return spans_of({_numbered(world, value) for value in values})
        case Compare():
            return _compared(atom, axis.universe.spans)


def _compared(atom: Compare, universe: Spans) -> Spans:
    """What a comparison with a number leaves, in held form."""
    if not universe:
        return ()
    bound: Fraction = atom.right.constant * 10**atom.fact.spec.decimals
    low, high = universe[0][0], universe[-1][1]
    match atom.operator:
        case ">=":
            low = max(low, ceil(bound))
        case ">":
            low = max(low, floor(bound) + 1)
        case "<=":
            high = min(high, floor(bound))
        case "<":
            high = min(high, ceil(bound) - 1)
        case "==":
            low, high = max(low, ceil(bound)), min(high, floor(bound))
    return ((low, high),) if low <= high else ()


def _free_region(atom: Atom, wanted: Wanted, *, sure: bool, guarded: bool = False) -> Region | None:
    """True, false or unknown, whatever else is asked; surely nowhere, since it may hang on something else."""
    if sure:
        return None
    text = _free_name(atom)
    name = f"{text} as guards see it" if guarded else text
    axis = Axis(name=name, kind="free", group=name, universe=_FREE, shown=text)
    return Region(axis, _chosen(_FREE, Domain(((1, 1),)), Domain(((0, 0),)), wanted))


def _free_name(atom: Atom) -> str:
    """Equal where two cells always have one truth."""
    match atom:
        case Seen(filter=text, at_least=at_least, within=within):
            return f"{text} {at_least} times in {within}"
        case LastAgo(filter=text, nearest=nearest, farthest=farthest):
            return f"{text} {nearest}..{farthest} ago"
        case SeenSince(filter=text, anchor_filter=anchor):
            return f"{text} since {anchor}"
        case InPeriod(fact=fact, earliest=earliest, latest=latest, strictly_before=strictly):
            return f"{fact.name} between {earliest} and {latest} {strictly}"
        case _:
            return canonical(atom)


def _period_region(world: World, atom: InPeriod, wanted: Wanted, *, guarded: bool, sure: bool) -> Region | None:
    name = _period_axis(atom.fact)
    if name in world.unordered or atom.fact.spec.default is not None or atom.fact.name in world.guard_defaults:
        return _free_region(atom, wanted, sure=sure, guarded=guarded)
    is_date = atom.fact.spec.type is FactType.DATE
    place = place_d if is_date else place_s
    low = -FAR if atom.earliest is None else place(atom.earliest)
    high = FAR if atom.latest is None else place(atom.latest) - atom.strictly_before
    universe = Domain(((-FAR, FAR),), missing=True)
    axis = Axis(name=name, kind="period", group=str(atom.fact.name), universe=universe, spec=atom.fact.spec)
    true = Domain(((low, high),) if low <= high else ())
    return Region(axis, _chosen(universe, true, Domain(universe.spans).without(true), wanted))


def _event_region(world: World, atom: Seen | LastAgo, wanted: Wanted, *, sure: bool) -> Region | None:
    """How long ago an event happened last; where it is not known to have happened, its history may be incomplete."""
    name = _event_axis(atom.filter)
    if name in world.unordered:
        return _free_region(atom, wanted, sure=sure)
    depth = atom.at_least if isinstance(atom, Seen) else 1
    axis = event_axis(atom.event, atom.filter, depth)
    universe = axis.universe
    if isinstance(atom, LastAgo):
        true = Domain(_ages(atom.nearest, atom.farthest))
    else:
        true = Domain(((-FAR, FAR),) if atom.within is None else ((-FAR, -place_s((-1, atom.within))),))
    rest = universe.without(true)
    if wanted is Wanted.NOT_FALSE:
        return Region(axis, true if sure else universe)
    return Region(axis, true if wanted is Wanted.TRUE else rest)


def _ages(nearest: Duration, farthest: Duration) -> Spans:
    low, high = -place_s((-1, nearest)), -place_s((-1, farthest))
    return ((low, high),) if low <= high else ()


def event_axis(event: str, filter_text: str, depth: int) -> Axis:
    """The age of the `depth`-th latest time of an event, in seconds."""
    name = _event_axis(filter_text) + (f" #{depth}" if depth > 1 else "")
    shown = filter_text
    return Axis(name=name, kind="event", group=event, universe=Domain(_ANY_AGE), shown=shown, depth=depth)


def need_axis(need: Need) -> Axis:
    """Whether a lasting need held a while ago."""
    name = f"{need.name} held before"
    return Axis(name=name, kind="need", group=name, universe=Domain(((0, 1),)), shown=f"{need.name}")


def today_axis() -> Axis:
    """The day of the question."""
    return Axis(name=TODAY, kind="today", group=TODAY, universe=Domain(_ANY_DAY))


def moment_axis(channels: Sequence[Channel]) -> Axis:
    """The moment of the question, numbered as the fact `request.moment` is."""
    names = tuple(dict.fromkeys(moment for channel in channels for moment in channel.initiated_by_bank))
    spec = FactSpec(name=MOMENT, type=FactType.CATEGORY, values=names)
    universe = Domain(((0, len(names) - 1),) if names else (), missing=True)
    return Axis(name=MOMENT, kind="fact", group=MOMENT, universe=universe, spec=spec)


def channel_axis(channels: Sequence[Channel]) -> Axis:
    """The channel of the question."""
    spec = FactSpec(name=CHANNEL, type=FactType.CATEGORY, values=tuple(channel.id for channel in channels))
    return Axis(name=CHANNEL, kind="fact", group=CHANNEL, universe=Domain(((0, len(channels) - 1),)), spec=spec)
