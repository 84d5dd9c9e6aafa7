"""Reads large files: what is plain directly, and only the entries that are not with the parser, within a bound.

A large file with a fault in it so takes little longer than a plain one, wherever the fault stands.
"""

import re
from bisect import bisect_right
from dataclasses import replace
from operator import itemgetter
from typing import Final, NoReturn

from engine.compiler.characters import STAND_IN, special_space
from engine.compiler.nodes import MAX_SCALAR, Entry, Mapping, Node, Scalar, Sequence, shorten
from engine.compiler.quick import QuickReader, Unsure
from engine.compiler.yaml_parser import MAX_FAULTS, Piece, no_mapping, read_piece, work_of
from engine.compiler.yaml_words import LINES_BACK, Place, bracket_never_closed, quote_never_closed, unclosed
from engine.errors import Diagnostic, Span

_MOST_WORK: Final = 8_000
"""What the parser may be given of one file."""
_GLANCE: Final = 2_000
"""What the parser is given of an entry that is too long: enough to see whether its start is wrong."""
_STRANGE: Final = re.compile(f"[\t\r{chr(STAND_IN)}-{chr(STAND_IN + 0x7F)}]")
_DOCUMENT: Final = re.compile(r"(?:---|\.\.\.)(?:\s|$)|%")
_BLOCK: Final = re.compile(r".*?:\s+(?P<sign>[|>][-+0-9]*)\s*(?:#.*)?")
_NO_KEY: Final = re.compile(r"-(?: |$)|[\[{]")
_UP_TO: Final = {'"': re.compile(r"""(?:[^"\\]|\\.)*+\""""), "'": re.compile(r"(?:[^']|'')*+'")}
"""A line up to the first quote in it that may close."""
_CLOSES: Final = re.compile(r"""(?<![\s:,\[{-])["'][ ]*(?:$|[,\]}]|(?<=[ ])\#)""")
_VALUE: Final = re.compile(
    r"""(?P<quoted>(?:(?<=[:,-] )|(?<=[\[{\n]))(?:"(?:[^"\\]|\\.)*+"|'(?:[^']|'')*+'))"""
    r"""|(?:(?<=[:,-] )|(?<=[\[{\n]))(?P<open>["'])|(?:^|(?<=\s))\#[^\n]*""",
    re.DOTALL,
)


def read_in_pieces(path: str, text: str) -> tuple[Mapping | None, tuple[Diagnostic, ...]]:
    """The document, None where it cannot be had, and its faults.

    Raises:
        TooManyNodes: the text holds more keys and values than a rule file may.
    """
    reader = _PieceReader(path, text)
    root = reader.whole()
    return root, tuple(reader.faults)


class _Stopped(Exception):
    """A fault keeps the rest of the file from being read."""


class _PieceReader(QuickReader):
    """A quick reader that hands what it does not know to the parser, entry by entry."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(path, text)
        self._path = path
        self._raw = text.split("\n")
        self._left = _MOST_WORK
        self._lines = [(number, _masked(line)) for number, line in self._lines]
        self.faults: dict[Diagnostic, None] = {}

    def whole(self) -> Mapping | None:
        """The document; None, and the faults say why, where it cannot be had."""
        if self._lines and self._raw[self._lines[0][0] - 1].rstrip() == "---":
            del self._lines[0], self._indents[0]
        try:
            return self._root()
        except _Stopped:
            return None

    def _root(self) -> Mapping | None:
        try:
            return self.document()
        except Unsure:
            self._nodes = 0
            root = self._parsed(self._whole_text(), 0)
            if isinstance(root, Mapping):
                return root
            self._fault(no_mapping(self._path, root))
            return None

    # --- what the parser reads ---------------------------------------------------------------------------------------

    def _entry(self, entries: dict[str, Entry], indent: int, depth: int) -> None:
        at, nodes, before = self._at, self._nodes, len(entries)
        try:
            super()._entry(entries, indent, depth)
            self._see_end(indent)
        except Unsure:
            self._at, self._nodes = at, nodes
            for key in list(entries)[before:]:
                del entries[key]
            if self._indent() == 0:
                self._refuse_document()
            if _NO_KEY.match(self._lines[at][1], indent):
                raise
            found = self._parsed(self._piece(indent, depth), nodes)
            if isinstance(found, Mapping):
                for entry in found.entries:
                    self._add(entries, entry)
            elif indent > 0:
                raise
            else:
                fault = "this line is no `key: value`", "write a colon and a space after the key"
                raise self._stopped(self._lines[at][0], *fault) from None

    def _list(self, indent: int, depth: int) -> Sequence:
        found = super()._list(indent, depth)
        if self._indent() == indent and self._lines[self._at][1][indent:] == "-":
            raise Unsure
        return found

    def _item(self, indent: int, depth: int) -> Node:
        at, nodes = self._at, self._nodes
        try:
            found = super()._item(indent, depth)
            self._see_end(indent)
        except Unsure:
            self._at, self._nodes = at, nodes
            items = self._parsed(self._piece(indent, depth - 1), nodes)
            if not isinstance(items, Sequence) or len(items.items) != 1:
                raise
            found = items.items[0]
        return found

    def _add(self, entries: dict[str, Entry], entry: Entry) -> None:
        first = entries.setdefault(entry.key.text, entry).key
        if first is not entry.key:
            message = f"`{shorten(first.text)}` stands here twice"
            self._fault(Diagnostic(entry.key.span, message, f"the first is in line {first.span.line}"))

    def _see_end(self, indent: int) -> None:
        """Nothing further right may follow an entry that has ended."""
        if self._indent() > indent:
            raise Unsure

    def _refuse_document(self) -> None:
        number, _ = self._lines[self._at]
        match = _DOCUMENT.match(self._raw[number - 1])
        if match is not None and match[0] == "%":
            raise self._stopped(number, "a line that starts with `%` is not allowed", "remove it")
        if match is not None:
            raise self._stopped(number, "a rule file holds one document", "remove the `---` or `...` line")

    def _parsed(self, piece: Piece, nodes: int) -> Node | None:
        """What the parser makes of some lines, None of blank ones; `nodes` stand before them."""
        work = work_of(piece.text)
        if work > self._left:
            self._refuse(piece)
        self._left -= work
        before = len(self.faults)
        found = read_piece(piece, self.faults)
        if len(self.faults) >= MAX_FAULTS or (found is None and len(self.faults) > before):
            raise _Stopped
        if found is not None:
            self._nodes = nodes + _size(found) - 1
        return found

    def _whole_text(self) -> Piece:
        return Piece(path=self._path, text="\n".join(self._raw))

    def _piece(self, indent: int, depth: int) -> Piece:
        """The current entry, up to the next one that stands no further right."""
        first = self._lines[self._at][0]
        self._at = self._end_of_entry(indent)
        after = self._lines[self._at][0] if self._at < len(self._lines) else len(self._raw) + 1
        lines = self._raw[first - 1 : after - 1]
        lines[0] = " " * indent + lines[0][indent:]
        text = "\n".join(lines) + ("\n" if after <= len(self._raw) else "")
        return Piece(path=self._path, text=text, lines_before=first - 1, nodes_before=self._nodes - 1, depth=depth)

    def _end_of_entry(self, indent: int) -> int:
        """The first line behind the current entry: a list may stand as far left as its key, a bracket closes there."""
        first, at = self._at, self._at + 1
        is_item = self._lines[self._at][1].startswith("- ", indent)
        while at < len(self._lines):
            line = self._lines[at][1]
            said = line.lstrip(" ")
            left = len(line) - len(said)
            is_list = not is_item and left == indent and said[:2] in ("-", "- ")
            if left <= indent and said[0] not in "]}" and not is_list:
                below = self._behind_quote(first, at)
                if below is None:
                    break
                at = below
            else:
                at += 1
        return at

    def _behind_quote(self, first: int, at: int) -> int | None:
        """The first line behind a quote that is still open before the line at hand, and closes further down where only
        a quote that closes can stand; None where none is."""
        end = self._lines[at][0] - 1
        opened = next((found["open"] for found in _VALUE.finditer(self._text(first, end)) if found["open"]), None)
        if opened is None:
            return None
        for number in range(end, min(end + LINES_BACK, len(self._raw))):
            found = _UP_TO[opened].match(self._raw[number])
            if found is not None:
                closes = _CLOSES.match(self._raw[number], found.end() - 1)
                return self._first_behind(number + 1) if closes is not None else None
        return None

    def _text(self, first: int, end: int) -> str:
        """Lines from the entry that begins at a place up to a line's number."""
        return "\n".join(self._raw[self._lines[first][0] - 1 : end])

    def _first_behind(self, number: int) -> int:
        """The first of the lines that say something behind a line's number."""
        return bisect_right(self._lines, number, key=itemgetter(0))

    def _refuse(self, piece: Piece) -> NoReturn:
        """Say what is wrong with lines that would take the parser too long, as far as that can be seen without it."""
        lines = piece.text.split("\n")
        kept, left = 0, _GLANCE
        while kept < len(lines) and left > 0:
            left -= work_of(lines[kept] + "\n") - work_of("")
            kept += 1
        read_piece(replace(piece, text="\n".join(lines[: kept - 1]) + "\n", is_cut=True), self.faults)
        if not self.faults:
            self._fault(_without_parser(piece, lines))
        raise _Stopped

    def _fault(self, fault: Diagnostic) -> None:
        self.faults[fault] = None
        if len(self.faults) >= MAX_FAULTS:
            raise _Stopped

    def _stopped(self, line: int, message: str, hint: str) -> _Stopped:
        self.faults[Diagnostic(Span(self._path, line), message, hint)] = None
        return _Stopped()


def _masked(line: str) -> str:
    """The line, or one in its stead that the quick reader does not know, where it holds what only the parser does."""
    if line.isascii() and "\t" not in line and "\r" not in line:
        return line
    if _STRANGE.search(line) is None and special_space(line) is None:
        return line
    said = line.lstrip(" ")
    return line[: len(line) - len(said)] + ("- \t" if said.startswith("- ") else "\t")


def _without_parser(piece: Piece, lines: list[str]) -> Diagnostic:
    """What is wrong with very long lines: something that never ends, or something that should be shorter."""
    for match in _VALUE.finditer(piece.text):
        at = _place(piece.text, match.start())
        if match["open"]:
            told = quote_never_closed(at)
            return Diagnostic(piece.span(told.at), told.message, told.hint)
        if match["quoted"] and len(" ".join(match["quoted"].split())) > MAX_SCALAR:
            return _too_long(piece.span(at))
    block = _BLOCK.fullmatch(lines[0])
    if block is not None and len(piece.text) > 2 * MAX_SCALAR:
        return _too_long(piece.span((0, block.start("sign"))))
    bracket = unclosed(lines)
    if bracket is not None:
        return Diagnostic(piece.span(bracket), bracket_never_closed(bracket, lines).message)
    start = len(lines[0]) - len(lines[0].lstrip(" "))
    hint = "write each of its values in a line of its own, or split the file"
    return Diagnostic(piece.span((0, start)), "this entry is too long to be read at once", hint)


def _too_long(span: Span) -> Diagnostic:
    return Diagnostic(span, f"a value has more than {MAX_SCALAR:,} characters", "shorten it")


def _place(text: str, index: int) -> Place:
    return text.count("\n", 0, index), index - text.rfind("\n", 0, index) - 1


def _size(node: Node) -> int:
    """How many keys and values a node is."""
    if isinstance(node, Mapping):
        return 1 + sum(1 + _size(entry.value) for entry in node.entries)
    return 1 if isinstance(node, Scalar) else 1 + sum(map(_size, node.items))
