"""Finds the comments of a rule file: a `#` inside a value begins none."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.compiler.yaml_parser import MOST_WORK, values_in, work_of
from engine.errors import Span

_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#(?=(.*))", re.MULTILINE)
_VALUE_OR_COMMENT: Final = re.compile(
    r"""(?:(?<=[:,-] )|(?<=[\[{]))(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|(?:^|(?<=\s))#(?P<comment>.*)"""
)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment of a file, without its `#`."""

    text: str
    span: Span


def comments(path: str, content: bytes) -> tuple[Comment, ...]:
    """The comments of a file that can be read, in file order.

    Of a text that would take the parser long, each line is taken by itself: a `#` in the later lines of a value that
    spans several counts as a comment there.
    """
    text = content.decode("utf-8-sig")
    return tuple(_found_by_parser(path, text) if work_of(text) <= MOST_WORK else _found_by_line(path, text))


def _found_by_parser(path: str, text: str) -> Iterator[Comment]:
    values = tuple(values_in(text))
    ended = 0
    for match in _COMMENT.finditer(text):
        before = bisect_right(values, (match.start(), len(text)))
        if match.start() >= ended and (before == 0 or match.start() >= values[before - 1][1]):
            ended = match.end(1)
            line = text.count("\n", 0, match.start()) + 1
            column = match.start() - text.rfind("\n", 0, match.start())
            yield Comment(match[1].strip(), Span(path, line, column))


def _found_by_line(path: str, text: str) -> Iterator[Comment]:
    for number, line in enumerate(text.split("\n"), start=1):
        yield from comments_of_line(path, number, line)


def comments_of_line(path: str, number: int, line: str) -> Iterator[Comment]:
    """The comment of one line that is taken by itself."""
    for match in _VALUE_OR_COMMENT.finditer(line) if "#" in line else ():
        if match["comment"] is not None:
            yield Comment(match["comment"].strip(), Span(path, number, match.start() + 1))
