"""Rule files as rows of cells: which rows there are, what they say, and which characters each cell covers."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from api.sheets.forms import Form, show
from api.sheets.layout import SHEETS
from api.sheets.sheet_kinds import (
    KEY_PATH,
    OTHER,
    Block,
    Column,
    EntrySheet,
    FileSheet,
    LeafSheet,
    ListSheet,
    Rest,
    Sheet,
)
from api.sheets.yaml_nodes import Entry, Map, Node, Path, Scalar, find, read_nodes
from engine.compiler.documents import KINDS
from engine.compiler.parse import parse

BOM: Final = "\ufeff"
_COMBINED: Final = {"any": 0, "all": 1, "none": 2, "unless": 3, "history": 4}
"""Keys of a condition block that are no facts, in the order of their columns."""
_FEW: Final = 8
"""A block that reads no more facts than these has a column for each of them."""
_MANY: Final = 14


@dataclass(frozen=True, slots=True)
class Document:
    """A rule file: its text without a byte order mark, and its nodes."""

    file: str
    text: str
    root: Map
    bom: bool = False

    @property
    def content(self) -> bytes:
        """The bytes of the file."""
        return encoded(self.text, bom=self.bom)


@dataclass(frozen=True, slots=True)
class Field:
    """A column as it stands in a sheet."""

    header: str
    path: tuple[str, ...]
    form: Form
    column: Column | None = None
    without: frozenset[str] | None = None
    """Of a column for the rest: the keys that have columns of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A rule, or a part of one, in cells."""

    sheet: Sheet
    file: str
    path: Path
    parent: str
    cells: Mapping[str, str]
    start: int
    end: int
    line: int
    column: int
    spans: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """The characters that each cell covers, by header."""

    @property
    def key(self) -> str:
        """What the row is called."""
        return self.cells.get(self.sheet.key, "")


def documents(files: Mapping[str, bytes], known: Mapping[str, "Document"] | None = None) -> dict[str, Document]:
    """The rule files that sheets show, by name; a file that is as it is `known` is not read again.

    Raises:
        ParseError: one of them cannot be read.
    """
    found = {}
    for name in sorted(files):
        old = known.get(name) if known is not None else None
        if old is not None and old.content == files[name]:
            found[name] = old
        elif _belongs(name):
            parse(name, files[name])
            text = files[name].decode("utf-8")
            bare = text.removeprefix(BOM)
            found[name] = Document(name, bare, read_nodes(bare), bom=len(bare) < len(text))
    return found


def encoded(text: str, *, bom: bool) -> bytes:
    """A text as the bytes of a file."""
    return ((BOM if bom else "") + text).encode()


def _belongs(name: str) -> bool:
    return any(_shows(sheet, name) for sheet in SHEETS)


def _shows(sheet: Sheet, name: str) -> bool:
    match sheet:
        case FileSheet(folder=folder):
            return name.startswith(f"{folder}/") and name.endswith(".yaml")
        case ListSheet(files=files) | EntrySheet(files=files) | LeafSheet(files=files):
            return any(name.startswith(each) if each.endswith("/") else name == each for each in files)
        case _:
            return False


# --- rows ------------------------------------------------------------------------------------------------------------


def rows(sheet: Sheet, docs: Mapping[str, Document], fields: Sequence[Field]) -> list[Row]:
    """The rows of a sheet, in the order of files and of what stands in them."""
    return [
        _row(sheet, doc, path, parent, key, node, fields)
        for name, doc in docs.items()
        if _shows(sheet, name)
        for path, parent, key, node in _places(sheet, doc)
    ]


def _places(sheet: Sheet, doc: Document) -> Iterator[tuple[Path, str, Entry | None, Node]]:
    """Path, parent, the entry whose key names the row, and the node of every row of a sheet in one file."""
    match sheet:
        case FileSheet():
            yield (), "", None, doc.root
        case ListSheet(path=path):
            found = find(doc.root, path)
            items = getattr(found, "items", ()) if found is not None and not isinstance(found, Map) else ()
            for at, item in enumerate(items):
                if isinstance(item, Map):
                    yield (*path, at), _parent(sheet, doc), None, item
        case EntrySheet(paths=paths):
            for label, path in paths:
                found = find(doc.root, path)
                if isinstance(found, Map):
                    yield from _entry_places(sheet, doc, label, path, found)
        case LeafSheet(without=without):
            hidden = {key for file, key in without if file == doc.file}
            for entry in doc.root.entries:
                if entry.key.text not in hidden:
                    yield from _leaves(doc, (entry.key.text,), entry)
        case _:
            return


def _entry_places(
    sheet: EntrySheet, doc: Document, label: str, path: Path, found: Map
) -> Iterator[tuple[Path, str, Entry | None, Node]]:
    parent = label or _parent(sheet, doc)
    for entry in found.entries:
        here = (*path, entry.key.text)
        if isinstance(entry.value, Map):
            yield here, parent, entry, entry.value
        elif sheet.may_repeat:
            for at, item in enumerate(getattr(entry.value, "items", ())):
                if isinstance(item, Map):
                    yield (*here, at), parent, entry, item


def _leaves(doc: Document, path: Path, entry: Entry) -> Iterator[tuple[Path, str, Entry | None, Node]]:
    if isinstance(entry.value, Map) and entry.value.entries:
        for each in entry.value.entries:
            yield from _leaves(doc, (*path, each.key.text), each)
    else:
        yield path, doc.file, entry, entry.value


def _parent(sheet: Sheet, doc: Document) -> str:
    kind = KINDS.get(doc.file.split("/")[0])
    if kind is None or sheet.parent is None:
        return ""
    node = doc.root.get(kind)
    name = node.text if isinstance(node, Scalar) else ""
    return f"{kind}/{name}" if sheet.parent == "rule" else name


def _row(
    sheet: Sheet, doc: Document, path: Path, parent: str, key: Entry | None, node: Node, fields: Sequence[Field]
) -> Row:
    cells, spans = {}, {}
    for each in fields:
        if each.path == KEY_PATH:
            text, span = _key_cell(sheet, path, key)
        else:
            text, span = _cell(node, each)
        cells[each.header], spans[each.header] = text, span
    start = key.key.start if key is not None and not isinstance(path[-1], int) else node.start
    return Row(
        sheet=sheet,
        file=doc.file,
        path=path,
        parent=parent,
        cells=cells,
        start=start if path else 0,
        end=node.end if path else len(doc.text),
        line=doc.text.count("\n", 0, start) + 1,
        column=start - (doc.text.rfind("\n", 0, start) + 1) + 1,
        spans=spans,
    )


def _key_cell(sheet: Sheet, path: Path, key: Entry | None) -> tuple[str, tuple[tuple[int, int], ...]]:
    assert key is not None
    text = setting_of(path) if isinstance(sheet, LeafSheet) else key.key.text
    return text, ((key.key.start, key.key.end),)


def _cell(node: Node, each: Field) -> tuple[str, tuple[tuple[int, int], ...]]:
    if each.without is not None:
        left = left_over(find(node, each.path), each.without)
        return (show(Form.PAIRS, left), tuple((one.key.start, one.end) for one in left.entries)) if left else ("", ())
    found = find(node, each.path)
    if found is None:
        return "", ()
    parent = find(node, each.path[:-1]) if each.path else None
    entry = parent.entry(each.path[-1]) if isinstance(parent, Map) else None
    start = entry.key.start if entry is not None else found.start
    return show(each.form, found), ((start, found.end),)


def left_over(node: Node | None, without: frozenset[str]) -> Map | None:
    """The entries of a mapping that have no column of their own, None where there are none."""
    if not isinstance(node, Map):
        return None
    entries = tuple(entry for entry in node.entries if entry.key.text not in without)
    return Map(entries) if entries else None


def setting_of(path: Path) -> str:
    """A path of keys as people read it."""
    return " > ".join(map(str, path))


def path_of(setting: str) -> Path:
    """The path that a setting names."""
    return tuple(part.strip() for part in setting.split(">"))


# --- columns ---------------------------------------------------------------------------------------------------------


def chosen_headers(sheet: Sheet, docs: Mapping[str, Document]) -> list[str]:
    """The headers under which a sheet shows these files."""
    nodes = [node for name, doc in docs.items() if _shows(sheet, name) for _, _, _, node in _places(sheet, doc)]
    headers = [sheet.parent] if sheet.parent is not None else []
    for part in sheet.parts:
        match part:
            case Column(header=header, path=path, always=always):
                if always or any(find(node, path) is not None for node in nodes):
                    headers.append(header)
            case Block(name=name, path=path):
                headers.extend(f"{name}: {key}" for key in _facts_with_columns(find(node, path) for node in nodes))
                headers.append(f"{name}: {OTHER}")
            case Rest(header=header):
                headers.append(header)
    return headers


def _facts_with_columns(blocks: Iterable[Node | None]) -> list[str]:
    uses = Counter(entry.key.text for block in blocks if isinstance(block, Map) for entry in block.entries)
    facts = sorted((key for key in uses if key not in _COMBINED), key=lambda key: (-uses[key], key))
    shared = facts if len(facts) <= _FEW else [key for key in facts if uses[key] > 1][:_MANY]
    combined = sorted((key for key in uses if key in _COMBINED), key=lambda key: _COMBINED[key])
    return [*(key for key in shared if ":" not in key and key.strip() == key and key != OTHER), *combined]


def fields_of(sheet: Sheet, headers: Sequence[str]) -> list[Field]:
    """The columns that stand under some headers; headers that the sheet does not know are left out."""
    known = {field.header: field for header in headers if (field := field_of(sheet, header)) is not None}
    for part in sheet.parts:
        if isinstance(part, Block) and f"{part.name}: {OTHER}" in known:
            own = frozenset(each.path[-1] for each in known.values() if each.path[:-1] == part.path and each.path)
            header = f"{part.name}: {OTHER}"
            known[header] = Field(header, part.path, Form.PAIRS, without=own)
    return [known[header] for header in headers if header in known]


def field_of(sheet: Sheet, header: str) -> Field | None:
    """The column that a header names, None where it names none; the parent and the place are no fields."""
    for part in sheet.parts:
        match part:
            case Column() if part.header == header:
                return Field(header, part.path, part.form, column=part)
            case Rest() if part.header == header:
                return Field(header, part.path, Form.PAIRS, without=_with_own_columns(sheet, part))
            case Block(name=name, path=path) if header.startswith(f"{name}: "):
                key = header.removeprefix(f"{name}: ")
                if key == OTHER:
                    return Field(header, path, Form.PAIRS, without=frozenset())
                return Field(header, (*path, key), Form.LINES if key in _COMBINED else Form.CELL)
            case _:
                continue
    return None


def _with_own_columns(sheet: Sheet, rest: Rest) -> frozenset[str]:
    depth = len(rest.path)
    own = {
        part.path[depth]
        for part in sheet.parts
        if part is not rest and len(part.path) > depth and part.path[:depth] == rest.path
    }
    return frozenset(own | (sheet.hidden_keys if depth == 0 else frozenset()))
