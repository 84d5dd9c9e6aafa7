"""New rules from rows: the nodes that a row's cells say, in the order in which rule files are written."""

from collections.abc import Mapping, Sequence

from api.sheets.forms import Form, read, written_number
from api.sheets.matching import Edit
from api.sheets.sheet_kinds import KEY_PATH, FileSheet, Sheet
from api.sheets.tables import Field, field_of
from api.sheets.yaml_nodes import Entry, Map, Node, Scalar, Seq

_EARLY = ("valid", "formerly", "needs")
_LATE = ("treatments", "tests")


def key_order(sheet: Sheet) -> tuple[str, ...]:
    """The keys of a row in the order in which they are written."""
    keys = dict.fromkeys(part.path[0] for part in sheet.parts if part.path and part.path != KEY_PATH)
    if not isinstance(sheet, FileSheet):
        return tuple(keys)
    head = tuple(keys)[:4]
    return (*head, *_EARLY, *(key for key in keys if key not in (*head, *_EARLY)), *_LATE)


def node_of_row(sheet: Sheet, texts: Mapping[str, str]) -> Map:
    """The mapping that a new row stands for, parts of other sheets apart."""
    root: dict[str, object] = {}
    for header, text in texts.items():
        each = field_of(sheet, header)
        if each is None or each.path == KEY_PATH or not text.strip():
            continue
        node = value_of(each, text)
        if not each.path and each.without is None:
            continue
        if each.without is not None and isinstance(node, Map):
            for entry in node.entries:
                _place(root, (*each.path, entry.key.text), entry.value)
        else:
            _place(root, each.path, node)
    order = {key: at for at, key in enumerate(key_order(sheet))}
    ordered = dict(sorted(root.items(), key=lambda item: order.get(item[0], len(order))))
    is_block = sheet.blocks or isinstance(sheet, FileSheet)
    return _map(ordered, blocks=is_block)


def value_of(field: Field, text: str, like: str = "") -> Node:
    """What a cell says, a number written as its predecessor was."""
    quoted = field.column is not None and field.column.quoted
    if field.form is Form.NUMBER and like:
        text = written_number(text.strip(), like)
    return read(field.form, text, quoted=quoted)


def value_of_edit(edit: Edit) -> Node:
    """What an edited cell says."""
    return value_of(edit.field, edit.new, edit.old)


def _place(root: dict[str, object], path: Sequence[str], node: Node) -> None:
    here = root
    for key in path[:-1]:
        inner = here.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        here = inner
    here[path[-1]] = node


def _map(tree: Mapping[str, object], *, blocks: bool) -> Map:
    return Map(tuple(Entry(Scalar(key), _node(value, blocks=blocks)) for key, value in tree.items()), flow=not blocks)


def _node(value: object, *, blocks: bool) -> Node:
    if isinstance(value, dict):
        return _map(value, blocks=blocks and any(isinstance(each, dict) for each in value.values()))
    assert isinstance(value, (Scalar, Seq, Map))
    return value


def with_entry(root: Map, key: str, node: Node, order: Sequence[str]) -> Map:
    """A mapping with one more entry, in its place."""
    rank = {name: at for at, name in enumerate(order)}
    entries = sorted((*root.entries, Entry(Scalar(key), node)), key=lambda each: rank.get(each.key.text, len(order)))
    return Map(tuple(entries), flow=root.flow)


def block_list(items: Sequence[Node]) -> Seq:
    """A list whose items stand on lines of their own."""
    return Seq(tuple(items), flow=False)
