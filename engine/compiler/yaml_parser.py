"""Has ruamel.yaml read a text into nodes; the only module that knows it.

Everything wrong is told at once where one fault does not hide the next. The parser takes microseconds for every sign,
so whoever calls it bounds `work_of` what it is given.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
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

from engine.compiler.characters import as_meant, hidden_in, special_space, stand_in
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
from engine.compiler.yaml_words import Complaint, Place, sign_at, told
from engine.errors import Diagnostic, Span

TOO_MANY: Final = f"the file holds more than {MAX_NODES:,} keys and values"
MAX_FAULTS: Final = 20
"""Faults of the YAML of one file that are told; the others wait until these are mended."""
MOST_WORK: Final = 6_000
"""So much work of the parser at a time is of no account."""
_DEAR: Final = ((": ", 9), (":\n", 9), (",", 6), ("[", 6), ("{", 6), ("- ", 6), ("\n", 1))


def work_of(text: str) -> int:
    """What reading a text will at most cost the parser, in units of roughly five microseconds."""
    signs = sum(text.count(sign) * work for sign, work in _DEAR)
    return 20 + signs + (text.count(" ") + text.count("\\")) // 2 + len(text) // 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Lines of a file that the parser reads by themselves."""

    path: str
    text: str
    lines_before: int = 0
    nodes_before: int = 0
    depth: int = 0
    is_cut: bool = False
    """Whether the text goes on behind it, so that what is wrong with its end counts for nothing."""

    def span(self, place: Place) -> Span:
        """The place in the file."""
        return Span(self.path, self.lines_before + place[0] + 1, place[1] + 1)


def read_with_parser(path: str, text: str) -> tuple[Mapping | None, tuple[Diagnostic, ...]]:
    """What the parser makes of a text: the document, None where it cannot be had, and its faults."""
    faults: dict[Diagnostic, None] = {}
    root = read_piece(Piece(path=path, text=text), faults)
    if faults and root is None:
        return None, tuple(faults)
    if not isinstance(root, Mapping):
        fault = no_mapping(path, root)
        faults[fault] = None
        root = None
    return root, tuple(faults)


def no_mapping(path: str, root: Node | None) -> Diagnostic:
    """What is said of a file that holds something else than keys with values."""
    empty = root is None or (isinstance(root, Scalar) and root.is_null)
    span = root.span if root is not None and not empty else Span(path)
    what = "the file is empty" if empty else "the file must hold `key: value` lines"
    return Diagnostic(span, what, _colon_hint(root))


def read_piece(piece: Piece, faults: dict[Diagnostic, None]) -> Node | None:
    """The node that the lines are, None where it cannot be had; after a sign without quotes they are read again as if
    it had them. Adds to the faults."""
    repairs = min(MAX_FAULTS, 1 + 2 * MOST_WORK // work_of(piece.text))
    found: dict[Diagnostic, None] = {}
    while True:
        builder = _Builder(piece)
        try:
            root = builder.document()
        except YAMLError as error:
            sign = _complained(piece, error, builder.faults)
        except _SignFound as sign_found:
            sign = sign_found.place
        except _Unreadable:
            faults.update(found | builder.faults)
            return None
        else:
            faults.update(found | builder.faults)
            return root
        if sign is not None:
            found[_sign_fault(piece, sign)] = None
            piece = replace(piece, text=_with_stand_in(piece.text, sign))
        if sign is None or len(found) >= repairs:
            faults.update(found | builder.faults)
            return None


class _SignFound(Exception):
    """A value starts with `!`: the parser took it for a tag."""

    def __init__(self, place: Place) -> None:
        self.place = place


class _Unreadable(Exception):
    """Something keeps the rest of the file from being read; the builder's faults say what."""


def _complained(piece: Piece, error: YAMLError, faults: dict[Diagnostic, None]) -> Place | None:
    """The sign that the parser stumbled over; None, and one more fault, where it is none."""
    mark = error.problem_mark or error.context_mark if isinstance(error, MarkedYAMLError) else None
    if mark is None:
        faults[Diagnostic(Span(piece.path), "this is not YAML")] = None
        return None
    began = getattr(error, "context_mark", None)
    complaint = Complaint(
        context=str(getattr(error, "context", None) or ""),
        began=None if began is None else (began.line, began.column),
        problem=str(getattr(error, "problem", None) or ""),
        at=(mark.line, mark.column),
    )
    lines = piece.text.split("\n")
    if piece.is_cut and mark.line >= len(lines) - 1:
        return None
    sign = sign_at(complaint, lines)
    if sign is None:
        plain = told(complaint, lines)
        faults[Diagnostic(piece.span(plain.at), as_meant(plain.message), plain.hint)] = None
    return sign


def _sign_fault(piece: Piece, at: Place) -> Diagnostic:
    sign = piece.text.split("\n")[at[0]][at[1]]
    return Diagnostic(piece.span(at), f"`{sign}` cannot start a value", "put quotes around it")


def _with_stand_in(text: str, at: Place) -> str:
    lines = text.split("\n")
    line = lines[at[0]]
    lines[at[0]] = line[: at[1]] + stand_in(line[at[1]]) + line[at[1] + 1 :]
    return "\n".join(lines)


def _events(text: str) -> Iterator[Any]:
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    return iter(reader.parse(text))


def values_in(text: str) -> Iterator[tuple[int, int]]:
    """Where each single value of a text that can be read starts and ends, in order."""
    for event in _events(text):
        if isinstance(event, ScalarEvent):
            yield event.start_mark.index, event.end_mark.index


class _Builder:
    """Builds nodes from parser events, and collects the faults that do not keep it from reading on."""

    def __init__(self, piece: Piece) -> None:
        self._piece = piece
        self._events = _events(piece.text)
        self._nodes = piece.nodes_before
        self.faults: dict[Diagnostic, None] = {}

    def document(self) -> Node | None:
        """The one document of the text, None where it holds nothing.

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
                    self._fault(Span(self._piece.path), "a line that starts with `%` is not allowed", "remove it")
                root = self._node(next(self._events), self._piece.depth)
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
        if self._piece.text.startswith("!", mark.index) and not self._piece.text.startswith("!!", mark.index):
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
        return self._piece.span((event.start_mark.line, event.start_mark.column))

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
