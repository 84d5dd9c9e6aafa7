"""Turns the conditions of needs and themes into rules that durable-rules can be trusted with.

A rule looks at one message of whole numbers, and compares each with a constant. What asks for the clock, the history
or two facts at once is answered beforehand, and its answer is one of the numbers: 1, 0, or none where it is unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Final

from engine.facts import MAX_HELD, FactType
from engine.ids import FactName
from engine.syntax import All, AnyOf, Atom, Compare, Condition, FactRef, Not, OneOf, Operator

MOST_WAYS: Final = 48
"""In how many ways one rule may hold at once: a message that matches in more than 64 makes durable-rules fail."""
TRUE_FIELD: Final = "t"
"""A number that is always 1."""
_MOST_INTERVALS: Final = 4
"""A list of values with more gaps than that is answered beforehand."""
_CONTRARY: Final[Mapping[Operator, Operator]] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_TEST_WORDS: Final[Mapping[Operator, str]] = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


@dataclass(frozen=True, slots=True)
class Test:
    """A number of the message against a constant; a number that is not there passes no test."""

    field: str
    operator: Operator
    constant: int


@dataclass(frozen=True, slots=True)
class Both:
    """Every part holds."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part holds."""

    parts: tuple["Expression", ...]


Expression = Test | Both | Either
_ALWAYS: Final = Test(TRUE_FIELD, "==", 1)
_NEVER: Final = Test(TRUE_FIELD, "==", 0)


@dataclass(slots=True, kw_only=True)
class Fields:
    """The numbers that messages carry, named in the order in which rules ask for them."""

    needs: frozenset[FactName]
    name_by_fact: dict[FactName, str] = field(default_factory=dict)
    fact_by_name: dict[str, FactRef] = field(default_factory=dict)
    codes_by_fact: dict[FactName, dict[str, int]] = field(default_factory=dict)
    """For facts of text the numbers of the texts that rules ask for, from 1; 0 is any other."""
    name_by_atom: dict[Atom, str] = field(default_factory=dict)

    def of_fact(self, fact: FactRef) -> str:
        """The number that holds a fact; needs are numbers that rules conclude."""
        name = self.name_by_fact.get(fact.name)
        if name is None:
            name = f"{'n' if fact.name in self.needs else 'f'}{len(self.name_by_fact)}"
            self.name_by_fact[fact.name] = name
            self.fact_by_name[name] = fact
        return name

    def of_atom(self, atom: Atom) -> str:
        """The number that holds a cell's answer: 1 where it is true, 0 where it is false."""
        return self.name_by_atom.setdefault(atom, f"c{len(self.name_by_atom)}")

    def code(self, fact: FactRef, value: int | str | bool) -> int:
        """A held value as a number."""
        if not isinstance(value, str):
            return int(value)
        codes = self.codes_by_fact.setdefault(fact.name, {})
        return codes.setdefault(value, len(codes) + 1)


def true(condition: Condition, fields: Fields) -> Expression:
    """What holds exactly where the condition is true."""
    match condition:
        case Not(item):
            return false(item, fields)
        case All(items):
            return _both([true(item, fields) for item in items])
        case AnyOf(items):
            return _either([true(item, fields) for item in items])
        case Compare(right=right) if right.fact is None:
            return _compare(condition, condition.operator, fields)
        case OneOf(fact=fact) if _is_simple(condition):
            return _within(fields.of_fact(fact), [(low, high) for low, high in _runs(condition, fields)])
        case _:
            return Test(fields.of_atom(condition), "==", 1)


def false(condition: Condition, fields: Fields) -> Expression:
    """What holds exactly where the condition is false; where it is unknown, neither does."""
    match condition:
        case Not(item):
            return true(item, fields)
        case All(items):
            return _either([false(item, fields) for item in items])
        case AnyOf(items):
            return _both([false(item, fields) for item in items])
        case Compare(right=right, operator=operator) if right.fact is None:
            if operator == "==":
                return _either([_compare(condition, "<", fields), _compare(condition, ">", fields)])
            return _compare(condition, _CONTRARY[operator], fields)
        case OneOf(fact=fact) if _is_simple(condition):
            return _within(fields.of_fact(fact), _gaps(_runs(condition, fields)))
        case _:
            return Test(fields.of_atom(condition), "==", 0)


def ways(expression: Expression) -> int:
    """In how many ways an expression may hold of one message at once, at most."""
    match expression:
        case Both(parts):
            product = 1
            for part in parts:
                product *= ways(part)
            return product
        case Either(parts):
            return sum(ways(part) for part in parts)
        case Test():
            return 1


def fields_of(expression: Expression) -> frozenset[str]:
    """The numbers that an expression asks for."""
    if isinstance(expression, Test):
        return frozenset((expression.field,))
    return frozenset().union(*(fields_of(part) for part in expression.parts))


def definition(expression: Expression) -> dict[str, object]:
    """An expression in durable-rules' own form."""
    match expression:
        case Both(parts):
            return {"$and": [definition(part) for part in parts]}
        case Either(parts):
            return {"$or": [definition(part) for part in parts]}
        case Test(name, "==", constant):
            return {name: constant}
        case Test(name, operator, constant):
            return {_TEST_WORDS[operator]: {name: constant}}


def _both(parts: Sequence[Expression]) -> Expression:
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, Both) else (part,)
    return (Both(tuple(flat)) if len(flat) > 1 else flat[0]) if flat else _ALWAYS


def _either(parts: Sequence[Expression]) -> Expression:
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, Either) else (part,)
    return (Either(tuple(flat)) if len(flat) > 1 else flat[0]) if flat else _NEVER


# --- comparisons -----------------------------------------------------------------------------------------------------


def _compare(cell: Compare, operator: Operator, fields: Fields) -> Expression:
    """A held number against what it is compared with, in held form; between two whole numbers the next one counts."""
    name = fields.of_fact(cell.fact)
    bound = cell.right.constant * 10**cell.fact.spec.decimals
    match operator:
        case "==":
            return Test(name, "==", int(bound)) if _is_held(bound) else _NEVER
        case "<" | ">=":
            return Test(name, operator, _held(ceil(bound)))
        case "<=" | ">":
            return Test(name, operator, _held(floor(bound)))


def _is_held(bound: Fraction) -> bool:
    return bound.denominator == 1 and abs(bound) <= MAX_HELD


def _held(bound: int) -> int:
    """A bound that compares the same with every held number."""
    return max(-MAX_HELD - 1, min(MAX_HELD + 1, bound))


# --- lists of values -------------------------------------------------------------------------------------------------

_Run = tuple[int | None, int | None]
"""Numbers from the first to the last, both inclusive; None: without end."""


def _is_simple(cell: OneOf) -> bool:
    return cell.fact.spec.type is FactType.TEXT or len(_joined(sorted(map(int, cell.values)))) <= _MOST_INTERVALS


def _runs(cell: OneOf, fields: Fields) -> list[tuple[int, int]]:
    return _joined(sorted(fields.code(cell.fact, value) for value in sorted(cell.values, key=str)))


def _joined(numbers: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _gaps(runs: Sequence[tuple[int, int]]) -> list[_Run]:
    """What lies outside; a fact without a value lies neither inside nor outside."""
    starts: list[int | None] = [None, *(high + 1 for _, high in runs)]
    ends: list[int | None] = [*(low - 1 for low, _ in runs), None]
    return list(zip(starts, ends, strict=True))


def _within(name: str, runs: Sequence[_Run]) -> Expression:
    return _either([_in_run(name, low, high) for low, high in runs])


def _in_run(name: str, low: int | None, high: int | None) -> Expression:
    if low is not None and low == high:
        return Test(name, "==", low)
    tests: list[Expression] = []
    if low is not None:
        tests.append(Test(name, ">=", low))
    if high is not None:
        tests.append(Test(name, "<=", high))
    # Neither bound: every number that is there.
    return _both(tests or [Test(name, ">=", -MAX_HELD)])
