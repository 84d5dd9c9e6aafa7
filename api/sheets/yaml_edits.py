"""Changes a rule file's text in place: one value, one key, one list item at a time, everything else as it was."""

import difflib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from api.sheets.yaml_nodes import Entry, Map, Node, Path, Scalar, Seq, equal, find, flow, read_nodes, spell

WIDTH: Final = 118
"""A value stands in one line as long as the line is not longer than this."""
_LAST: Final = ("all", "any", "none", "history", "unless", "contacts", "expect", "treatments", "tests")
"""Keys that stay behind what is added to their mapping."""
_MOST_STEPS: Final = 5_000


@dataclass(frozen=True, slots=True)
class _Put:
    path: Path
    node: Node


@dataclass(frozen=True, slots=True)
class _Insert:
    path: Path
    """Of the mapping or list."""
    key: str | int
    node: Node


@dataclass(frozen=True, slots=True)
class _Drop:
    path: Path


_Step = _Put | _Insert | _Drop


# --- what callers ask for --------------------------------------------------------------------------------------------


def put(text: str, path: Path, node: Node, order: Sequence[str] = ()) -> str:
    """Make the node at a path say what `node` says, creating what leads there; `order` is that of keys at the root."""
    for _ in range(_MOST_STEPS):
        root = read_nodes(text)
        old = find(root, path)
        if old is None:
            return _create(text, root, path, node, order)
        steps = list(_differences(old, node, path))
        if not steps:
            return text
        puts = [step for step in steps if isinstance(step, _Put)]
        inserts = [step for step in steps if isinstance(step, _Insert)]
        text = _apply_puts(text, root, puts) if puts else _apply(text, root, (inserts or steps[-1:])[0])
    raise AssertionError("a change of a rule file does not come to an end")


def put_keys(text: str, path: Path, new: Map, among: Collection[str], *, keep: int, order: Sequence[str] = ()) -> str:
    """Give a mapping the entries of `new`; of its own entries only those `among` are replaced or removed."""
    for entry in new.entries:
        text = put(text, (*path, entry.key.text), entry.value, order)
    for key in among:
        if new.get(key) is None:
            text = drop(text, (*path, key), keep=keep)
    return text


def drop(text: str, path: Path, *, keep: int) -> str:
    """Remove what stands at a path, and what becomes empty by it; the first `keep` steps of the path stay."""
    root = read_nodes(text)
    if find(root, path) is None:
        return text
    while len(path) - 1 > keep and _size(find(root, path[:-1])) == 1:
        path = path[:-1]
    return _apply(text, root, _Drop(path))


def insert_item(text: str, path: Path, index: int, node: Node, order: Sequence[str] = ()) -> str:
    """Add an item to the list at a path, which comes into being where it is missing."""
    root = read_nodes(text)
    if find(root, path) is None:
        return _create(text, root, path, Seq((node,), flow=False), order)
    return _apply(text, root, _Insert(path, index, node))


def insert_entry(text: str, path: Path, index: int, key: str, node: Node, order: Sequence[str] = ()) -> str:
    """Add an entry to the mapping at a path, as its `index`-th, which comes into being where it is missing."""
    root = read_nodes(text)
    mapping = find(root, path)
    if not isinstance(mapping, Map):
        return _create(text, root, path, Map((Entry(Scalar(key), node),), flow=False), order)
    if not mapping.entries or index >= len(mapping.entries):
        return _apply(text, root, _Insert(path, key, node))
    after = mapping.entries[index - 1] if index else None
    return _inserted_entry(text, mapping, after, key, node)


def rename(text: str, path: Path, key: str) -> str:
    """Give the entry at a path another key."""
    parent = find(read_nodes(text), path[:-1])
    assert isinstance(parent, Map)
    entry = parent.entry(str(path[-1]))
    assert entry is not None
    spelt = spell(Scalar(key), in_flow=parent.flow, like=entry.key)
    return text[: entry.key.start] + spelt + text[entry.key.end :]


def listed(text: str, path: Path) -> str:
    """Turn the mapping at a path into a list that holds it alone."""
    node = find(read_nodes(text), path)
    assert isinstance(node, Map)
    body = text[node.start : node.end]
    shifted = f"[{body}]" if node.flow else "- " + body.replace("\n", "\n  ")
    return text[: node.start] + shifted + text[node.end :]


def file_of(root: Map) -> str:
    """A new file."""
    return "".join(f"{_pair(entry, 0)}\n" for entry in root.entries)


# --- what differs ----------------------------------------------------------------------------------------------------


def _differences(old: Node, new: Node, path: Path) -> Iterator[_Step]:
    match old, new:
        case Map(), Map() if old.entries and new.entries:
            for entry in new.entries:
                twin = old.get(entry.key.text)
                if twin is None:
                    yield _Insert(path, entry.key.text, entry.value)
                else:
                    yield from _differences(twin, entry.value, (*path, entry.key.text))
            yield from (_Drop((*path, each.key.text)) for each in old.entries if new.get(each.key.text) is None)
        case Seq(), Seq() if old.items and new.items:
            yield from _item_differences(old, new, path)
        case _:
            if not equal(old, new):
                yield _Put(path, new)


def _item_differences(old: Seq, new: Seq, path: Path) -> Iterator[_Step]:
    before, after = [flow(item) for item in old.items], [flow(item) for item in new.items]
    for _, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        common = min(i2 - i1, j2 - j1)
        for at in range(common):
            yield from _differences(old.items[i1 + at], new.items[j1 + at], (*path, i1 + at))
        yield from (_Insert(path, i1 + common, new.items[at]) for at in range(j1 + common, j2))
        yield from (_Drop((*path, at)) for at in range(i1 + common, i2))


# --- one step --------------------------------------------------------------------------------------------------------


def _apply_puts(text: str, root: Map, puts: Sequence[_Put]) -> str:
    splices = sorted((_put_splice(text, root, step) for step in puts), reverse=True)
    for start, end, new in splices:
        text = text[:start] + _with_newlines(text, new) + text[end:]
    return text


def _put_splice(text: str, root: Map, step: _Put) -> tuple[int, int, str]:
    old, parent = find(root, step.path), find(root, step.path[:-1])
    assert old is not None
    in_flow = isinstance(parent, (Map, Seq)) and parent.flow
    if isinstance(step.node, Scalar) and isinstance(old, Scalar) and old.raw and old.style not in ("|", ">"):
        return old.start, old.end, spell(step.node, in_flow=in_flow, like=old)
    if isinstance(parent, Map):
        entry = parent.entry(str(step.path[-1]))
        assert entry is not None
        indent = _column(text, parent.entries[0].key.start)
        if isinstance(old, (Seq, Map)) and old.flow and not _is_long(step.node, indent + 20):
            return old.start, old.end, flow(step.node)
        return entry.colon, entry.end, _value(step.node, indent, len(entry.key.raw), in_flow=in_flow)
    return old.start, old.end, flow(step.node)


def _apply(text: str, root: Map, step: _Step) -> str:
    match step:
        case _Put():
            return _apply_puts(text, root, [step])
        case _Insert(path, key, node):
            parent = find(root, path)
            if isinstance(parent, Map):
                after = next(
                    (entry for entry in reversed(parent.entries) if entry.key.text not in _LAST or str(key) in _LAST),
                    None,
                )
                return _inserted_entry(text, parent, after, str(key), node)
            assert isinstance(parent, Seq)
            assert isinstance(key, int)
            return _inserted_item(text, parent, key, node)
        case _Drop(path):
            parent = find(root, path[:-1])
            if isinstance(parent, Map):
                return _without_entry(text, parent, str(path[-1]))
            assert isinstance(parent, Seq)
            assert isinstance(path[-1], int)
            return _without_item(text, parent, path[-1])


def _create(text: str, root: Map, path: Path, node: Node, order: Sequence[str]) -> str:
    """Insert the entry that is missing first on the way along a path of keys."""
    depth = next(at for at in range(1, len(path) + 1) if find(root, path[:at]) is None)
    for key in reversed(path[depth:]):
        fits = isinstance(node, Scalar) or (isinstance(node, Seq) and node.flow)
        node = Map((Entry(Scalar(str(key)), node),), flow=fits)
    parent = find(root, path[: depth - 1])
    if not isinstance(parent, Map) or not parent.entries:
        return _apply(text, root, _Put(path[: depth - 1], Map((Entry(Scalar(str(path[depth - 1])), node),))))
    if depth > 1 or not order:
        return _apply(text, root, _Insert(path[: depth - 1], path[depth - 1], node))
    rank = {key: at for at, key in enumerate(order)}
    mine = rank.get(str(path[0]), len(order))
    after = next((each for each in reversed(root.entries) if rank.get(each.key.text, len(order)) <= mine), None)
    return _inserted_entry(text, root, after, str(path[0]), node)


def _inserted_entry(text: str, parent: Map, after: Entry | None, key: str, node: Node) -> str:
    entry = Entry(Scalar(key), node)
    if parent.flow:
        written = f"{spell(entry.key, in_flow=True)}: {flow(node)}"
        if not parent.entries:
            return _spliced(text, parent.start + 1, parent.start + 1, written)
        at = parent.entries[0].key.start if after is None else after.end
        return _spliced(text, at, at, f"{written}, " if after is None else f", {written}")
    indent = _column(text, parent.entries[0].key.start)
    written = _pair(entry, indent)
    if after is None:
        at = parent.entries[0].key.start
        return _spliced(text, at, at, f"{written}\n{' ' * indent}")
    at = _line_end(text, after.end)
    return _spliced(text, at, at, f"\n{' ' * indent}{written}")


def _inserted_item(text: str, parent: Seq, index: int, node: Node) -> str:
    if parent.flow:
        if not parent.items:
            return _spliced(text, parent.start + 1, parent.start + 1, flow(node))
        at = parent.items[0].start if index == 0 else parent.items[index - 1].end
        return _spliced(text, at, at, f"{flow(node)}, " if index == 0 else f", {flow(node)}")
    indent = _column(text, parent.start)
    written = f"- {_item(node, indent + 2)}"
    if index == 0:
        return _spliced(text, parent.start, parent.start, f"{written}\n{' ' * indent}")
    at = _line_end(text, parent.items[index - 1].end)
    return _spliced(text, at, at, f"\n{' ' * indent}{written}")


def _without_entry(text: str, parent: Map, key: str) -> str:
    at = next(at for at, entry in enumerate(parent.entries) if entry.key.text == key)
    if len(parent.entries) == 1:
        return _spliced(text, parent.start, parent.end, "{}")
    starts, ends = [entry.key.start for entry in parent.entries], [entry.end for entry in parent.entries]
    return _without(text, starts, ends, at, flow=parent.flow)


def _without_item(text: str, parent: Seq, index: int) -> str:
    if len(parent.items) == 1:
        return _spliced(text, parent.start, parent.end, "[]")
    starts, ends = [item.start for item in parent.items], [item.end for item in parent.items]
    if not parent.flow:
        starts = [text.rfind("-", 0, start + 1) for start in starts]
    return _without(text, starts, ends, index, flow=parent.flow)


def _without(text: str, starts: Sequence[int], ends: Sequence[int], at: int, *, flow: bool) -> str:
    start, end = starts[at], ends[at]
    line_start = text.rfind("\n", 0, start) + 1
    if not flow and text[line_start:start].strip() == "":
        return text[:line_start] + text[min(_line_end(text, end, with_newline=True), len(text)) :]
    if at + 1 < len(starts):
        return text[:start] + text[starts[at + 1] :]
    comma = text.index(",", ends[at - 1])
    gap = text[comma + 1 : start]
    return text[:comma] + (gap.rstrip(" ") if gap.strip() else "") + text[end:]


# --- new text --------------------------------------------------------------------------------------------------------


def _pair(entry: Entry, indent: int) -> str:
    key = spell(entry.key, in_flow=False)
    return f"{key}:{_value(entry.value, indent, len(key), in_flow=False)}"


def _value(node: Node, indent: int, key_width: int, *, in_flow: bool) -> str:
    """What follows a colon: a space and one line, or block lines."""
    if isinstance(node, Scalar):
        return f" {spell(node, in_flow=in_flow)}"
    if in_flow or (not _is_long(node, indent + key_width + 2) and _may_be_flow(node)):
        return f" {flow(node)}"
    inner = "\n" + " " * (indent + 2)
    if isinstance(node, Map):
        return "".join(inner + _pair(entry, indent + 2) for entry in node.entries)
    return "".join(f"{inner}- {_item(item, indent + 4)}" for item in node.items)


def _item(node: Node, indent: int) -> str:
    if isinstance(node, Map) and node.entries and (not node.flow or _is_long(node, indent)):
        return ("\n" + " " * indent).join(_pair(entry, indent) for entry in node.entries)
    return spell(node, in_flow=False) if isinstance(node, Scalar) else flow(node)


def _may_be_flow(node: Seq | Map) -> bool:
    return node.flow or not (node.items if isinstance(node, Seq) else node.entries)


def _is_long(node: Node, before: int) -> bool:
    return not isinstance(node, Scalar) and before + len(flow(node)) > WIDTH


def _spliced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + _with_newlines(text, new) + text[end:]


def _with_newlines(text: str, new: str) -> str:
    return new.replace("\n", "\r\n") if "\r\n" in text else new


def _column(text: str, at: int) -> int:
    return at - (text.rfind("\n", 0, at) + 1)


def _line_end(text: str, at: int, *, with_newline: bool = False) -> int:
    found = text.find("\n", at)
    if found < 0:
        return len(text)
    if with_newline:
        return found + 1
    return found - 1 if text[found - 1 : found] == "\r" and found > at else found


def _size(node: Node | None) -> int:
    return len(node.entries) if isinstance(node, Map) else len(node.items) if isinstance(node, Seq) else 0
