"""Looks for a customer whom several conditions match at once, by splitting into boxes until none is left to split.

The search is complete: where it finds nobody, nobody exists. Where it finds somebody it was `sure` of, that customer
exists. Beyond `LIMIT` boxes it gives up, which the caller says aloud.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from engine.compiler.boxes.axes import FAR, NEVER, TODAY, Region, Wanted, World, need_axis, region_of
from engine.compiler.boxes.domain import Domain
from engine.compiler.slots import CHANNEL, CLOCK_FACTS, MOMENT
from engine.ids import FactName
from engine.plan import Need
from engine.syntax import All, AnyOf, Condition, Not, OneOf

LIMIT: Final = 10_000
"""Boxes that one question may take."""


class TooManyBoxes(Exception):
    """The question has more cases than may be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Something that is asked of the customer: a condition, or one axis directly, or one of several lists of goals."""

    condition: Condition | None = None
    wanted: Wanted = Wanted.TRUE
    guarded: bool = False
    region: Region | None = None
    options: tuple[tuple["Goal", ...], ...] = ()
    what: str = ""
    """What a goal that is no condition asks, in words."""


_Ways = tuple[tuple[Goal, ...], ...]
"""Lists of goals, of which one has to be met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What a condition comes down to; the same of every question that asks for it."""

    condition: Condition
    region: Region | None = None
    parts: tuple[Goal, ...] = ()
    """What has to hold as well."""
    ways: _Ways = ()
    nowhere: bool = False


Box = dict[str, Region]
"""What is left of every axis that was asked about, by its name."""


class Search:
    """One question after another about the customers of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._count = 0
        self._steps: dict[tuple[int, Wanted, bool, bool], _Step] = {}
        """By identity of the condition, which each step holds."""

    def somebody(self, goals: Sequence[Goal], *, sure: bool = False) -> Box | None:
        """A box of customers who meet all goals, None where there are none (or none that is sure).

        Raises:
            TooManyBoxes: the goals have more cases than may be looked at.
        """
        self._count = 0
        return self._search({}, list(goals), [], sure)

    def nobody(self, goals: Sequence[Goal]) -> bool:
        """Whether no customer can meet all goals.

        Raises:
            TooManyBoxes: the goals have more cases than may be looked at.
        """
        return self.somebody(goals) is None

    def reasons(self, goals: Sequence[Goal]) -> tuple[Goal, ...]:
        """The least of some goals that nobody can meet together, in their order; no part of it could be left out."""
        needed = list(flattened(goals))
        for goal in tuple(needed):
            fewer = [each for each in needed if each is not goal]
            if self.nobody(fewer):
                needed = fewer
        return tuple(needed)

    def _search(self, box: Box, waiting: list[Goal], choices: Sequence[_Ways], sure: bool) -> Box | None:
        self._count += 1
        if self._count > LIMIT:
            raise TooManyBoxes
        while waiting:
            goal = waiting.pop()
            if goal.region is not None:
                if not _narrow(box, goal.region):
                    return None
            elif goal.condition is None:
                choices = [*choices, goal.options]
            else:
                step = self._step(goal, goal.condition, sure)
                if step.nowhere or (step.region is not None and not _narrow(box, step.region)):
                    return None
                waiting.extend(step.parts)
                if step.ways:
                    choices = [*choices, step.ways]
        if not choices:
            return box if self._is_consistent(box, sure) else None
        first = min(range(len(choices)), key=lambda at: len(choices[at]))
        rest = [*choices[:first], *choices[first + 1 :]]
        for option in choices[first]:
            found = self._search(dict(box), list(option), rest, sure)
            if found is not None:
                return found
        return None

    def _step(self, goal: Goal, condition: Condition, sure: bool) -> _Step:
        key = (id(condition), goal.wanted, goal.guarded, sure)
        found = self._steps.get(key)
        if found is None:
            found = self._steps[key] = self._first_step(goal, condition, sure)
        return found

    def _first_step(self, goal: Goal, condition: Condition, sure: bool) -> _Step:
        wanted = goal.wanted
        match condition:
            case Not(item):
                part = Goal(condition=item, wanted=wanted.negated, guarded=goal.guarded)
                return _Step(condition=condition, parts=(part,))
            case All(items) | AnyOf(items):
                parts = tuple(Goal(condition=item, wanted=wanted, guarded=goal.guarded) for item in items)
                if wanted.needs_all is isinstance(condition, All) or len(parts) == 1:
                    return _Step(condition=condition, parts=parts)
                return _Step(condition=condition, ways=tuple((part,) for part in parts), nowhere=not parts)
            case OneOf(fact=fact) if fact.name in self._world.need_by_name:
                ways = _of_need(self._world.need_by_name[fact.name], condition, wanted)
                return _Step(condition=condition, ways=ways, nowhere=not ways)
            case _:
                region = region_of(self._world, condition, wanted, guarded=goal.guarded, sure=sure)
                return _Step(condition=condition, region=region, nowhere=region is None)

    # --- what the axes have to do with each other --------------------------------------------------------------------

    def _is_consistent(self, box: Box, sure: bool) -> bool:
        return (
            _are_missing_together(box)
            and _happened_in_order(box)
            and self._is_moment_of_channel(box)
            and (not sure or _is_independent(box))
        )

    def _is_moment_of_channel(self, box: Box) -> bool:
        """Every moment belongs to some channels; together they must leave one."""
        moment, channel = box.get(MOMENT), box.get(CHANNEL)
        if moment is None or moment.domain.missing:
            return True
        names = tuple(dict.fromkeys(name for each in self._world.channels for name in each.initiated_by_bank))
        return any(
            moment.domain.contains(names.index(name))
            for each in self._world.channels
            if channel is None or channel.domain.contains(each.position)
            for name in each.initiated_by_bank
        )


def flattened(goals: Sequence[Goal]) -> Iterator[Goal]:
    """Goals with every conjunction among them taken apart."""
    for goal in goals:
        condition = goal.condition
        match condition:
            case Not(item):
                yield from flattened([replace(goal, condition=item, wanted=goal.wanted.negated)])
            case All(items) | AnyOf(items) if goal.wanted.needs_all is isinstance(condition, All):
                yield from flattened([replace(goal, condition=item) for item in items])
            case _:
                yield goal


def _narrow(box: Box, region: Region) -> bool:
    """Keep of a box what lies in a region; whether anything is left."""
    before = box.get(region.axis.name)
    domain = region.domain if before is None else before.domain.intersect(region.domain)
    box[region.axis.name] = Region(region.axis, domain)
    return not domain.is_empty


def _of_need(need: Need, cell: OneOf, wanted: Wanted) -> _Ways:
    """A need is true if its condition is, or it held a while ago, and false otherwise: never unknown."""
    held = {bool(value) for value in cell.values}
    true = wanted in (Wanted.TRUE, Wanted.NOT_FALSE)
    ways: list[tuple[Goal, ...]] = []
    for value in (True, False):
        if (value in held) is not true:
            continue
        before = need_axis(need)
        if value:
            ways.append((Goal(condition=need.condition),))
            if need.lasts is not None:
                ways.append((Goal(region=Region(before, Domain(((1, 1),)))),))
        elif need.lasts is not None:
            no = Goal(region=Region(before, Domain(((0, 0),))))
            ways.append((Goal(condition=need.condition, wanted=Wanted.NOT_TRUE), no))
        else:
            ways.append((Goal(condition=need.condition, wanted=Wanted.NOT_TRUE),))
    return tuple(ways)


def _are_missing_together(box: Box) -> bool:
    """Members of one set, and a date seen in two ways, are all known or all missing."""
    known: dict[str, bool] = {}
    missing: dict[str, bool] = {}
    for region in box.values():
        group = region.axis.group
        known[group] = known.get(group, True) and bool(region.domain.spans)
        missing[group] = missing.get(group, True) and region.domain.missing
    return all(known[group] or missing[group] for group in known)


def _happened_in_order(box: Box) -> bool:
    """The second latest time of an event lies no later than the latest."""
    by_event: dict[str, list[Region]] = {}
    for region in box.values():
        if region.axis.kind == "event":
            by_event.setdefault(region.axis.shown, []).append(region)
    return all(len(found) == 1 or ages(found, -FAR) is not None for found in by_event.values())


def ages(regions: Sequence[Region], least: int = 0) -> tuple[int, ...] | None:
    """The least ages of one event's times, latest first, None where their order leaves none."""
    found: list[int] = []
    for region in sorted(regions, key=lambda each: each.axis.depth):
        least = found[-1] if found else least
        age = next((max(low, least) for low, high in region.domain.spans if high >= least), None)
        if age is None:
            return None
        found.append(age)
    return tuple(found)


def _is_independent(box: Box) -> bool:
    """Whether what is left of each axis says nothing of another, so that somebody has all of it."""
    events = [region.axis for region in box.values() if region.axis.kind == "event"]
    filters: dict[str, set[str]] = {}
    for axis in events:
        filters.setdefault(axis.group, set()).add(axis.shown)
    if any(len(found) > 1 for found in filters.values()):
        return False
    if any(axis.shown != axis.group and box[axis.name].domain.spans[-1][1] < NEVER for axis in events):
        return False
    periods = {region.axis.group for region in box.values() if region.axis.kind == "period"}
    if any(region.axis.kind == "fact" and region.axis.group in periods for region in box.values()):
        return False
    clock = any(FactName(name) in CLOCK_FACTS for name in box)
    return not (clock and TODAY in box)
