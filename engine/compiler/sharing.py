"""What several rules of one function ask alike is evaluated once: the expression becomes a local, ahead of the rules.

The emitter marks where an expression begins and ends; from the marks come trees, and equal text is an equal question.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.compiler.emit import Emitter
from engine.syntax import All, AnyOf, Condition

_BEGIN, _END = "\x01", "\x02"
_LEAST_USES: Final = 3


class MarkingEmitter(Emitter):
    """Emits expressions with marks around them, for `shared`."""

    def true(self, condition: Condition) -> str:
        """See `Emitter.true`."""
        return _marked(super().true(condition), condition)

    def false(self, condition: Condition) -> str:
        """See `Emitter.false`."""
        return _marked(super().false(condition), condition)


def _marked(expression: str, condition: Condition) -> str:
    """A single cell costs no more than a local, so only what is made of several is marked."""
    several = isinstance(condition, All | AnyOf) and len(condition.items) > 1
    return f"{_BEGIN}{expression}{_END}" if several else expression


@dataclass(slots=True)
class _Piece:
    """A marked expression: text and further expressions in turn."""

    parts: list["str | _Piece"] = field(default_factory=list)
    text: str = ""
    """The whole without marks."""


def shared(lines: Sequence[str]) -> list[str]:
    """The lines without marks; before them one for each expression that is used often enough."""
    pieces = [_parsed(line) for line in lines]
    uses: Counter[str] = Counter()
    for piece in pieces:
        _count(piece, uses)
    names: dict[str, str] = {}
    assignments: list[str] = []
    written = [_written(piece, uses, names, assignments) for piece in pieces]
    return [*assignments, *written]


def _parsed(line: str) -> _Piece:
    whole = _Piece()
    waiting = [whole]
    for token in _tokens(line):
        if token == _BEGIN:
            waiting.append(_Piece())
        elif token == _END:
            done = waiting.pop()
            done.text = "".join(part if isinstance(part, str) else part.text for part in done.parts)
            waiting[-1].parts.append(done)
        else:
            waiting[-1].parts.append(token)
    return whole


def _tokens(line: str) -> Iterator[str]:
    text = ""
    for character in line:
        if character in (_BEGIN, _END):
            yield text
            yield character
            text = ""
        else:
            text += character
    yield text


def _count(piece: _Piece, uses: Counter[str]) -> None:
    """Count uses; what stands inside an expression counts once however often the whole is used."""
    for part in piece.parts:
        if isinstance(part, _Piece):
            uses[part.text] += 1
            if uses[part.text] == 1:
                _count(part, uses)


def _written(piece: _Piece, uses: Counter[str], names: dict[str, str], assignments: list[str]) -> str:
    text = "".join(part if isinstance(part, str) else _written(part, uses, names, assignments) for part in piece.parts)
    if not piece.text or uses[piece.text] < _LEAST_USES:
        return text
    if piece.text not in names:
        names[piece.text] = f"c{len(names)}"
        assignments.append(f"    {names[piece.text]} = {text}")
    return names[piece.text]
