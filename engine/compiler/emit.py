"""Turns conditions into Python expressions, from the checked tree only.

A condition has two expressions: one that is true where it is true, and one that is true where it is false; where it
is unknown neither is. INVARIANT: a missing number is NaN and any other missing value is None, so no comparison below
is true of a missing value. INVARIANT: literals are checked ints, bools or text, written with repr.
"""

from collections.abc import Collection, Mapping
from fractions import Fraction
from math import gcd, lcm
from typing import Final

from engine.compiler.slots import SlotTable
from engine.facts import ORDERED, FactType
from engine.syntax import (
    All,
    AnyOf,
    Compare,
    Condition,
    Duration,
    FactRef,
    Holds,
    InPeriod,
    LastAgo,
    Not,
    OneOf,
    Operator,
    Present,
    Seen,
    SeenSince,
    atoms,
)

_CONTRARY: Final[Mapping[Operator, str]] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!="}


class Emitter:
    """Emits expressions over the locals `v<slot>`, and remembers which slots they read.

    `fixed` maps slots to values that are known when the code is generated, such as the channel.
    """

    def __init__(self, table: SlotTable, *, guarded: bool = False, fixed: Mapping[int, int] | None = None) -> None:
        self._table = table
        self._guarded = guarded
        self._fixed = fixed or {}
        self.read: set[int] = set()

    def local(self, slot: int) -> str:
        """The local that holds a slot."""
        self.read.add(slot)
        return f"v{slot}"

    def true(self, condition: Condition) -> str:
        """An expression that is true exactly where the condition is true."""
        match condition:
            case Not(item):
                return self.false(item)
            case All(items):
                return _joined("and", [self.true(item) for item in items], empty="True")
            case AnyOf(items):
                return _joined("or", [self.true(item) for item in items], empty="False")
            case Compare():
                return self._compare(condition, condition.operator)
            case OneOf():
                return self._one_of(condition)
            case Holds(fact=fact):
                return self._bit(fact, self._table.slot_of(fact))
            case Present(fact=fact):
                return self._present(fact, present=True)
            case InPeriod():
                return self._in_period(condition)
            case Seen():
                return self._seen(condition)
            case LastAgo():
                return self._last_ago(condition)
            case SeenSince():
                return self._seen_since(condition)

    def false(self, condition: Condition) -> str:
        """An expression that is true exactly where the condition is false."""
        match condition:
            case Not(item):
                return self.true(item)
            case All(items):
                return _joined("or", [self.false(item) for item in items], empty="False")
            case AnyOf(items):
                return _joined("and", [self.false(item) for item in items], empty="True")
            case Compare():
                return self._compare(condition, _CONTRARY[condition.operator])
            case OneOf():
                return self._none_of(condition)
            case Holds(fact=fact):
                return self._bit(fact, self._table.complement_by_fact[fact.spec.name])
            case Present(fact=fact):
                return self._present(fact, present=False)
            case InPeriod():
                return self._outside_period(condition)
            case Seen():
                return self._not_seen(condition)
            case LastAgo():
                return self._not_last_ago(condition)
            case SeenSince():
                return self._not_seen_since(condition)

    def _slot(self, fact: FactRef) -> str:
        return self.local(self._table.slot_of(fact, guarded=self._guarded))

    def _bit(self, fact: FactRef, slot: int) -> str:
        assert fact.member is not None
        return f"{self.local(slot)} & {1 << fact.member}"

    def _compare(self, cell: Compare, operator: str) -> str:
        left, right, constant = _whole_factors(cell)
        expression = self._slot(cell.fact) if left == 1 else f"{left} * {self._slot(cell.fact)}"
        if cell.right.fact is None:
            return f"{expression} {operator} {constant}"
        other = self._slot(cell.right.fact) if right == 1 else f"{right} * {self._slot(cell.right.fact)}"
        return f"{expression} {operator} {other}" + (f" + {constant}" if constant else "")

    def _one_of(self, cell: OneOf) -> str:
        kind = cell.fact.spec.type
        known = self._fixed.get(self._table.slot_of(cell.fact))
        if known is not None:
            return repr(known in cell.values)
        value = self._slot(cell.fact)
        if kind is FactType.BOOLEAN:
            return f"{value} is not None" if len(cell.values) == 2 else f"{value} is {next(iter(cell.values))}"
        return _membership(value, cell.values)

    def _none_of(self, cell: OneOf) -> str:
        kind = cell.fact.spec.type
        known = self._fixed.get(self._table.slot_of(cell.fact))
        if known is not None:
            return repr(known not in cell.values)
        value = self._slot(cell.fact)
        if kind is FactType.BOOLEAN:
            return "False" if len(cell.values) == 2 else f"{value} is {not next(iter(cell.values))}"
        if kind is FactType.CATEGORY:
            return _membership(value, frozenset(range(len(cell.fact.spec.values))) - cell.values)
        known_value = f"{value} == {value}" if kind in ORDERED else f"{value} is not None"
        return f"({known_value} and not ({_membership(value, cell.values)}))"

    def _present(self, fact: FactRef, *, present: bool) -> str:
        if fact.member is not None or fact.spec.type is FactType.SET:
            slots = (self._table.slot_by_fact[fact.spec.name], self._table.complement_by_fact[fact.spec.name])
            return f"({self.local(slots[0])} | {self.local(slots[1])}) {'!=' if present else '=='} 0"
        value = self._slot(fact)
        if fact.spec.type in ORDERED:
            return f"{value} {'==' if present else '!='} {value}"
        return f"{value} is {'not ' if present else ''}None"

    # --- time --------------------------------------------------------------------------------------------------------

    def _bounds(self, cell: InPeriod) -> tuple[str | None, str | None]:
        return tuple(None if bound is None else self._bound(cell, *bound) for bound in (cell.earliest, cell.latest))  # type: ignore[return-value]  # two bounds in, two out

    def _bound(self, cell: InPeriod, sign: int, distance: Duration) -> str:
        table = self._table
        if cell.fact.spec.type is FactType.DATE:
            return self.local(table.day_slot(sign, distance) if distance.amount else table.today_slot)
        if not distance.amount:
            return self.local(table.now_slot)
        return self.local(table.window_slot(distance, sign))

    def _in_period(self, cell: InPeriod) -> str:
        value = self._slot(cell.fact)
        low, high = self._bounds(cell)
        below = "<" if cell.strictly_before else "<="
        return f"{low} <= {value} {below} {high}" if low is not None else f"{value} {below} {high}"

    def _outside_period(self, cell: InPeriod) -> str:
        value = self._slot(cell.fact)
        low, high = self._bounds(cell)
        above = f"{value} {'>=' if cell.strictly_before else '>'} {high}"
        return above if low is None else f"({value} < {low} or {above})"

    # --- history -----------------------------------------------------------------------------------------------------

    def _seen(self, cell: Seen) -> str:
        instant = self.local(self._table.event_slot(cell.filter, cell.at_least))
        return f"{instant} > 0" if cell.within is None else f"{instant} >= {self._window(cell.within)}"

    def _not_seen(self, cell: Seen) -> str:
        instant = self.local(self._table.event_slot(cell.filter, cell.at_least))
        if cell.within is None:
            return f"({instant} == 0 and {self._always_kept(cell.filter)})"
        start = self._window(cell.within)
        return f"({instant} < {start} and {self._kept_from(start, cell.filter)})"

    def _last_ago(self, cell: LastAgo) -> str:
        instant = self.local(self._table.event_slot(cell.filter, 1))
        return f"{self._window(cell.farthest)} <= {instant} <= {self._window(cell.nearest)}"

    def _not_last_ago(self, cell: LastAgo) -> str:
        instant = self.local(self._table.event_slot(cell.filter, 1))
        start = self._window(cell.farthest)
        kept = self._kept_from(start, cell.filter)
        return f"({instant} > {self._window(cell.nearest)} or ({instant} < {start} and {kept}))"

    def _seen_since(self, cell: SeenSince) -> str:
        instant, anchor = self._since_locals(cell)
        return f"({anchor} > 0 and {instant} >= {anchor})"

    def _not_seen_since(self, cell: SeenSince) -> str:
        instant, anchor = self._since_locals(cell)
        never = f"{anchor} == 0 and {self._always_kept(cell.anchor_filter)}"
        return f"(({anchor} > 0 and {instant} < {anchor} and {self._kept_from(anchor, cell.filter)}) or ({never}))"

    def _kept_from(self, start: str, filter_text: str) -> str:
        """Whether a filter's history is complete from an instant on."""
        table = self._table
        own = self.local(table.own_kept_since_slot(filter_text))
        return f"{self.local(table.kept_since_slot)} <= {start} and {own} <= {start}"

    def _always_kept(self, filter_text: str) -> str:
        """Whether a filter's history is complete from the customer's first day on."""
        table = self._table
        return f"{self.local(table.kept_since_slot)} == 0 and {self.local(table.own_kept_since_slot(filter_text))} == 0"

    def _since_locals(self, cell: SeenSince) -> tuple[str, str]:
        table = self._table
        return self.local(table.event_slot(cell.filter, 1)), self.local(table.event_slot(cell.anchor_filter, 1))

    def _window(self, window: Duration) -> str:
        return self.local(self._table.window_slot(window) if window.amount else self._table.now_slot)


def windows_read(condition: Condition) -> list[tuple[int, Duration]]:
    """The windows, before (-1) or after (+1) now, that a condition looks into."""
    found: list[tuple[int, Duration]] = []
    for atom in atoms(condition):
        match atom:
            case Seen(within=within) if within is not None and within.amount:
                found.append((-1, within))
            case LastAgo(nearest=nearest, farthest=farthest):
                found.extend((-1, each) for each in (nearest, farthest) if each.amount)
            case InPeriod(fact=fact) if fact.spec.type is FactType.INSTANT:
                found.extend(bound for bound in (atom.earliest, atom.latest) if bound is not None and bound[1].amount)
    return found


def days_read(condition: Condition) -> list[tuple[int, Duration]]:
    """The days, by distance from today, that a condition compares dates with."""
    return [
        bound
        for atom in atoms(condition)
        if isinstance(atom, InPeriod) and atom.fact.spec.type is FactType.DATE
        for bound in (atom.earliest, atom.latest)
        if bound is not None and bound[1].amount
    ]


def _whole_factors(cell: Compare) -> tuple[int, int, int]:
    """Whole numbers a, b, c with: held comparison a * left <op> b * right + c; exact, positive a."""
    left = Fraction(1, 10**cell.fact.spec.decimals)
    other = cell.right.fact
    right = cell.right.factor / 10 ** (other.spec.decimals if other is not None else 0)
    constant = cell.right.constant
    scale = lcm(left.denominator, right.denominator, constant.denominator)
    whole = [int(part * scale) for part in (left, right, constant)]
    shared = gcd(*whole)
    return whole[0] // shared, whole[1] // shared, whole[2] // shared


def _membership(value: str, values: Collection[int | str | bool]) -> str:
    if not values:
        return "False"
    if len(values) == 1:
        return f"{value} == {next(iter(values))!r}"
    return f"{value} in {{{', '.join(repr(each) for each in sorted(values, key=repr))}}}"


def _joined(word: str, parts: list[str], empty: str) -> str:
    if not parts:
        return empty
    return parts[0] if len(parts) == 1 else f"({f' {word} '.join(parts)})"
