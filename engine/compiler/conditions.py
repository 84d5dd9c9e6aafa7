"""Reads condition blocks and cells into the checked syntax tree (SEMANTICS, section 1)."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal, cast

from engine.compiler.cell_hints import PLAIN_VALUE, hint_for
from engine.compiler.form import Form, Problems, duration_hint, read_day, read_duration, read_instant
from engine.compiler.grammar.words import OPERATOR, OPERATORS, PERIODS
from engine.compiler.linear import Line, read_line
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Node, Scalar, Sequence, read_number
from engine.errors import Code, FactError, Span
from engine.events import EventSpec
from engine.facts import NUMERIC, ORDERED, FactSpec, FactType, Natural, hold, show_number
from engine.ids import EventName, FactName
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
    LastAgo,
    Linear,
    Not,
    OneOf,
    Operator,
    Present,
    Seen,
    SeenSince,
)

_COMPARISON: Final = re.compile(rf"({OPERATOR})\s*(.+)")
_NEGATION: Final = re.compile(r"(?:!=\s*|not\s+)(.+)")
_ALL_OF: Final = re.compile(r"all of\s*\[(.*)\]")
_LIST: Final = re.compile(r"\[(.*)\]")
_PERIOD: Final = re.compile(rf"({'|'.join(PERIODS)})\s+(.+)")
PLACEMENT: Final = FactName("placement")


_TRUTHS: Final = {"true": True, "false": False}
_MAX_CELL: Final = 500


@dataclass(slots=True)
class KeptFilter:
    """An event filter that some rule reads; `depth` grows with the largest `at_least`."""

    event: EventName
    condition: Condition | None
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The facts and events that conditions may name."""

    facts: Mapping[str, FactRef]
    events: Mapping[EventName, EventSpec]
    filters: dict[str, KeptFilter] = field(default_factory=dict)
    """Collects the event filters read so far, by canonical text."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a cell, and where it stands."""

    text: str
    span: Span


class ConditionReader:
    """Turns nodes into conditions; anything wrong goes to `problems` and reads as a condition that always holds."""

    def __init__(self, names: Names, problems: Problems, *, of_event: bool = False) -> None:
        self._names = names
        self._problems = problems
        self._of_event = of_event
        """Whether it reads an event's filter, which is judged once, when the event arrives."""

    def of_placements(self, placements: Iterable[str]) -> "ConditionReader":
        """A reader for treatments, which may also ask for the `placement` that they are shown at."""
        spec = FactSpec(name=PLACEMENT, type=FactType.CATEGORY, values=tuple(placements))
        return ConditionReader(
            replace(self._names, facts={**self._names.facts, PLACEMENT: FactRef(PLACEMENT, spec)}), self._problems
        )

    def when(self, form: Form) -> Condition:
        """The condition of a form, in file order: `when` and `history` admit, each `unless` block excludes."""
        parts: list[Condition] = []
        for key in sorted(("when", "history", "unless"), key=form.key_span):
            match key:
                case "when" if (block := form.node_at(key)) is not None:
                    parts.append(self.block(block))
                case "history":
                    parts.extend(self._history_list(form.node_at(key)))
                case "unless":
                    parts.extend(Not(self.block(block)) for block in form.items(key))
        return _all(parts)

    def block(self, node: Node) -> Condition:
        """A block: cells keyed by fact, `all`, `any`, `none`, `unless`, and `history`."""
        if not isinstance(node, MappingNode):
            self._problems.error(node.span, "a block must hold `fact: condition` lines")
            return ALWAYS
        parts: list[Condition] = []
        for entry in node.entries:
            match entry.key.text:
                case "all":
                    parts.append(All(self._blocks(entry.value)))
                case "any":
                    parts.append(AnyOf(self._blocks(entry.value)))
                case "none" | "unless":
                    parts.append(Not(AnyOf(self._blocks(entry.value))))
                case "history":
                    parts.extend(self._history_list(entry.value))
                case _:
                    parts.append(self._keyed_cell(entry.key, entry.value))
        return _all(parts)

    def _blocks(self, node: Node) -> tuple[Condition, ...]:
        if not isinstance(node, Sequence):
            self._problems.error(node.span, "must be a list of blocks")
            return ()
        return tuple(self.block(item) for item in node.items)

    def _keyed_cell(self, key: Scalar, node: Node) -> Condition:
        fact = self._names.facts.get(key.text)
        if fact is None and key.text == PLACEMENT:
            self._problems.error(key.span, "only a treatment can ask for its `placement`")
            return ALWAYS
        if fact is None:
            self._problems.unknown(key.span, "fact", key.text, self._names.facts)
            return ALWAYS
        if isinstance(node, Scalar) and node.is_null:
            self._problems.error(key.span, f"`{key.text}` needs a condition", "such as `present`")
            return ALWAYS
        return self._cell(fact, node)

    def _cell(self, fact: FactRef, node: Node) -> Condition:
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
            parts.append(make(tuple(self._cell(fact, item) for item in entry.value.items)))
        return _all(parts)

    def _scalar_cell(self, fact: FactRef, text: str, node: Scalar) -> Condition:
        shown = f"{fact.name}: {text}"
        if text == "present":
            return Present(fact, shown, node.span)
        if text == "missing":
            return Not(Present(fact, f"{fact.name}: present", node.span))
        if match := _NEGATION.fullmatch(text):
            return Not(self._scalar_cell(fact, match[1].strip(), node))
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
        return holds if texts == ["true"] else Not(holds)

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

    # --- history -----------------------------------------------------------------------------------------------------

    def _history_list(self, node: Node | None) -> list[Condition]:
        if node is None:
            return []
        if self._of_event:
            self._problems.error(node.span, "an event's filter looks at its own fields alone")
            return []
        if not isinstance(node, Sequence):
            self._problems.error(node.span, "`history` must be a list such as `- {seen: quote_requested, in: 30d}`")
            return []
        return [self._history(Form(item, self._problems, "a history condition")) for item in node.items]

    def _history(self, form: Form) -> Condition:
        kinds = [kind for kind in ("seen", "not_seen", "ever", "last") if form.has(kind)]
        if len(kinds) != 1:
            message = "a history condition names one of seen, not_seen, ever, last"
            if not kinds and form.misspelt():
                return ALWAYS
            self._problems.error(form.span, message, "write one entry for each" if kinds else "")
            return ALWAYS
        kind = kinds[0]
        event = self._event(form, kind)
        if event is None:
            return ALWAYS
        text = self._filter(form, event)
        shown = _shown(form)
        condition: Condition
        if kind == "last":
            condition = self._last(form, event, text, shown)
        elif kind != "ever" and form.has("since"):
            condition = self._since(form, event, text, shown)
        else:
            condition = self._seen(form, kind, event, text, shown)
        form.finish()
        if kind != "not_seen":
            return condition
        if isinstance(condition, SeenSince):
            happened = Seen(condition.anchor, condition.anchor_filter, 1, None, shown, form.span)
            return All((happened, Not(condition)))
        return Not(condition)

    def _event(self, form: Form, key: str) -> EventSpec | None:
        node = form.scalar(key)
        if node is None:
            return None
        spec = self._names.events.get(EventName(node.text))
        if spec is None:
            self._problems.unknown(node.span, "event", node.text, self._names.events)
        return spec

    def _filter(self, form: Form, event: EventSpec, depth: int = 1) -> str:
        node = form.node_at("where")
        condition = None
        text: str = event.name
        if node is not None:
            fields = {str(spec.name): FactRef(spec.name, spec) for spec in event.fields}
            condition = ConditionReader(Names(facts=fields, events={}), self._problems, of_event=True).block(node)
            text = f"{event.name}{{{canonical(condition)}}}"
        self._keep(text, event.name, condition, depth)
        return text

    def _keep(self, text: str, event: EventName, condition: Condition | None, depth: int) -> None:
        kept = self._names.filters.setdefault(text, KeptFilter(event, condition, depth))
        kept.depth = max(kept.depth, depth)

    def _window(self, form: Form, key: str, event: EventSpec, *, required: bool) -> Duration | None:
        window = form.duration(key, required=required)
        self._check_kept(form, key, event, window)
        return window

    def _check_kept(self, form: Form, key: str, event: EventSpec, window: Duration | None) -> None:
        if window is not None and event.keep_days is not None and window.longest_days > event.keep_days + 2:
            message = f"the window {window} is longer than `{event.name}` is kept ({event.keep_days} days)"
            hint = "raise `keep` in the catalogue, or shorten the window"
            self._problems.error(form.span_of(key), message, hint, code=Code.WINDOW_TOO_LONG)

    def _seen(self, form: Form, kind: str, event: EventSpec, text: str, shown: str) -> Condition:
        at_least = form.integer("at_least") or 1
        window = None if kind == "ever" else self._window(form, "in", event, required=True)
        self._names.filters[text].depth = max(self._names.filters[text].depth, at_least)
        return Seen(event.name, text, at_least, window, shown, form.span)

    def _since(self, form: Form, event: EventSpec, text: str, shown: str) -> Condition:
        anchor = self._event(form, "since")
        if anchor is None:
            return ALWAYS
        self._keep(anchor.name, anchor.name, None, 1)
        return SeenSince(event.name, text, anchor.name, anchor.name, shown, form.span)

    def _last(self, form: Form, event: EventSpec, text: str, shown: str) -> Condition:
        node = form.scalar("ago", required=True)
        if node is None:
            return ALWAYS
        nearest, farthest = (read_duration(part) for part in (node.text + "..").split("..")[:2])
        if nearest is None or farthest is None:
            self._problems.error(node.span, "`ago` must be a span such as `40d..220d`")
            return ALWAYS
        if nearest.longest_days > farthest.longest_days:
            self._problems.error(node.span, f"the span {node.text} is empty", "the shorter distance comes first")
        self._check_kept(form, "ago", event, farthest)
        return LastAgo(event.name, text, nearest, farthest, shown, form.span)


def canonical(condition: Condition) -> str:
    """A condition in words that are equal exactly where the condition was written equally, places apart."""
    match condition:
        case Not(item):
            return f"not({canonical(item)})"
        case All(items):
            return f"all({'; '.join(map(canonical, items))})"
        case AnyOf(items):
            return f"any({'; '.join(map(canonical, items))})"
        case Compare(fact=fact, operator=operator, right=right):
            beside = f"{right.factor}*{right.fact.name}+" if right.fact is not None else ""
            return f"{fact.name} {operator} {beside}{right.constant}"
        case OneOf(fact=fact, values=values):
            return f"{fact.name} in {sorted(values, key=repr)}"
        case _:
            return condition.text


def positive_events(condition: Condition) -> tuple[Seen | LastAgo | SeenSince, ...]:
    """The history conditions that ask for something to have happened, outside of any negation."""
    match condition:
        case Not():
            return ()
        case All(items) | AnyOf(items):
            return tuple(found for item in items for found in positive_events(item))
        case Seen() | LastAgo() | SeenSince():
            return (condition,)
        case _:
            return ()


def _all(parts: list[Condition]) -> Condition:
    flat = [item for part in parts for item in (part.items if isinstance(part, All) else (part,))]
    return flat[0] if len(flat) == 1 else All(tuple(flat))


def _literal(spec: FactSpec, text: str) -> Natural:
    """A literal, ready to be held; numbers only as they are written everywhere, and never rounded."""
    if spec.type is FactType.BOOLEAN:
        return _TRUTHS.get(text, text)
    if spec.type is FactType.DATE:
        return read_day(text) or "no day"
    if spec.type is FactType.INSTANT:
        return read_instant(text) or "no instant"
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


def _shown(form: Form) -> str:
    """A history condition as it is written; a negated one as what it negates, which is what explanations judge."""
    parts = []
    for entry in form.node.entries:
        value = entry.value.text if isinstance(entry.value, Scalar) else "..."
        parts.append(f"{entry.key.text.removeprefix('not_')}: {value}")
    return ", ".join(parts)


def _article(kind: FactType) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _measure(spec: FactSpec) -> str:
    return spec.unit or str(spec.type)
