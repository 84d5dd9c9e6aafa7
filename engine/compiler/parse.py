"""Reads a YAML 1.2 file into nodes that remember where they stand.

Values stay source text: `NO` is text, `010` is a number only where a number is asked for, and nothing is rounded on
the way in. Anchors, aliases, tags, directives, duplicate keys and several documents are refused; bytes, nodes and depth
are bounded. Everything wrong is said at once where one fault does not hide the next.
"""

import re
from collections.abc import Collection
from dataclasses import replace
from itertools import islice
from typing import Final

from engine.compiler.characters import hidden_characters, without_hidden
from engine.compiler.nodes import MAX_DEPTH, Entry, Mapping, Node, Scalar, Sequence, read_number, shorten
from engine.compiler.piecewise import read_in_pieces
from engine.compiler.quick import TooManyNodes, read_quickly
from engine.compiler.yaml_parser import MAX_FAULTS, MOST_WORK, TOO_MANY, read_with_parser, work_of
from engine.errors import Code, Diagnostic, Span

__all__ = ["Entry", "Mapping", "Node", "ParseError", "Scalar", "Sequence", "parse", "read_number", "shorten"]

MAX_BYTES: Final = 128_000
MAX_LINE: Final = 10_000


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
    try:
        root, found = _read(path, text, may_be_plain=not faults)
    except TooManyNodes as error:
        raise ParseError([*faults, Diagnostic(error.span, TOO_MANY, "split it")]) from error
    faults.update(dict.fromkeys(found))
    if faults:
        raise ParseError(faults, root)
    assert root is not None
    return root


def _read(path: str, text: str, *, may_be_plain: bool) -> tuple[Mapping | None, Collection[Diagnostic]]:
    """The document, None where it cannot be had, and its faults."""
    if work_of(text) > MOST_WORK:
        return read_in_pieces(path, text)
    root = read_quickly(path, text) if may_be_plain else None
    return (root, ()) if root is not None else read_with_parser(path, text)


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
