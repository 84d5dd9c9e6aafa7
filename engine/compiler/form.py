"""Reads a mapping key by key, and reports what is missing, misspelt or of the wrong kind, all at once."""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal, cast

from engine.compiler.grammar import SHAPES
from engine.compiler.grammar.kinds import Choice, Kind, Number, Truth, Whole
from engine.compiler.grammar.words import DURATION, NAME
from engine.compiler.parse import Mapping, Node, Scalar, Sequence, shorten
from engine.errors import Code, Diagnostic, Severity, Span
from engine.syntax import Duration

_NAME: Final = re.compile(NAME)
_DURATION: Final = re.compile(DURATION, re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_AMOUNT: Final = re.compile(r"\d+", re.ASCII)
_Unit = Literal["min", "h", "d", "mo", "y"]
LONGEST: Final = 100 * 366
FIRST_YEAR: Final = 1800
LAST_YEAR: Final = 2999
MAX_PROBLEMS: Final = 1_000
_MAX_COMPARISONS: Final = 10_000
"""Names that unknown ones are compared with, in all: suggestions stop where thousands of names are wrong."""
_LONGEST_NAME: Final = 64
_CLOSE: Final = 0.6
_FEW: Final = 8
"""So many names are listed where none is close to the unknown one."""


class Problems:
    """Collects diagnostics while the files are read.

    A place that was refused is not judged again, and a name that a file declares which cannot be read is not called
    unknown: one fault is told once.
    """

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}
        self._refused: set[Span] = set()
        self._unread_names: set[str] = set()
        self._comparisons = 0
        self.unread: set[str] = set()
        """Files that could not be read, by their path below the rules folder."""

    def error(self, span: Span, message: str, hint: str = "", *, code: Code = Code.INVALID) -> None:
        """Note an error."""
        if span not in self._refused:
            self._found[Diagnostic(span, _in_a_line(message), _in_a_line(hint), Severity.ERROR, code)] = None

    def warning(self, span: Span, message: str, hint: str = "", *, code: Code) -> None:
        """Note something that may be meant, but rarely is; a comment on its line that names the code accepts it."""
        self._found[Diagnostic(span, _in_a_line(message), _in_a_line(hint), Severity.WARNING, code)] = None

    @property
    def count(self) -> int:
        """How many problems there are so far."""
        return len(self._found)

    def add(self, diagnostic: Diagnostic) -> None:
        """Note a diagnostic made elsewhere."""
        self._found[diagnostic] = None

    def refuse(self, diagnostics: Collection[Diagnostic]) -> None:
        """Note what cannot be read as what it stands for; what stands in those places is not judged again."""
        for diagnostic in diagnostics:
            if diagnostic.span not in self._refused:
                self._found[diagnostic] = None
        self._refused.update(diagnostic.span for diagnostic in diagnostics)

    def leave_unread(self, file: str, names: Iterable[str]) -> None:
        """Note that a file could not be read, with the names that it seems to declare."""
        self.unread.add(file)
        self._unread_names.update(names)

    @property
    def has_errors(self) -> bool:
        """Whether any of them is an error."""
        return any(each.severity is Severity.ERROR for each in self._found)

    @property
    def files_with_errors(self) -> frozenset[str]:
        """The files in which there is an error."""
        return frozenset(each.span.path for each in self._found if each.severity is Severity.ERROR)

    def sorted(self) -> tuple[Diagnostic, ...]:
        """Everything noted, in file order, nothing twice; far too many problems are counted, not listed."""
        found = sorted(self._found)
        if len(found) <= MAX_PROBLEMS:
            return tuple(found)
        found.sort(key=lambda each: each.severity is not Severity.ERROR)
        more = f"there are {len(found) - MAX_PROBLEMS:,} more problems"
        return (*found[:MAX_PROBLEMS], Diagnostic(found[MAX_PROBLEMS].span, more, "mend the others first"))

    def unknown(self, span: Span, kind: str, name: str, known: Collection[str]) -> None:
        """Note that a name is not known, with the nearest known one."""
        if name in self._unread_names:
            return
        self._comparisons += len(known)
        hint = suggestion(name, known) if self._comparisons <= _MAX_COMPARISONS else ""
        if not hint and 0 < len(known) <= _FEW:
            hint = f"there {'is' if len(known) == 1 else 'are'} {', '.join(f'`{each}`' for each in sorted(known))}"
        self.error(span, f"unknown {kind} `{shorten(name)}`", hint, code=Code.UNKNOWN_NAME)


def _in_a_line(text: str) -> str:
    return shorten(" ".join(text.split()), 500) if "\n" in text or len(text) > 500 else text


def suggestion(name: str, known: Collection[str]) -> str:
    """`did you mean ...?` with the closest known name, empty where none is close."""
    if len(name) > _LONGEST_NAME:
        return ""
    longer = next((each for each in known if each.endswith(f".{name}")), None)
    if longer is not None:
        return f"did you mean `{longer}`?"
    if ":" in name and (bare := name.partition(":")[0]) in known:
        return f"write a space after the colon: `{bare}: {name.partition(':')[2]}`"
    close = difflib.get_close_matches(name, _alike(name, known), n=1, cutoff=_CLOSE)
    return f"did you mean `{close[0]}`?" if close else ""


def _alike(name: str, known: Collection[str]) -> list[str]:
    """The known names that have so many letters in common with a name that a closer look is worth its time."""
    letters = set(name)
    return [
        each
        for each in known
        if 2 * min(len(each), len(name)) >= _CLOSE * (len(each) + len(name))
        and 2 * len(letters.intersection(each)) >= len(letters)
    ]


def read_duration(text: str) -> Duration | None:
    """A duration such as `30d`, `2y`, `6mo`, `12h` or `10min`; `m` is refused for being either; None: not one."""
    written = text.strip()
    amount = _AMOUNT.match(written)
    if amount is None or _DURATION.fullmatch(written) is None or len(amount[0]) > 6:
        return None
    duration = Duration(int(amount[0]), cast(_Unit, written[amount.end() :].strip()))
    return duration if duration.longest_days <= LONGEST else None


def duration_hint(text: str) -> str:
    """How a duration is written, said to somebody who wrote it otherwise."""
    return "write months as `mo`, minutes as `min`" if text.strip().endswith("m") else "such as `30d`, `6mo` or `2y`"


def read_instant(text: str) -> datetime | None:
    """An instant such as `2026-01-31T18:30:00Z`, in the same years; without a zone where none was written."""
    if not _INSTANT.fullmatch(text) or read_day(text[:10]) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def check_name(word: Scalar, what: str, problems: Problems) -> None:
    """Refuse what cannot name something that facts, keys and reasons are called by."""
    if not _NAME.fullmatch(word.text) or len(word.text) > _LONGEST_NAME:
        message = f"`{shorten(word.text)}` cannot name {what}"
        problems.error(word.span, message, "lower-case letters, digits and underscores, 64 at most")


def read_day(text: str) -> date | None:
    """A calendar date such as `2026-01-31`, in years that windows and zones can be counted in; None: not one."""
    if not _DAY.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


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
        for entry in self.node.entries:
            if entry.key.text not in self._read:
                self._refuse_key(entry.key)

    def misspelt(self) -> bool:
        """Report the keys that the grammar does not list, and tell whether there are any."""
        declared = () if self._shape is None else [each.name for each in self._shape.keys]
        unknown = [entry.key for entry in self.node.entries if entry.key.text not in declared]
        for key in unknown:
            self.problems.unknown(key.span, f"key in {self.what}", key.text, declared)
        return bool(unknown)

    def _refuse_key(self, key: Scalar) -> None:
        """A key that the grammar lists was left unread because others rule it out."""
        declared = () if self._shape is None else [each.name for each in self._shape.keys]
        if key.text in declared:
            message = f"`{key.text}` does not go with the other keys of {self.what}"
            self.problems.error(key.span, message, "remove it")
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
