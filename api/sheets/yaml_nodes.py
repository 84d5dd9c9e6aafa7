"""Rule files as nodes that know which characters they cover, and nodes as text again; changes nothing by itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from engine.compiler.parse import parse, read_number

ANY_STYLE: Final = "any"
"""The style of a text that did not come from a file: it is quoted where it must be, or where its predecessor was."""
QUOTED: Final = "quoted"
"""The style of a new text that readers expect in quotes, such as a headline."""
_PLAIN: Final = re.compile(r"[\w/.(£€$+^~;-][^\n\t]*")
_SPECIAL: Final = frozenset({"", "~", "null", "true", "false", "---", "...", "-", "?", ":"})
_NULLS: Final = ("", "~", "null")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value: what it says, how it is written, and where."""

    text: str
    style: str = ANY_STYLE
    """`""` for plain, a quote sign, `|` or `>`; or ANY_STYLE, or QUOTED."""
    raw: str = ""
    start: int = 0
    end: int = 0

    @property
    def is_null(self) -> bool:
        """Whether nothing was written."""
        return self.style == "" and self.text in _NULLS

    @property
    def is_quoted(self) -> bool:
        """Whether it is text whatever it looks like."""
        return self.style not in ("", ANY_STYLE)

    @property
    def is_word(self) -> bool:
        """Whether quotes around it change nothing."""
        return self.text not in _SPECIAL and read_number(self.text) is None


@dataclass(frozen=True, slots=True)
class Seq:
    """A list."""

    items: tuple["Node", ...]
    flow: bool = True
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value; `colon` is the place after the colon."""

    key: Scalar
    value: "Node"
    colon: int = 0

    @property
    def end(self) -> int:
        """Where the entry ends, comments apart."""
        return max(self.value.end, self.colon)


@dataclass(frozen=True, slots=True)
class Map:
    """Keys with values, in file order."""

    entries: tuple[Entry, ...]
    flow: bool = True
    start: int = 0
    end: int = 0

    def entry(self, key: str) -> Entry | None:
        """The entry of a key."""
        return next((entry for entry in self.entries if entry.key.text == key), None)

    def get(self, key: str) -> "Node | None":
        """The value of a key."""
        entry = self.entry(key)
        return None if entry is None else entry.value


Node = Scalar | Seq | Map
Path = tuple[str | int, ...]


# --- text to nodes ---------------------------------------------------------------------------------------------------


def read_nodes(text: str) -> Map:
    """The nodes of a file that the compiler's parser has accepted; `text` has no byte order mark."""
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    return _Reader(text, iter(reader.parse(text))).root()


def read_value(text: str) -> Node:
    """A value such as `[a, b]`, `{a: 1}` or block lines.

    Raises:
        ParseError: the text is not YAML; the column counts from 1 in the text's own line.
    """
    inline = not text.startswith("- ") and (text[:1] in "[{\"'" or "\n" not in text)
    lines = f"value: {text}" if inline else "value:\n" + "\n".join(f"  {line}" for line in text.split("\n"))
    parse("", lines.encode())
    value = read_nodes(lines).get("value")
    assert value is not None
    return value


def find(node: Node | None, path: Path) -> Node | None:
    """The node at a path below a node, None where there is none."""
    for step in path:
        if isinstance(node, Map) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, Seq) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


class _Reader:
    """Builds nodes from parser events."""

    def __init__(self, text: str, events: Iterator[Any]) -> None:
        self._text = text
        self._events = events

    def root(self) -> Map:
        while not isinstance(next(self._events), DocumentStartEvent):
            pass
        root = self._node(next(self._events))
        assert isinstance(root, Map)
        return root

    def _node(self, event: Any) -> Node:
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(event)
        return self._mapping(event)

    def _scalar(self, event: Any) -> Scalar:
        start, end, style = event.start_mark.index, event.end_mark.index, event.style or ""
        raw = self._text[start:end]
        if style in ("|", ">"):
            raw = raw.rstrip()
        return Scalar(str(event.value), style, raw, start, start + len(raw))

    def _sequence(self, start: Any) -> Seq:
        items = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event))
        flow = bool(start.flow_style)
        end = event.end_mark.index if flow else items[-1].end
        return Seq(tuple(items), flow, start.start_mark.index, end)

    def _mapping(self, start: MappingStartEvent) -> Map:
        entries: list[Entry] = []
        while not isinstance(event := next(self._events), MappingEndEvent):
            entries.append(self._entry(self._scalar(event)))
        flow = bool(start.flow_style)
        end = event.end_mark.index if flow else entries[-1].end
        return Map(tuple(entries), flow, start.start_mark.index, end)

    def _entry(self, key: Scalar) -> Entry:
        value = self._node(next(self._events))
        gap = re.compile(r"\s*:").match(self._text, key.end)
        colon = key.end if gap is None else gap.end()
        if isinstance(value, Scalar) and value.is_null and not value.raw:
            value = Scalar("", "", "", colon, colon)
        return Entry(key, value, colon)


# --- nodes to text ---------------------------------------------------------------------------------------------------


def flow(node: Node) -> str:
    """A node in one line, with its own quotes where it has some and needed ones where it has none."""
    match node:
        case Scalar():
            return spell(node, in_flow=True)
        case Seq(items=items):
            return f"[{', '.join(map(flow, items))}]"
        case Map(entries=entries):
            return f"{{{', '.join(map(flow_entry, entries))}}}"


def flow_entry(entry: Entry) -> str:
    """A key with its value in one line."""
    return f"{flow(entry.key)}: {flow(entry.value)}"


def spell(scalar: Scalar, *, in_flow: bool, like: Scalar | None = None) -> str:
    """A scalar in one line; `like` is the one whose place it takes, and whose quotes it keeps where it may."""
    if scalar.style == "":
        if scalar.is_null:
            return "null"
        if like is not None and like.style in ("'", '"') and scalar.is_word:
            return quote(scalar.text, like.style)
        return scalar.text if _may_be_plain(scalar.text, in_flow=in_flow) else quote(scalar.text)
    if scalar.style in ("'", '"') and scalar.raw and "\n" not in scalar.raw:
        return scalar.raw
    if like is not None and like.style in ("'", '"'):
        return quote(scalar.text, like.style)
    plain = scalar.style == ANY_STYLE and scalar.text not in _NULLS and _may_be_plain(scalar.text, in_flow=in_flow)
    return scalar.text if plain else quote(scalar.text)


def quote(text: str, sign: str = '"') -> str:
    """A text in quotes, in one line."""
    if sign == "'" and "\n" not in text and "\t" not in text:
        return "'" + text.replace("'", "''") + "'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _may_be_plain(text: str, *, in_flow: bool) -> bool:
    if not _PLAIN.fullmatch(text) or text in ("---", "...", "-") or text.startswith(("- ", "--- ", "... ")):
        return False
    if text != text.strip() or ": " in text or " #" in text or text.endswith(":"):
        return False
    return not (in_flow and any(sign in text for sign in ",[]{}"))


# --- equality --------------------------------------------------------------------------------------------------------


def equal(one: Node, other: Node) -> bool:
    """Whether two nodes say the same, however they are laid out."""
    match one, other:
        case Scalar(), Scalar():
            if one.text != other.text:
                return one.is_null and other.is_null
            known = ANY_STYLE not in (one.style, other.style)
            return not known or one.is_quoted == other.is_quoted or one.is_word
        case Seq(), Seq():
            return len(one.items) == len(other.items) and all(map(equal, one.items, other.items))
        case Map(), Map():
            return len(one.entries) == len(other.entries) and all(
                (twin := other.get(entry.key.text)) is not None and equal(entry.value, twin) for entry in one.entries
            )
        case _:
            return False
