"""The reference bank, a rule folder that uses every key, read along the grammar; and copies of it with one change."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from api.adapters.bundle_files import read_rules
from api.authoring.names import Names, names_of
from api.authoring.walk import mappings, shape_of_file
from engine.compiler.grammar.kinds import Shape
from engine.compiler.parse import Entry, Mapping, Node, Scalar, Sequence, parse

ROOT: Final = Path(__file__).resolve().parents[4]
REFERENCE_BANK: Final = ROOT / "docs" / "reference" / "bank"
RULE_FOLDERS: Final = (
    REFERENCE_BANK,
    ROOT / "rules",
    ROOT / "examples" / "berka" / "rules",
    ROOT / "examples" / "bank_marketing" / "rules",
)


@lru_cache(maxsize=8)
def documents(folder: Path) -> dict[str, Mapping]:
    """The parsed rule files of a folder."""
    return {path: parse(path, content) for path, content in read_rules(folder).items()}


@lru_cache(maxsize=8)
def names(folder: Path) -> Names:
    """The names that a folder declares."""
    return names_of(read_rules(folder), "rules")[0]


def shaped(folder: Path) -> Iterator[tuple[str, Shape, Mapping]]:
    """Every mapping of a folder's files that has a shape, with its file."""
    for path, document in documents(folder).items():
        shape = shape_of_file(path)
        assert shape is not None, path
        for found, node in mappings(document, shape):
            yield path, found, node


def without(document: Mapping, target: Mapping, key: str) -> Mapping:
    """A document in which one mapping lacks a key."""
    return _replaced(document, target, tuple(entry for entry in target.entries if entry.key.text != key))


def emptied(document: Mapping, target: Mapping, key: str) -> Mapping:
    """A document in which nothing stands under a key of one mapping."""
    nothing = Scalar("", False, target.span)
    entries = (replace(each, value=nothing) if each.key.text == key else each for each in target.entries)
    return _replaced(document, target, tuple(entries))


def with_stranger(document: Mapping, target: Mapping) -> Mapping:
    """A document in which one mapping has a key that nothing has."""
    stranger = Entry(Scalar("zzz_stranger", False, target.span), Scalar("1", False, target.span))
    return _replaced(document, target, (*target.entries, stranger))


def _replaced(node: Mapping, target: Mapping, entries: tuple[Entry, ...]) -> Mapping:
    if node is target:
        return replace(node, entries=entries)
    below = tuple(replace(entry, value=_any(entry.value, target, entries)) for entry in node.entries)
    return replace(node, entries=below)


def _any(node: Node, target: Mapping, entries: tuple[Entry, ...]) -> Node:
    match node:
        case Mapping():
            return _replaced(node, target, entries)
        case Sequence(items=items):
            return replace(node, items=tuple(_any(item, target, entries) for item in items))
        case _:
            return node


def written(node: Node) -> str:
    """A document as text again, in flow style; quoted text stays quoted."""
    match node:
        case Scalar(text=text, quoted=quoted):
            return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if quoted else text
        case Sequence(items=items):
            return "[" + ", ".join(written(item) for item in items) + "]"
        case Mapping(entries=entries):
            return "{" + ", ".join(f"{written(entry.key)}: {written(entry.value)}" for entry in entries) + "}"
