"""Reads a mapping key by key, and reports what is missing, misspelt or of the wrong kind, all at once."""

import re
from collections.abc import Collection, Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from engine.compiler.grammar import SHAPES
from engine.compiler.grammar.kinds import Choice, Kind, Number, Truth, Whole
from engine.compiler.grammar.words import NAME
from engine.compiler.nodes import Mapping, Node, Scalar, Sequence, shorten
from engine.compiler.problem_list import Problems, suggestion
from engine.compiler.times import duration_hint, read_day, read_duration
from engine.errors import Code, Diagnostic, Span
from engine.syntax import Duration

_NAME: Final = re.compile(NAME)
_LONGEST_NAME: Final = 64


def check_name(word: Scalar, what: str, problems: Problems) -> None:
    """Refuse what cannot name something that facts, keys and reasons are called by."""
    if not _NAME.fullmatch(word.text) or len(word.text) > _LONGEST_NAME:
        message = f"`{shorten(word.text)}` cannot name {what}"
        problems.error(word.span, message, "lower-case letters, digits and underscores, 64 at most")


class Form:
    """One mapping being read. Every key that is read counts as known; `finish` reports the others.

    Where the grammar has a shape of the form's name, bounds, words and defaults come from there, and no key can be read
    that it does not list.
    """

    def __init__(self, node: Node | None, problems: Problems, what: str, span: Span | None = None) -> None:
        self.problems = problems
        self.what = what
        self._shape = SHAPES.get(what)
        if node is not None and not isinstance(node, Mapping):
            problems.refuse([Diagnostic(node.span, f"{what} must hold `key: value` lines")])
        self.node = node if isinstance(node, Mapping) else Mapping((), node.span if node else span or Span(""))
        self.span = self.node.span
        self._read: set[str] = set()

    def finish(self) -> None:
        """Report the keys that nobody read."""
        above: Scalar | None = None
        for entry in self.node.entries:
            if entry.key.text not in self._read:
                self._refuse_key(entry.key, above)
            empty = isinstance(entry.value, Scalar) and entry.value.is_null and entry.key.text in self._read
            above = entry.key if empty else None

    def misspelt(self) -> bool:
        """Report the keys that the grammar does not list, and tell whether there are any."""
        declared = () if self._shape is None else [each.name for each in self._shape.keys]
        unknown = [entry.key for entry in self.node.entries if entry.key.text not in declared]
        for key in unknown:
            self.problems.unknown(key.span, f"key in {self.what}", key.text, declared)
        return bool(unknown)

    def _refuse_key(self, key: Scalar, above: Scalar | None) -> None:
        """A key that the grammar lists was left unread because others rule it out.

        `above` is the key before it, where that says nothing: somebody may have forgotten to indent.
        """
        declared = () if self._shape is None else [each.name for each in self._shape.keys]
        if key.text in declared:
            message = f"`{key.text}` does not go with the other keys of {self.what}"
            self.problems.error(key.span, message, "remove it")
        elif above is not None and above.span.column == key.span.column:
            hint = f"does it belong to `{above.text}` above? then indent it below"
            message = f"unknown key in {self.what} `{shorten(key.text)}`"
            self.problems.error(key.span, message, hint, code=Code.UNKNOWN_NAME)
        else:
            self.problems.unknown(key.span, f"key in {self.what}", key.text, self._read.union(declared))

    def node_at(self, key: str) -> Node | None:
        """The raw node under a key."""
        self._read.add(key)
        assert self._shape is None or self._shape.open or self._shape.key(key), f"declare `{key}` of {self.what}"
        node = self.node.get(key)
        return None if isinstance(node, Scalar) and node.is_null else node

    def has(self, key: str) -> bool:
        """Whether a value stands under a key."""
        return self.node_at(key) is not None

    def empty(self, key: str) -> bool:
        """Whether nothing stands under a key, or a list or mapping of nothing."""
        node = self.node_at(key)
        return node is None or (
            not isinstance(node, Scalar) and not (node.items if isinstance(node, Sequence) else node.entries)
        )

    def span_of(self, key: str) -> Span:
        """Where the value of a key stands, or the mapping where it is absent."""
        node = self.node_at(key)
        return node.span if node is not None else self.span

    def key_span(self, key: str) -> Span:
        """Where a key itself stands, or the mapping where it is absent."""
        return next((entry.key.span for entry in self.node.entries if entry.key.text == key), self.span)

    def scalar(self, key: str, *, required: bool = False) -> Scalar | None:
        """A single value."""
        node = self.node_at(key)
        if node is None:
            if required:
                self.problems.error(self.span, f"{self.what} needs `{key}`", code=Code.MISSING_KEY)
            return None
        if not isinstance(node, Scalar):
            self.problems.refuse([Diagnostic(node.span, f"`{key}` must be a single value")])
            return None
        return node

    def text(self, key: str, default: str = "", *, required: bool = False) -> str:
        """A text."""
        node = self.scalar(key, required=required)
        return default if node is None else node.text

    def name(self, key: str, *, required: bool = True) -> str:
        """An identifier: lower case letters, digits and underscores."""
        node = self.scalar(key, required=required)
        if node is None:
            return ""
        if not _NAME.fullmatch(node.text) or len(node.text) > 64:
            message = f"`{key}` must be a name of lower-case letters, digits and underscores, 64 at most"
            self.problems.error(node.span, message)
        return node.text

    def _kind(self, key: str) -> Kind | None:
        """What the grammar says of a key; of alternatives, none."""
        declared = self._shape.key(key) if self._shape is not None else None
        return declared.kind if declared is not None else None

    def choice(self, key: str, values: Collection[str] = (), default: str = "") -> str:
        """One of some words: the grammar's, or those given."""
        node, kind = self.scalar(key), self._kind(key)
        if isinstance(kind, Choice):
            values, default = kind.values, default or kind.default
        if node is None:
            return default
        if node.text not in values:
            hint = suggestion(node.text, values)
            self.problems.error(node.span, f"`{key}` must be one of {', '.join(values)}", hint)
            return default
        return node.text

    def truth(self, key: str) -> bool:
        """True or false; false unless the grammar says otherwise."""
        node, kind = self.scalar(key), self._kind(key)
        default = isinstance(kind, Truth) and kind.default
        if node is None:
            return default
        if node.truth is None:
            self.problems.error(node.span, f"`{key}` must be true or false")
            return default
        return node.truth

    def number(
        self, key: str, default: str | None = None, *, low: str | None = None, high: str | None = None
    ) -> Decimal | None:
        """An exact number within inclusive bounds, the grammar's or those given; absent without a default: None."""
        node, kind = self.scalar(key), self._kind(key)
        if isinstance(kind, Number):
            default, low, high = kind.default or None, kind.low or None, kind.high or None
        if node is None:
            return None if default is None else Decimal(default)
        return self.bounded(node, key, low, high) or (Decimal(0) if node.number == 0 else None)

    def bounded(self, node: Scalar, key: str, low: str | None, high: str | None) -> Decimal | None:
        """The number that a scalar holds, None (and an error) where it holds none or one out of bounds."""
        number = node.number
        if number is None:
            self.problems.error(node.span, f"`{key}` must be a number")
            return None
        if (low is not None and number < Decimal(low)) or (high is not None and number > Decimal(high)):
            self.problems.error(node.span, f"`{key}` must lie in {low or ''}..{high or ''}")
            return None
        return number

    def integer(self, key: str, default: int | None = None, *, low: int = 0, high: int = 10**9) -> int | None:
        """A whole number within bounds, both inclusive: the grammar's, or those given."""
        kind = self._kind(key)
        if isinstance(kind, Whole):
            default, low, high = kind.default, kind.low, kind.high
        number = self.number(key, None, low=str(low), high=str(high))
        if number is None:
            return default
        if number != number.to_integral_value():
            self.problems.error(self.span_of(key), f"`{key}` must be a whole number")
            return default
        return int(number)

    def duration(self, key: str, *, required: bool = False) -> Duration | None:
        """A duration such as `30d`."""
        node = self.scalar(key, required=required)
        if node is None:
            return None
        duration = read_duration(node.text)
        if duration is None:
            hint = duration_hint(node.text)
            self.problems.error(node.span, f"`{key}` must be a duration of at most 100 years", hint)
        return duration

    def day(self, key: str) -> date | None:
        """A calendar date."""
        node = self.scalar(key)
        if node is None:
            return None
        day = read_day(node.text)
        if day is None:
            self.problems.error(node.span, f"`{key}` must be a date that exists, such as 2026-01-31")
        return day

    def words(self, key: str) -> tuple[Scalar, ...]:
        """A list of single values; one value alone counts as a list of one."""
        node = self.node_at(key)
        if node is None:
            return ()
        if isinstance(node, Scalar):
            return (node,)
        if isinstance(node, Sequence):
            return tuple(self._scalars(key, node))
        self.problems.refuse([Diagnostic(node.span, f"`{key}` must be a list")])
        return ()

    def known_words(self, key: str, kind: str, known: Collection[str]) -> tuple[str, ...]:
        """A list of names, each of which must be known."""
        found = []
        for word in self.words(key):
            if word.text in known:
                found.append(word.text)
            else:
                self.problems.unknown(word.span, kind, word.text, known)
        return tuple(found)

    def _scalars(self, key: str, node: Sequence) -> Iterator[Scalar]:
        for item in node.items:
            if isinstance(item, Scalar):
                yield item
            else:
                self.problems.error(item.span, f"`{key}` must be a list of single values")

    def items(self, key: str) -> tuple[Node, ...]:
        """A list of anything."""
        node = self.node_at(key)
        if node is None:
            return ()
        if isinstance(node, Sequence):
            return node.items
        self.problems.refuse([Diagnostic(node.span, f"`{key}` must be a list")])
        return ()

    def forms(self, key: str, what: str) -> Iterator["Form"]:
        """A list of mappings."""
        for item in self.items(key):
            yield Form(item, self.problems, what)

    def entries(self, key: str) -> tuple[tuple[Scalar, Node], ...]:
        """The keys and values of a mapping under a key."""
        node = self.node_at(key)
        if node is None:
            return ()
        if isinstance(node, Mapping):
            return tuple((entry.key, entry.value) for entry in node.entries)
        self.problems.refuse([Diagnostic(node.span, f"`{key}` must hold `key: value` lines")])
        return ()

    def form(self, key: str, what: str) -> "Form":
        """The mapping under a key; an empty one where it is absent."""
        return Form(self.node_at(key), self.problems, what, self.span)


def seconds(form: Form, key: str, node: Scalar) -> int:
    """A duration in seconds, months and years as 31 and 366 days; 0 and an error where it is none."""
    duration = read_duration(node.text)
    if duration is None:
        form.problems.error(node.span, f"`{key}` must be a duration such as `30d`")
        return 0
    if duration.unit == "min":
        return 60 * duration.amount
    return 3600 * duration.amount if duration.unit == "h" else 86_400 * duration.longest_days
