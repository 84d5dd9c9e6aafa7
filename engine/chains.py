"""The chain behind a condition: which needs it rests on, which block revealed each, and what that block saw."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import Span
from engine.generated import Cause, Row
from engine.ids import FactName
from engine.plan import Need, Plan
from engine.syntax import All, AnyOf, Atom, Condition, Not, facts_read


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One need of a chain."""

    need: FactName
    holds: bool
    place: Span
    """Where the block stands that revealed it, or the cell that keeps it away."""
    causes: tuple[Cause, ...]
    """The cells that keep its block from being false; where it does not hold, the first that keeps it from being true.
    None where it only lasts."""
    last_held_at: int | None = None
    """When its block held last, in seconds since the epoch, where it only lasts."""


def atoms_behind(plan: Plan, condition: Condition, row: Row, *, guarded: bool = False) -> Iterator[Atom]:
    """The parts of a condition that keep it from being false, in file order."""
    return _behind(plan, condition, row, guarded, wanted=True)


def _behind(plan: Plan, condition: Condition, row: Row, guarded: bool, *, wanted: bool) -> Iterator[Atom]:
    match condition:
        case Not(item):
            yield from _behind(plan, item, row, guarded, wanted=not wanted)
        case All(items) | AnyOf(items):
            for item in items:
                if plan.tracer.truth(item, row, guarded=guarded) is not (not wanted):
                    yield from _behind(plan, item, row, guarded, wanted=wanted)
        case _:
            yield condition


def chain_behind(plan: Plan, condition: Condition, row: Row) -> tuple[Link, ...]:
    """The needs on which a condition that holds rests, each before those that it rests on itself, and each once."""
    links: dict[FactName, Link] = {}
    waiting = list(_needs_in(plan, tuple(atoms_behind(plan, condition, row)), row))
    while waiting:
        need = waiting.pop(0)
        if need.name not in links:
            link = links[need.name] = _link(plan, need, row)
            waiting += _needs_in(plan, tuple(cause.atom for cause in link.causes), row)
    return tuple(links.values())


def chain_to(plan: Plan, cause: Cause, row: Row) -> tuple[Link, ...]:
    """Why a need that was missed does not hold, down to a cell that asks for no other need."""
    links: list[Link] = []
    found: Cause | None = cause
    while found is not None and (need := _missed(plan, found, row)) is not None:
        found = plan.tracer.cause(need.condition, row)
        place = need.span if found is None else found.atom.span
        links.append(Link(need=need.name, holds=False, place=place, causes=() if found is None else (found,)))
    return tuple(links)


def _needs_in(plan: Plan, atoms: tuple[Atom, ...], row: Row) -> Iterator[Need]:
    """The needs among the facts of some cells that hold of this row."""
    names = {fact.name for atom in atoms for fact in facts_read(atom)}
    return (each for each in plan.needs if each.name in names and _holds(plan, each, row))


def _holds(plan: Plan, need: Need, row: Row) -> bool:
    return row[plan.layout.slot_by_fact[need.name]] is True


def _missed(plan: Plan, cause: Cause, row: Row) -> Need | None:
    """The need whose absence is the cause, if it is one."""
    names = {fact.name for fact in facts_read(cause.atom)} if cause.truth is False else set()
    return next((each for each in plan.needs if each.name in names and not _holds(plan, each, row)), None)


def _link(plan: Plan, need: Need, row: Row) -> Link:
    blocks = need.condition.items if isinstance(need.condition, AnyOf) else (need.condition,)
    block = next((each for each in blocks if plan.tracer.truth(each, row)), None)
    if block is None:
        last_held = row[plan.layout.last_held_slot_by_need[need.name]]
        assert isinstance(last_held, int)
        return Link(need=need.name, holds=True, place=need.span, causes=(), last_held_at=last_held)
    causes = tuple(Cause(atom=atom, truth=plan.tracer.truth(atom, row)) for atom in atoms_behind(plan, block, row))
    return Link(need=need.name, holds=True, place=causes[0].atom.span if causes else need.span, causes=causes)
