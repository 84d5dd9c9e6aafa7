"""What a YAML file holds, as it was written: single values, lists and mappings that remember where they stand."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from engine.errors import Span

MAX_NODES: Final = 10_000
MAX_DEPTH: Final = 30
MAX_SCALAR: Final = 20_000
_NUMBER: Final = re.compile(r"[-+]?(\d[\d_]*)(\.\d[\d_]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value as it was written; `quoted` tells text from what could be a number or a truth value."""

    text: str
    quoted: bool
    span: Span
    lead: int | None = None
    """Characters before the text, in its line, from the span on; None where text and file differ by more."""

    def at(self, offset: int) -> Span:
        """The place of a character of the text, or of the whole where the two do not run alongside."""
        return self.span if self.lead is None else replace(self.span, column=self.span.column + self.lead + offset)

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


def read_number(text: str) -> Decimal | None:
    """An exact decimal number such as `50_000` or `-0.5`, None for anything else."""
    return Decimal(text.replace("_", "")) if len(text) <= 40 and _NUMBER.fullmatch(text) else None


def shorten(text: str, most: int = 60) -> str:
    """A text as a message quotes it: its start, where it is long."""
    return text if len(text) <= most else f"{text[:most]}..."


def plain(node: Node | None) -> object:
    """Free content as plain Python values; everything single is text."""
    match node:
        case None:
            return None
        case Scalar(text=text):
            return text
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Mapping(entries=entries):
            return {entry.key.text: plain(entry.value) for entry in entries}
