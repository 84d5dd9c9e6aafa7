"""Walks a rule file along the grammar: every mapping in it, with the shape that it has."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from engine.compiler.grammar import FILES, SHAPES
from engine.compiler.grammar.kinds import Block, Blocks, ByName, Either, FieldBlock, Histories, Kind, Part, Parts, Shape
from engine.compiler.parse import Mapping, Node, Sequence

HISTORY: Final = "a history condition"
_NESTED: Final = ("all", "any", "none", "unless")
_MAPPINGS: Final = Part | ByName | Block | FieldBlock
_LISTS: Final = Parts | Blocks | Histories


def shape_of_file(path: str) -> Shape | None:
    """The shape of a file by its path below the rules folder; None: no rule file stands there."""
    return next((SHAPES[shape] for where, shape in FILES.items() if fnmatchcase(path, where)), None)


def mappings(node: Mapping, shape: Shape) -> Iterator[tuple[Shape, Mapping]]:
    """The mapping itself and all below it that have a shape, in file order."""
    yield shape, node
    for entry in node.entries:
        key = shape.key(entry.key.text)
        if key is not None:
            yield from _below(entry.value, key.kind)


def _below(node: Node, kind: Kind) -> Iterator[tuple[Shape, Mapping]]:
    match _fitting(node, kind):
        case Part(shape) | Parts(shape):
            for each in _mappings_of(node):
                yield from mappings(each, SHAPES[shape])
        case ByName(_, value) if isinstance(node, Mapping):
            for entry in node.entries:
                yield from _below(entry.value, value)
        case Block() | Blocks():
            for each in _mappings_of(node):
                yield from _in_block(each)
        case Histories():
            for each in _mappings_of(node):
                yield from mappings(each, SHAPES[HISTORY])
        case _:
            return


def _fitting(node: Node, kind: Kind) -> Kind | None:
    """Of several kinds the one that a mapping, a list or a single value can be."""
    if not isinstance(kind, Either):
        return kind
    wanted = _MAPPINGS if isinstance(node, Mapping) else _LISTS
    return next((each for each in kind.kinds if isinstance(each, wanted)), None)


def _mappings_of(node: Node) -> tuple[Mapping, ...]:
    nodes = node.items if isinstance(node, Sequence) else (node,)
    return tuple(each for each in nodes if isinstance(each, Mapping))


def _in_block(block: Mapping) -> Iterator[tuple[Shape, Mapping]]:
    for entry in block.entries:
        if entry.key.text == "history":
            yield from _below(entry.value, Histories())
        elif entry.key.text in _NESTED:
            yield from _below(entry.value, Blocks())
