"""Reads the plain part of YAML in which nearly every rule file is written, many times faster than a whole parser.

It knows no error: whatever it does not know for certain it leaves to the parser, whose nodes it equals to the column.
"""

import re
from typing import Final

from engine.compiler.characters import special_space
from engine.compiler.nodes import MAX_DEPTH, MAX_NODES, MAX_SCALAR, Entry, Mapping, Node, Scalar, Sequence
from engine.errors import Span

_KEY: Final = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.*/-]{0,127}):(?: +|$)")
_FLOW_KEY: Final = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.*/-]{0,127}): +")
_QUOTED: Final = re.compile(r'"([^"\\]*)"|\'([^\']*)\'(?!\')')
_PLAIN_START: Final = re.compile(r"[^\s&*!|>'\"%@`#,\[\]{}?:-]|-(?=[^\s,\[\]{}-])")
_FLOW_PLAIN: Final = re.compile(r"(?:[^\s,\[\]{}:#]|:(?=[^\s,\[\]{}])|(?<=[^\s,\[\]{}:])#| +(?=[^\s,\[\]{}:#]))+")
_REMARK: Final = re.compile(r"(?: +(?:#.*)?)?")
_DOCUMENT: Final = re.compile(r"^(?:%|---|\.\.\.)|\t|\r", re.MULTILINE)


class TooManyNodes(Exception):
    """The text holds more keys and values than a rule file may; `span` is the place of the first of them."""

    def __init__(self, span: Span) -> None:
        self.span = span
        super().__init__(str(span))


class Unsure(Exception):
    """The text uses something that only the parser knows."""


def read_quickly(path: str, text: str) -> Mapping | None:
    """The document; None where the parser has to read it, right or wrong.

    Raises:
        TooManyNodes: up to there the text is in order, and the parser would only say the same later.
    """
    if _DOCUMENT.search(text) is not None or special_space(text) is not None:
        return None
    reader = QuickReader(path, text)
    try:
        return reader.document()
    except Unsure:
        return None


class QuickReader:
    """Goes through the lines that say something, one after another."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._lines: list[tuple[int, str]] = []
        """Number (from 1) and text of each line that is neither blank nor a remark, without spaces at its end."""
        self._indents: list[int] = []
        """How far each of them is indented; -1 behind the last."""
        for number, line in enumerate(text.split("\n"), start=1):
            said = line.lstrip(" ")
            if said and said[0] != "#":
                self._lines.append((number, line.rstrip(" ")))
                self._indents.append(len(line) - len(said))
        self._indents.append(-1)
        self._at = 0
        self._nodes = 0

    def document(self) -> Mapping:
        """The one mapping that the text is."""
        if not self._lines or self._lines[0][1].startswith((" ", "-")):
            raise Unsure
        root = self._mapping(0, 0)
        if self._at < len(self._lines):
            raise Unsure
        return root

    def _indent(self) -> int:
        """How far the current line is indented, -1 at the end."""
        return self._indents[self._at]

    def _span(self, column: int) -> Span:
        return Span(self._path, self._lines[self._at][0], column + 1)

    def _count(self, depth: int, column: int) -> None:
        self._nodes += 1
        if depth > MAX_DEPTH:
            raise Unsure
        if self._nodes > MAX_NODES:
            raise TooManyNodes(self._span(column))

    # --- blocks ------------------------------------------------------------------------------------------------------

    def _mapping(self, indent: int, depth: int) -> Mapping:
        """Keys that begin in one column; the current line's indent may be that of a list item before it."""
        self._count(depth, indent)
        span = self._span(indent)
        entries: dict[str, Entry] = {}
        first = True
        while first or self._indent() == indent:
            first = False
            self._entry(entries, indent, depth)
        if self._indent() > indent:
            raise Unsure
        return Mapping(tuple(entries.values()), span)

    def _entry(self, entries: dict[str, Entry], indent: int, depth: int) -> None:
        """A key of a block with its value."""
        match = _KEY.match(self._lines[self._at][1], indent)
        if match is None or match[1] in entries:
            raise Unsure
        self._count(depth + 1, indent)
        key = Scalar(match[1], False, self._span(indent), 0)
        entries[match[1]] = Entry(key, self._value(indent, match.end(), depth + 1))

    def _value(self, indent: int, column: int, depth: int) -> Node:
        """What stands behind a key: in its line, or in the lines below, further right or as a list."""
        line = self._lines[self._at][1]
        if column < len(line) and line[column] != "#":
            return self._inline(indent, column, depth)
        self._at += 1
        below = self._indent()
        if below < indent:
            raise Unsure
        is_list = self._lines[self._at][1].startswith("- ", below)
        if is_list:
            return self._list(below, depth)
        if below == indent:
            raise Unsure
        return self._mapping(below, depth)

    def _list(self, indent: int, depth: int) -> Sequence:
        self._count(depth, indent)
        span = self._span(indent)
        items: list[Node] = []
        while self._indent() == indent and self._lines[self._at][1].startswith("- ", indent):
            items.append(self._item(indent, depth + 1))
        if self._indent() > indent:
            raise Unsure
        return Sequence(tuple(items), span)

    def _item(self, indent: int, depth: int) -> Node:
        """What stands behind the dash of an item; a mapping's first key may."""
        line = self._lines[self._at][1]
        column = indent + 2
        while column < len(line) and line[column] == " ":
            column += 1
        if column >= len(line) or line[column] == "#":
            raise Unsure
        if _KEY.match(line, column) is not None:
            return self._mapping(column, depth)
        return self._inline(indent, column, depth)

    def _inline(self, indent: int, column: int, depth: int) -> Node:
        """A value in the current line, or one in brackets that begins there; nothing else may follow it."""
        line = self._lines[self._at][1]
        if line[column] in "[{":
            node, column = self._flow(column, depth)
            self._end(column)
            return node
        if line[column] in "\"'":
            scalar, column = self._quoted(column, depth)
            self._end(column)
            return scalar
        return self._plain(indent, column, depth)

    def _end(self, column: int) -> None:
        if _REMARK.fullmatch(self._lines[self._at][1], column) is None:
            raise Unsure
        self._at += 1

    def _plain(self, indent: int, column: int, depth: int) -> Scalar:
        line = self._lines[self._at][1]
        remark = line.find(" #", column)
        text = (line[column:] if remark < 0 else line[column:remark]).rstrip(" ")
        if _PLAIN_START.match(line, column) is None or ": " in text or text.endswith(":"):
            raise Unsure
        scalar = self._scalar(text, column, depth, quoted=False)
        self._at += 1
        if self._indent() > indent:
            raise Unsure
        return scalar

    # --- scalars and brackets ----------------------------------------------------------------------------------------

    def _scalar(self, text: str, column: int, depth: int, *, quoted: bool) -> Scalar:
        self._count(depth, column)
        if len(text) > MAX_SCALAR:
            raise Unsure
        return Scalar(text, quoted, self._span(column), 1 if quoted else 0)

    def _quoted(self, column: int, depth: int) -> tuple[Scalar, int]:
        match = _QUOTED.match(self._lines[self._at][1], column)
        if match is None:
            raise Unsure
        text = match[1] if match[1] is not None else match[2]
        return self._scalar(text, column, depth, quoted=True), match.end()

    def _flow(self, column: int, depth: int) -> tuple[Node, int]:
        """A node inside brackets, and the column behind it."""
        line = self._lines[self._at][1]
        sign = line[column]
        if sign == "{":
            return self._flow_mapping(column, depth)
        if sign == "[":
            return self._flow_list(column, depth)
        if sign in "\"'":
            return self._quoted(column, depth)
        match = _FLOW_PLAIN.match(line, column)
        if _PLAIN_START.match(line, column) is None or match is None or match.end() >= len(line):
            raise Unsure
        return self._scalar(match[0], column, depth, quoted=False), match.end()

    def _flow_mapping(self, column: int, depth: int) -> tuple[Node, int]:
        self._count(depth, column)
        span = self._span(column)
        entries: dict[str, Entry] = {}
        column = self._next(column + 1)
        while self._lines[self._at][1][column] != "}":
            match = _FLOW_KEY.match(self._lines[self._at][1], column)
            if match is None or match[1] in entries:
                raise Unsure
            self._count(depth + 1, column)
            key = Scalar(match[1], False, self._span(column), 0)
            value, column = self._flow(self._next(match.end()), depth + 1)
            entries[match[1]] = Entry(key, value)
            column = self._after(column, "}")
        return Mapping(tuple(entries.values()), span), column + 1

    def _flow_list(self, column: int, depth: int) -> tuple[Node, int]:
        self._count(depth, column)
        span = self._span(column)
        items = []
        column = self._next(column + 1)
        while self._lines[self._at][1][column] != "]":
            item, column = self._flow(column, depth + 1)
            items.append(item)
            column = self._after(column, "]")
        return Sequence(tuple(items), span), column + 1

    def _next(self, column: int) -> int:
        """The column of the next sign, in a line below where this one says no more."""
        line = self._lines[self._at][1]
        while column < len(line) and line[column] == " ":
            column += 1
        if column < len(line) and line[column] != "#":
            return column
        if column < len(line) and line[column - 1] != " ":
            raise Unsure
        self._at += 1
        if self._at >= len(self._lines) or self._indent() == 0:
            raise Unsure
        return self._indent()

    def _after(self, column: int, close: str) -> int:
        """The column of the next entry, behind its comma, or of the bracket that closes."""
        column = self._next(column)
        sign = self._lines[self._at][1][column]
        if sign == ",":
            return self._next(column + 1)
        if sign != close:
            raise Unsure
        return column
