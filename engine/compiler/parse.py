"""Reads a YAML 1.2 file into nodes that remember where they stand; the only module that knows ruamel.yaml.

Values stay source text: `NO` is text, `010` is a number only where a number is asked for, and nothing is rounded on
the way in. Anchors, aliases, tags, directives, duplicate keys and several documents are refused; bytes, nodes and depth
are bounded. Everything wrong is said at once where one fault does not hide the next.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from engine.compiler.characters import (
    as_meant,
    hidden_characters,
    hidden_in,
    special_space,
    stand_in,
    without_hidden,
)
from engine.compiler.nodes import (
    MAX_DEPTH,
    MAX_NODES,
    MAX_SCALAR,
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    read_number,
    shorten,
)
from engine.compiler.quick import TooManyNodes, read_quickly
from engine.compiler.yaml_words import Complaint, Place, sign_at, told
from engine.errors import Code, Diagnostic, Span

__all__ = [
    "Entry",
    "Mapping",
    "Node",
    "ParseError",
    "Scalar",
    "Sequence",
    "comments",
    "parse",
    "read_number",
    "shorten",
]

MAX_BYTES: Final = 128_000
MAX_LINE: Final = 10_000
TOO_MANY: Final = f"the file holds more than {MAX_NODES:,} keys and values"
MAX_FAULTS: Final = 20
"""Faults of the YAML of one file that are told; the others wait until these are mended."""
_REPAIRED_BYTES: Final = 100_000
"""How much is read again, in all, after signs without quotes: as many signs of one file are told."""


class ParseError(Exception):
    """What is wrong with the YAML of a file, in file order.

    `root` is the document as it was meant, where that is beyond doubt: it can be checked further, but not compiled.
    """

    def __init__(self, diagnostics: Collection[Diagnostic], root: Mapping | None = None) -> None:
        self.diagnostics = tuple(sorted(replace(each, code=Code.UNREADABLE) for each in diagnostics))
        self.root = root
        super().__init__("\n".join(map(str, self.diagnostics)))


def parse(path: str, content: bytes) -> Mapping:
    """Read one file, whose top level must be a mapping.

    Raises:
        ParseError: the bytes are too many, not UTF-8, or not the YAML that rule files may use.
    """
    text = _decoded(path, content)
    faults = dict.fromkeys(islice(hidden_characters(path, text), MAX_FAULTS))
    text = without_hidden(text) if faults else text.replace("\r\n", "\n")
    excess = _excess(path, text)
    if excess is not None or len(faults) >= MAX_FAULTS:
        raise ParseError([*faults, *([excess] if excess is not None else [])])
    root = None if faults else _read_quickly(path, text)
    root = root or _parse(path, text, faults)
    if faults:
        raise ParseError(faults, root)
    assert root is not None
    return root


def _read_quickly(path: str, text: str) -> Mapping | None:
    try:
        return read_quickly(path, text)
    except TooManyNodes as error:
        raise ParseError([Diagnostic(error.span, TOO_MANY, "split it")]) from error


def _decoded(path: str, content: bytes) -> str:
    if len(content) > MAX_BYTES:
        message = f"the file has more than {MAX_BYTES:,} bytes"
        raise ParseError([Diagnostic(Span(path), message, "split it")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8-sig", "replace")) + 1
        hint = "save it as UTF-8"
        raise ParseError([Diagnostic(Span(path, line, column), "the file is not UTF-8 text", hint)]) from error


_BRACKETS: Final = re.compile(r"""[\[\]{}]|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|(?<!\S)#.*""")
_OPENED: Final = 3 * MAX_DEPTH
"""Brackets that are open at once before the parser, which looks far ahead, is asked; it then counts exactly."""


def _excess(path: str, text: str) -> Diagnostic | None:
    """What would take the parser too long, found without it: endless lines, and brackets in brackets."""
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > MAX_LINE:
            message = f"the line has more than {MAX_LINE:,} characters"
            return Diagnostic(Span(path, number, MAX_LINE + 1), message, "break it into several")
    opened = 0
    for match in _BRACKETS.finditer(text):
        opened += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        if opened > _OPENED:
            span = Span(
                path, text.count("\n", 0, match.start()) + 1, match.start() - text.rfind("\n", 0, match.start())
            )
            return Diagnostic(span, f"the file nests deeper than {MAX_DEPTH} levels", "write it flatter")
    return None


def read_with_parser(path: str, text: str) -> tuple[Mapping | None, tuple[Diagnostic, ...]]:
    """What the parser makes of a text: the document, None where it cannot be had, and its faults."""
    faults: dict[Diagnostic, None] = {}
    root = _parse(path, text, faults)
    return root, tuple(faults)


def _parse(path: str, text: str, faults: dict[Diagnostic, None]) -> Mapping | None:
    """The document, None where it cannot be had; after a sign without quotes it is read again as if it had them."""
    repairs = min(MAX_FAULTS, 1 + _REPAIRED_BYTES // (len(text) + 1))
    while True:
        builder = _Builder(path, text)
        try:
            root = builder.document()
        except YAMLError as error:
            sign = _complained(path, text, error, builder.faults)
        except _SignFound as found:
            sign = found.place
        except _Unreadable:
            faults.update(builder.faults)
            return None
        else:
            faults.update(builder.faults)
            return root
        if sign is not None:
            faults[_sign_fault(path, text, sign)] = None
            text = _with_stand_in(text, sign)
        if sign is None or len(faults) >= repairs:
            faults.update(builder.faults)
            return None


class _SignFound(Exception):
    """A value starts with `!`: the parser took it for a tag."""

    def __init__(self, place: Place) -> None:
        self.place = place


class _Unreadable(Exception):
    """Something keeps the rest of the file from being read; the builder's faults say what."""


def _complained(path: str, text: str, error: YAMLError, faults: dict[Diagnostic, None]) -> Place | None:
    """The sign that the parser stumbled over; None, and one more fault, where it is none."""
    mark = error.problem_mark or error.context_mark if isinstance(error, MarkedYAMLError) else None
    if mark is None:
        faults[Diagnostic(Span(path), "this is not YAML")] = None
        return None
    began = getattr(error, "context_mark", None)
    complaint = Complaint(
        context=str(getattr(error, "context", None) or ""),
        began=None if began is None else (began.line, began.column),
        problem=str(getattr(error, "problem", None) or ""),
        at=(mark.line, mark.column),
    )
    lines = text.split("\n")
    sign = sign_at(complaint, lines)
    if sign is None:
        plain = told(complaint, lines)
        faults[Diagnostic(Span(path, plain.at[0] + 1, plain.at[1] + 1), as_meant(plain.message), plain.hint)] = None
    return sign


def _sign_fault(path: str, text: str, at: Place) -> Diagnostic:
    sign = text.split("\n")[at[0]][at[1]]
    return Diagnostic(Span(path, at[0] + 1, at[1] + 1), f"`{sign}` cannot start a value", "put quotes around it")


def _with_stand_in(text: str, at: Place) -> str:
    lines = text.split("\n")
    line = lines[at[0]]
    lines[at[0]] = line[: at[1]] + stand_in(line[at[1]]) + line[at[1] + 1 :]
    return "\n".join(lines)


def _events(text: str) -> Iterator[Any]:
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    return iter(reader.parse(text))


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment of a file, without its `#`."""

    text: str
    span: Span


_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#(?=(.*))", re.MULTILINE)


def comments(path: str, content: bytes) -> tuple[Comment, ...]:
    """The comments of a file that `parse` has read, in file order; a `#` inside a value begins none."""
    text = content.decode("utf-8-sig")
    values = [(each.start_mark.index, each.end_mark.index) for each in _events(text) if isinstance(each, ScalarEvent)]
    found: list[Comment] = []
    ended = 0
    for match in _COMMENT.finditer(text):
        if match.start() >= ended and not any(start <= match.start() < end for start, end in values):
            ended = match.end(1)
            line = text.count("\n", 0, match.start()) + 1
            column = match.start() - text.rfind("\n", 0, match.start())
            found.append(Comment(match[1].strip(), Span(path, line, column)))
    return tuple(found)


class _Builder:
    """Builds nodes from parser events, and collects the faults that do not keep it from reading on."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._events = _events(text)
        self._text = text
        self._nodes = 0
        self.faults: dict[Diagnostic, None] = {}

    def document(self) -> Mapping:
        """The one document of the file.

        Raises:
            _Unreadable: there is none; the faults say why.
            _SignFound: a value must be put into quotes first.
        """
        root: Node | None = None
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                if root is not None:
                    raise self._stop(event, "a rule file holds one document", "remove the `---` or `...` line")
                if event.version is not None or event.tags:
                    self._fault(Span(self._path), "a line that starts with `%` is not allowed", "remove it")
                root = self._node(next(self._events), depth=0)
        if not isinstance(root, Mapping):
            empty = root is None or (isinstance(root, Scalar) and root.is_null)
            span = root.span if root is not None and not empty else Span(self._path)
            what = "the file is empty" if empty else "the file must hold `key: value` lines"
            self._fault(span, what, _colon_hint(root))
            raise _Unreadable
        return root

    def _node(self, event: Any, depth: int) -> Node:
        self._count(event, depth)
        if isinstance(event, AliasEvent):
            self._fault(self._span(event), "anchors and aliases are not allowed", "write the value out")
            return Scalar(f"*{event.anchor}", True, self._span(event))
        if event.anchor is not None:
            self._fault(self._span(event), "anchors and aliases are not allowed", "write the value out")
        self._refuse_tag(event)
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(event, depth)
        return self._mapping(event, depth)

    def _count(self, event: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._stop(event, f"the file nests deeper than {MAX_DEPTH} levels", "write it flatter")
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._stop(event, TOO_MANY, "split it")

    def _refuse_tag(self, event: Any) -> None:
        tag = event.tag
        if tag is None:
            return
        mark = event.start_mark
        if self._text.startswith("!", mark.index) and not self._text.startswith("!!", mark.index):
            raise _SignFound((mark.line, mark.column))
        self._fault(self._span(event), "tags are not allowed", "remove it")

    def _scalar(self, event: Any) -> Scalar:
        text, style = str(event.value), event.style
        span = self._span(event)
        if len(text) > MAX_SCALAR:
            raise self._stop(event, f"a value has more than {MAX_SCALAR:,} characters", "shorten it")
        if style == ">" and self._is_comparison(text):
            self._fault(span, "`>` cannot start a value", "put quotes around it")
        elif style == '"' and (hidden := hidden_in(text)) is not None:
            self._fault(span, hidden, "remove its `\\` sequence")
        elif style is None and (space := special_space(text)) is not None:
            hint = "write an ordinary space, or put quotes around the text"
            self._fault(replace(span, column=span.column + space), "this space is not an ordinary one", hint)
        meant = as_meant(text)
        return Scalar(meant, style is not None, span, self._lead(event, text) if len(meant) == len(text) else None)

    @staticmethod
    def _lead(event: Any, text: str) -> int | None:
        """How far into the event its text starts, None where the two do not run alongside."""
        start, end, quotes = event.start_mark, event.end_mark, 1 if event.style in ("'", '"') else 0
        alongside = start.line == end.line and end.column - start.column == len(text) + 2 * quotes
        return quotes if alongside else None

    @staticmethod
    def _is_comparison(text: str) -> bool:
        return text.strip() == "" or read_number(text.strip().removeprefix("=").strip()) is not None

    def _sequence(self, start: Any, depth: int) -> Sequence:
        items = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Sequence(tuple(items), self._span(start))

    def _mapping(self, start: MappingStartEvent, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent | AliasEvent):
                raise self._stop(event, "a key must be plain text", "put quotes around it if it is text")
            key = self._node(event, depth + 1)
            assert isinstance(key, Scalar)
            value = self._node(next(self._events), depth + 1)
            if key.text == "<<" and not key.quoted:
                self._fault(key.span, "merge keys (`<<`) are not allowed", "write the keys out")
                continue
            first = entries.setdefault(key.text, Entry(key, value)).key
            if first is not key:
                self._fault(
                    key.span, f"`{shorten(key.text)}` stands here twice", f"the first is in line {first.span.line}"
                )
        return Mapping(tuple(entries.values()), self._span(start))

    def _span(self, event: Any) -> Span:
        return Span(self._path, event.start_mark.line + 1, event.start_mark.column + 1)

    def _fault(self, span: Span, message: str, hint: str = "") -> None:
        self.faults[Diagnostic(span, message, hint)] = None
        if len(self.faults) >= MAX_FAULTS:
            raise _Unreadable

    def _stop(self, event: Any, message: str, hint: str = "") -> _Unreadable:
        self.faults[Diagnostic(self._span(event), message, hint)] = None
        return _Unreadable()


def _colon_hint(root: Node | None) -> str:
    colon = isinstance(root, Scalar) and ":" in root.text
    return "write a space after the colon" if colon else ""
