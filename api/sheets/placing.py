"""Adds rows to the lists and mappings of one file's text, and removes rows from them, from the last to the first."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from api.sheets.building import block_list, key_order, node_of_row, value_of, with_entry
from api.sheets.layout import SHEETS
from api.sheets.matching import Matched
from api.sheets.problems import Problem, Spot
from api.sheets.sheet_kinds import EntrySheet, FileSheet, LeafSheet, ListSheet, Sheet
from api.sheets.tables import Row, field_of
from api.sheets.yaml_edits import drop, file_of, insert_entry, insert_item, listed, put
from api.sheets.yaml_nodes import Entry, Map, Node, Path, Scalar, Seq, find, read_nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRow:
    """A row to add: what it says, what it is called, and the row of the same file that stands above it."""

    key: str
    node: Map
    above: Row | None
    spot: Spot
    label: str = ""
    """What its parent column says."""


def new_row(sheet: Sheet, matched: Matched, above: Row | None) -> NewRow:
    """A row of the workbook that stands in no file yet."""
    texts = matched.texts
    node = node_of_row(sheet, texts)
    if isinstance(sheet, LeafSheet):
        node = _setting(texts)
    return NewRow(
        key=texts[sheet.key],
        node=node,
        above=above,
        spot=matched.spot(sheet.key),
        label=texts.get(sheet.parent or "", ""),
    )


def _setting(texts: Mapping[str, str]) -> Map:
    """The value of a setting, under the name of its column."""
    cell = field_of(next(each for each in SHEETS if isinstance(each, LeafSheet)), "value")
    assert cell is not None
    return Map((Entry(Scalar("value"), value_of(cell, texts["value"])),)) if texts.get("value") else Map(())


def placed_items(text: str, file: str, path: Path, added: Sequence[NewRow], removed: Collection[str | int]) -> str:
    """Add and remove items of the list at a path; a new item stands after the one above it, else last."""
    nodes = [each.node for each in added]
    if not text:
        return file_of(_nested(path, block_list(nodes)))
    found = find(read_nodes(text), path)
    length = len(found.items) if isinstance(found, Seq) else 0
    if not length:
        return put(text, path, block_list(nodes), order_of(file)) if added else text
    after: dict[int, list[Map]] = defaultdict(list)
    for each in added:
        after[_position(each.above, path, length - 1)].append(each.node)
    for at in range(length - 1, -1, -1):
        for node in reversed(after[at]):
            text = insert_item(text, path, at + 1, node)
        if at in removed:
            text = drop(text, (*path, at), keep=0)
    return text


def _position(above: Row | None, path: Path, last: int) -> int:
    """Behind which item of the list at a path a new one stands; the only treatment of a placement is its first."""
    if above is None or above.path[: len(path)] != path:
        return last
    at = above.path[len(path)] if len(above.path) > len(path) else 0
    return at if isinstance(at, int) else last


def placed_entries(
    text: str, sheet: EntrySheet, file: str, path: Path, added: Sequence[NewRow], removed: Sequence[Row]
) -> tuple[str, list[Problem]]:
    """Add and remove entries of the mapping at a path, and items of entries that hold several rows."""
    problems = []
    gone = {row.path for row in removed}
    by_key: dict[str, list[NewRow]] = defaultdict(list)
    for each in added:
        by_key[each.key].append(each)
    for key, group in by_key.items():
        here = (*path, key)
        found = find(read_nodes(text), here) if text else None
        if found is None:
            text = _with_entry(text, file, path, key, group)
        elif sheet.may_repeat and isinstance(found, (Map, Seq)):
            removed_items = _items_of(found, here, gone)
            text = listed(text, here) if isinstance(found, Map) else text
            text = placed_items(text, file, here, group, removed_items)
            gone -= {here, *((*here, at) for at in removed_items)}
        else:
            problems.append(Problem(group[0].spot, f"`{key}` stands in {file} already", "choose another name"))
    for each_path in sorted(gone, key=lambda each: [str(step).zfill(9) for step in each], reverse=True):
        text = drop(text, each_path, keep=0)
    return text, problems


def _items_of(found: Node, here: Path, gone: Collection[Path]) -> list[int]:
    if isinstance(found, Seq):
        return [at for at in range(len(found.items)) if (*here, at) in gone]
    return [0] if here in gone else []


def _with_entry(text: str, file: str, path: Path, key: str, group: Sequence[NewRow]) -> str:
    node = _one_or_list([each.node for each in group])
    if not text:
        return file_of(_nested((*path, key), node))
    found = find(read_nodes(text), path)
    keys = [entry.key.text for entry in found.entries] if isinstance(found, Map) else []
    above = group[0].above
    named = above.path[len(path)] if above is not None and above.path[: len(path)] == path else None
    index = keys.index(str(named)) + 1 if named in keys else len(keys)
    return insert_entry(text, path, index, key, node, order_of(file))


def with_children(sheet: Sheet, root: Map, file: str, children: Sequence[NewRow]) -> Map:
    """A new file with the rows of another sheet that belong to it."""
    if isinstance(sheet, ListSheet):
        return with_entry(root, sheet.path[0], block_list([each.node for each in children]), order_of(file))
    assert isinstance(sheet, EntrySheet)
    by_key: dict[str, list[Node]] = defaultdict(list)
    for each in children:
        by_key[each.key].append(each.node)
    entries = tuple(Entry(Scalar(key), _one_or_list(nodes)) for key, nodes in by_key.items())
    return with_entry(root, sheet.paths[0][1][0], Map(entries, flow=False), order_of(file))


def order_of(file: str) -> tuple[str, ...]:
    """The order of the keys of a file."""
    folder = file.partition("/")[0]
    sheet = next((each for each in SHEETS if isinstance(each, FileSheet) and each.folder == folder), None)
    return key_order(sheet) if sheet is not None else ()


def _one_or_list(nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else block_list(nodes)


def _nested(path: Path, node: Node) -> Map:
    for key in reversed(path):
        node = Map((Entry(Scalar(str(key)), node),), flow=False)
    assert isinstance(node, Map)
    return node
