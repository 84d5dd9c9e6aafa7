"""Reads the cells of blocks, each a condition on one fact (SEMANTICS, section 1)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal, cast

from engine.compiler.cell_hints import PLAIN_VALUE, hint_for
from engine.compiler.grammar.words import OPERATOR, OPERATORS, PERIODS
from engine.compiler.linear import Line, read_line
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Node, Scalar, Sequence, read_number
from engine.compiler.problem_list import Problems
from engine.compiler.times import duration_hint, exists, read_day, read_duration, read_instant
from engine.compiler.vocabulary import Names
from engine.errors import FactError, Span
from engine.facts import NUMERIC, ORDERED, FactSpec, FactType, Natural, hold, show_number
from engine.syntax import (
    ALWAYS,
    All,
    AnyOf,
    Compare,
    Condition,
    Duration,
    FactRef,
    Holds,
    InPeriod,
    Linear,
    Not,
    OneOf,
    Operator,
    Present,
)

_COMPARISON: Final = re.compile(rf"({OPERATOR})\s*(.+)")
_NEGATION: Final = re.compile(r"(?:!=\s*|not\s+)(.+)")
_ALL_OF: Final = re.compile(r"all of\s*\[(.*)\]")
_LIST: Final = re.compile(r"\[(.*)\]")
_PERIOD: Final = re.compile(rf"({'|'.join(PERIODS)})\s+(.+)")
_TRUTHS: Final = {"true": True, "false": False}
_MAX_CELL: Final = 500


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a cell, and where it stands."""

    text: str
    span: Span


class CellReader:
    """Turns cells into conditions; anything wrong goes to `problems` and reads as a condition that always holds."""

    def __init__(self, names: Names, problems: Problems, *, of_event: bool) -> None:
        self._names = names
        self._problems = problems
        self._of_event = of_event

    def cell(self, fact: FactRef, node: Node) -> Condition:
        """One cell: a value, a list of values, or several conditions under `all`, `any` or `none`."""
        if isinstance(node, MappingNode):
            return self._several(fact, node)
        if isinstance(node, Sequence):
            return self._listed(fact, node)
        if len(node.text) > _MAX_CELL:
            self._problems.error(node.span, f"the condition has more than {_MAX_CELL} characters", "write it as a list")
            return ALWAYS
        return self._scalar_cell(fact, node.text.strip(), node)

    def _listed(self, fact: FactRef, node: Sequence) -> Condition:
        items = [item for item in node.items if isinstance(item, Scalar)]
        wrong = next((item for item in node.items if not isinstance(item, Scalar)), None if items else node)
        if wrong is not None:
            self._problems.error(wrong.span, f"the list for `{fact.name}` must hold single values")
            return ALWAYS
        shown = f"[{', '.join(item.text for item in items)}]"
        return self._one_of(fact, [_Piece(item.text, item.span) for item in items], shown, node.span)

    def _several(self, fact: FactRef, node: MappingNode) -> Condition:
        combine: Mapping[str, Callable[[tuple[Condition, ...]], Condition]] = {
            "all": All,
            "any": AnyOf,
            "none": lambda items: Not(AnyOf(items)),
        }
        parts = []
        message = f"several conditions on `{fact.name}` stand as `all: [..]`, `any: [..]` or `none: [..]`"
        if not node.entries:
            self._problems.error(node.span, message)
        for entry in node.entries:
            make = combine.get(entry.key.text)
            if make is None or not isinstance(entry.value, Sequence):
                self._problems.error(entry.key.span, message)
                continue
            parts.append(make(tuple(self.cell(fact, item) for item in entry.value.items)))
        return joined(parts)

    def _scalar_cell(self, fact: FactRef, text: str, node: Scalar) -> Condition:
        shown = f"{fact.name}: {text}"
        if text == "present":
            return Present(fact, shown, node.span)
        if text == "missing":
            return Not(Present(fact, f"{fact.name}: present", node.span), shown)
        if match := _NEGATION.fullmatch(text):
            return Not(self._scalar_cell(fact, match[1].strip(), node), shown)
        if match := _ALL_OF.fullmatch(text):
            return self._all_of(fact, _split(match[1], node), node.span)
        if match := _LIST.fullmatch(text):
            return self._one_of(fact, _split(match[1], node), text, node.span)
        if match := _PERIOD.fullmatch(text):
            return self._period(fact, match[1], match[2], node)
        if match := _COMPARISON.fullmatch(text):
            return self._compare(fact, OPERATORS[match[1]], match[2].strip(), shown, node)
        if ".." in text and fact.spec.type in ORDERED:
            return self._range(fact, text, shown, node)
        return self._one_of(fact, [_piece(node, text)], text, node.span)

    def _all_of(self, fact: FactRef, pieces: list[_Piece], span: Span) -> Condition:
        if fact.spec.type is not FactType.SET or fact.member is not None:
            self._problems.error(span, f"`all of` needs a set, and `{fact.name}` is {_article(fact.spec.type)}")
            return ALWAYS
        return All(tuple(self._one_of(fact, [piece], piece.text, span) for piece in pieces))

    def _one_of(self, fact: FactRef, pieces: list[_Piece], shown: str, span: Span) -> Condition:
        text = f"{fact.name}: {shown}"
        if fact.member is not None:
            return self._member(fact, [piece.text for piece in pieces], span)
        if fact.spec.type is FactType.SET:
            return AnyOf(tuple(self._set_member(fact, each, span) for each in pieces))
        values = set()
        for piece in pieces:
            held = self._held(fact.spec, piece)
            if held is not None:
                values.add(held)
        return OneOf(fact, frozenset(values), text, span) if values else ALWAYS

    def _member(self, fact: FactRef, texts: list[str], span: Span) -> Condition:
        if texts not in (["true"], ["false"]):
            hint = hint_for(FactType.BOOLEAN, texts[0]) if len(texts) == 1 else ""
            self._problems.error(span, f"`{fact.name}` must be true or false", hint)
            return ALWAYS
        holds = Holds(fact, f"{fact.name}: true", span)
        return holds if texts == ["true"] else Not(holds, f"{fact.name}: false")

    def _set_member(self, fact: FactRef, piece: _Piece, span: Span) -> Condition:
        value = piece.text
        if value not in fact.spec.values:
            self._problems.unknown(piece.span, f"value of `{fact.name}`", value, fact.spec.values)
            return ALWAYS
        return Holds(replace(fact, member=fact.spec.values.index(value)), f"{fact.name}: {value}", span)

    def _held(self, spec: FactSpec, piece: _Piece) -> int | str | bool | None:
        text, span = piece.text, piece.span
        if spec.type is FactType.CATEGORY and text not in spec.values:
            self._problems.unknown(span, f"value of `{spec.name}`", text, spec.values)
            return None
        try:
            held = hold(spec, _literal(spec, text))
        except FactError as error:
            self._problems.error(span, str(error), hint_for(spec.type, text))
            return None
        assert held is not None
        assert not isinstance(held, float)
        return held

    def _range(self, fact: FactRef, text: str, shown: str, node: Scalar) -> Condition:
        low, _, high = text.partition("..")
        bounds = [self._linear(fact, each.strip(), node) for each in (low, high)]
        if bounds[0] is None or bounds[1] is None:
            return ALWAYS
        if bounds[0].fact is bounds[1].fact is None and bounds[0].constant > bounds[1].constant:
            self._problems.error(node.span, f"the range {text} is empty", "the smaller bound comes first")
        return All(
            (
                Compare(fact, ">=", bounds[0], shown, node.span),
                Compare(fact, "<=", bounds[1], shown, node.span),
            )
        )

    def _compare(self, fact: FactRef, operator: Operator, right: str, shown: str, node: Scalar) -> Condition:
        if fact.member is not None or fact.spec.type not in ORDERED:
            self._problems.error(node.span, f"`{fact.name}` is {_article(fact.spec.type)} and has no order")
            return ALWAYS
        linear = self._linear(fact, right, node)
        return ALWAYS if linear is None else Compare(fact, operator, linear, shown, node.span)

    def _linear(self, fact: FactRef, text: str, node: Scalar) -> Linear | None:
        line = read_line(text)
        if isinstance(line, Line) and (fact.spec.type in NUMERIC or line.fact in self._names.facts):
            return self._linear_in_fact(fact, line, node)
        if fact.spec.type not in NUMERIC:
            held = self._held(fact.spec, _piece(node, text))
            return None if held is None else Linear(Fraction(cast(int, held)))
        if line is None:
            whole = node.text.strip()
            hint = hint_for(fact.spec.type, text) or hint_for(fact.spec.type, whole) or PLAIN_VALUE
            self._problems.error(node.span, f"cannot read `{text or whole}`", hint)
            return None
        assert isinstance(line, Decimal)
        self._check_range(fact.spec, line, node.span)
        return Linear(Fraction(line))

    def _linear_in_fact(self, fact: FactRef, line: Line, node: Scalar) -> Linear | None:
        other = self._names.facts.get(line.fact)
        if other is None:
            self._problems.unknown(_piece(node, line.fact).span, "fact", line.fact, self._names.facts)
            return None
        if other.spec.type is not fact.spec.type or other.spec.unit != fact.spec.unit or other.member is not None:
            left, right = _measure(fact.spec), _measure(other.spec)
            self._problems.error(node.span, f"`{fact.name}` is in {left} and `{other.name}` in {right}")
            return None
        if fact.spec.type not in NUMERIC and not line.bare:
            self._problems.error(
                node.span, f"`{other.name}` is {_article(other.spec.type)}, with which nobody can reckon"
            )
            return None
        return Linear(line.constant, line.factor, other)

    def _check_range(self, spec: FactSpec, number: Decimal, span: Span) -> None:
        held = number.scaleb(spec.decimals)
        if (spec.low is not None and held < spec.low) or (spec.high is not None and held > spec.high):
            low, high = show_number(spec, spec.low), show_number(spec, spec.high)
            self._problems.error(span, f"{number} lies outside `{spec.name}`, which runs {low}..{high}")

    def _period(self, fact: FactRef, word: str, length: str, node: Scalar) -> Condition:
        shown = f"{fact.name}: {node.text}"
        distance = read_duration(length)
        if distance is None:
            self._problems.error(_piece(node, length).span, f"`{length}` is not a duration", duration_hint(length))
            return ALWAYS
        if fact.spec.type not in (FactType.DATE, FactType.INSTANT):
            self._problems.error(node.span, f"`{word}` needs a date, and `{fact.name}` is {_article(fact.spec.type)}")
            return ALWAYS
        if fact.spec.type is FactType.DATE and distance.unit in ("h", "min"):
            self._problems.error(node.span, f"`{fact.name}` is a date, which has no hours", "count in d, mo or y")
            return ALWAYS
        if self._of_event:
            self._problems.error(node.span, "an event's filter cannot look at the time", "narrow the window with `in`")
            return ALWAYS
        now = (-1, Duration(0, "d"))
        match cast(Literal["within", "older than", "in next"], word):
            case "within":
                return InPeriod(fact, (-1, distance), now, shown, node.span)
            case "older than":
                return InPeriod(fact, None, (-1, distance), shown, node.span, strictly_before=True)
            case "in next":
                return InPeriod(fact, now, (1, distance), shown, node.span)


def joined(parts: list[Condition]) -> Condition:
    """Conditions that have to hold together, as one."""
    flat = [item for part in parts for item in (part.items if isinstance(part, All) else (part,))]
    return flat[0] if len(flat) == 1 else All(tuple(flat))


def _literal(spec: FactSpec, text: str) -> Natural:
    """A literal, ready to be held; numbers only as they are written everywhere, and never rounded."""
    if spec.type is FactType.BOOLEAN:
        return _TRUTHS.get(text, text)
    if spec.type is FactType.DATE:
        return read_day(text) or (text if not exists(text) else "no day")
    if spec.type is FactType.INSTANT:
        return read_instant(text) or (text if not exists(text) else "no instant")
    if spec.type not in NUMERIC:
        return text
    number = read_number(text)
    if number is None:
        raise FactError(spec.name, "must be a number")
    if spec.decimals and cast(int, number.normalize().as_tuple().exponent) < -spec.decimals:
        raise FactError(spec.name, f"has {spec.decimals} decimals, and {text} has more")
    return number


def _piece(node: Scalar, text: str) -> _Piece:
    """A part of a cell, found in it."""
    return _Piece(text, node.at(max(0, node.text.find(text))))


def _split(text: str, node: Scalar) -> list[_Piece]:
    """The values of a list that stands inside a text."""
    found = []
    start = node.text.find("[") + 1
    for part in text.split(","):
        value = part.strip().strip("\"'")
        if value:
            found.append(_Piece(value, node.at(start + part.find(value))))
        start += len(part) + 1
    return found


def _article(kind: FactType) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _measure(spec: FactSpec) -> str:
    return spec.unit or str(spec.type)
