"""Reads a YAML 1.2 file into nodes that remember where they stand; the only module that knows ruamel.yaml.

Values stay source text: `NO` is text, `010` is a number only where a number is asked for, and nothing is rounded on
the way in. Anchors, aliases, tags, duplicate keys and several documents are refused; size and depth are bounded.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
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

from engine.errors import Code, Diagnostic, Span

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 30
MAX_SCALAR: Final = 20_000
_NEEDS_QUOTES: Final = re.compile(r"(?:: |[\[,] ?)\s*([>!%@`*&])")
_IN_PLAIN_WORDS: Final = (
    ("while scanning a quoted scalar", "this quote is never closed", "close it in the same line"),
    ("while parsing a flow mapping", "this `{` is never closed, or a comma is missing in it", ""),
    ("while parsing a flow sequence", "this `[` is never closed, or a comma is missing in it", ""),
    ("mapping values are not allowed", "`: ` cannot stand inside a value", "put quotes around the text"),
    ("\\t", "a tab cannot indent", "use spaces"),
)
"""What the parser says, what it means, and what helps."""
_NUMBER: Final = re.compile(r"[-+]?(\d[\d_]*)(\.\d[\d_]*)?")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value as it was written; `quoted` tells text from what could be a number or a truth value."""

    text: str
    quoted: bool
    span: Span

    @property
    def is_null(self) -> bool:
        """Whether nothing was written."""
        return not self.quoted and self.text in ("", "~", "null")

    @property
    def truth(self) -> bool | None:
        """True or False where the scalar is one, else None."""
        return {"true": True, "false": False}.get(self.text) if not self.quoted else None

    @property
    def number(self) -> Decimal | None:
        """The exact number where the scalar is a plain one (underscores group digits), else None."""
        return read_number(self.text) if not self.quoted else None


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    items: tuple["Node", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its value."""

    key: Scalar
    value: "Node"


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys with values, in file order, no key twice."""

    entries: tuple[Entry, ...]
    span: Span

    def get(self, key: str) -> "Node | None":
        """The value under a key, None where it is absent."""
        return next((entry.value for entry in self.entries if entry.key.text == key), None)


Node = Scalar | Sequence | Mapping


class ParseError(Exception):
    """A file cannot be read at all; carries the one diagnostic that says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = replace(diagnostic, code=Code.UNREADABLE)
        super().__init__(str(diagnostic))


def read_number(text: str) -> Decimal | None:
    """An exact decimal number such as `50_000` or `-0.5`, None for anything else."""
    return Decimal(text.replace("_", "")) if len(text) <= 40 and _NUMBER.fullmatch(text) else None


def parse(path: str, content: bytes) -> Mapping:
    """Read one file, whose top level must be a mapping.

    Raises:
        ParseError: the bytes are too many, not UTF-8, or not the YAML that rule files may use.
    """
    if len(content) > MAX_BYTES:
        raise ParseError(Diagnostic(Span(path), f"the file has more than {MAX_BYTES:,} bytes"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ParseError(Diagnostic(Span(path, line), "the file is not UTF-8 text")) from error
    _refuse_hidden_characters(path, text)
    try:
        return _Builder(path, _events(text)).document()
    except RecursionError as error:
        raise ParseError(Diagnostic(Span(path), f"the file nests deeper than {MAX_DEPTH} levels")) from error
    except YAMLError as error:
        raise ParseError(_explain(path, text, error)) from error


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


def _refuse_hidden_characters(path: str, text: str) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.isascii() and line.isprintable():
            continue
        for column, character in enumerate(line, start=1):
            if unicodedata.category(character) in ("Cf", "Cc") and character not in "\t\r":
                span = Span(path, number, column)
                raise ParseError(Diagnostic(span, f"the hidden character U+{ord(character):04X} is not allowed"))


def _explain(path: str, text: str, error: YAMLError) -> Diagnostic:
    mark = error.problem_mark or error.context_mark if isinstance(error, MarkedYAMLError) else None
    if mark is None:
        return Diagnostic(Span(path), "this is not YAML")
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    if sign := _NEEDS_QUOTES.search(line):
        span = Span(path, mark.line + 1, sign.start(1) + 1)
        return Diagnostic(span, f"`{sign[1]}` cannot start a value", "put quotes around it")
    problem = str(getattr(error, "problem", None) or "cannot be read")
    began = getattr(error, "context_mark", None)
    for fragment, message, hint in _IN_PLAIN_WORDS:
        if fragment in f"{getattr(error, 'context', '')}: {problem}":
            at = began if began is not None and "closed" in message else mark
            return Diagnostic(Span(path, at.line + 1, at.column + 1), message, hint)
    return Diagnostic(Span(path, mark.line + 1, mark.column + 1), f"this is not YAML: {problem}")


class _Builder:
    """Builds nodes from parser events."""

    def __init__(self, path: str, events: Iterator[Any]) -> None:
        self._path = path
        self._events = events

    def document(self) -> Mapping:
        root: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refuse(event, "a rule file holds one document", "remove the `---` line")
                root = self._node(next(self._events), depth=0)
        if not isinstance(root, Mapping):
            span = root.span if root is not None else Span(self._path)
            empty = root is None or (isinstance(root, Scalar) and root.is_null)
            what = "the file is empty" if empty else "the file must hold `key: value` lines"
            raise ParseError(Diagnostic(span, what))
        return root

    def _node(self, event: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._refuse(event, f"the file nests deeper than {MAX_DEPTH} levels")
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self._refuse(event, "anchors and aliases are not allowed", "write the value out")
        self._refuse_block_sign(event)
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(event, depth)
        return self._mapping(event, depth)

    def _refuse_block_sign(self, event: Any) -> None:
        tag = getattr(event, "tag", None)
        if tag is None:
            return
        text = str(tag)
        if text == "!" and getattr(event, "style", None) in ("'", '"'):
            return
        if text.startswith("!"):
            raise self._refuse(event, "tags are not allowed", "a value that starts with `!` needs quotes around it")
        raise self._refuse(event, "tags are not allowed")

    def _scalar(self, event: Any) -> Scalar:
        text = str(event.value)
        if len(text) > MAX_SCALAR:
            raise self._refuse(event, f"a value has more than {MAX_SCALAR:,} characters")
        if getattr(event, "style", None) == ">" and self._is_comparison(text):
            raise self._refuse(event, "`>` cannot start a value", "put quotes around it")
        return Scalar(text, bool(getattr(event, "style", None)), self._span(event))

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
            if not isinstance(event, ScalarEvent):
                raise self._refuse(event, "a key must be plain text")
            key = self._node(event, depth + 1)
            assert isinstance(key, Scalar)
            if key.text in entries:
                first = entries[key.text].key.span.line
                raise self._refuse(event, f"`{key.text}` stands here twice", f"the first is in line {first}")
            entries[key.text] = Entry(key, self._node(next(self._events), depth + 1))
        return Mapping(tuple(entries.values()), self._span(start))

    def _span(self, event: Any) -> Span:
        return Span(self._path, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse(self, event: Any, message: str, hint: str = "") -> ParseError:
        return ParseError(Diagnostic(self._span(event), message, hint))
