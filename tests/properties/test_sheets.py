"""Properties of the workbook: rule files of any layout come back byte for byte, and an edit changes itself alone."""

from collections.abc import Mapping

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from openpyxl.utils import get_column_letter

from api.sheets.changes import Merged
from api.sheets.forms import TOO_LONG, CellProblem, Form, canonical, read
from api.sheets.grid import Grid, GridRow, Origin
from api.sheets.layout import SHEETS
from api.sheets.matching import places_of
from api.sheets.merging import merge
from api.sheets.origin import pack, unpack
from api.sheets.problems import WorkbookRefused
from api.sheets.sheet_kinds import PLACE, LeafSheet
from api.sheets.tables import Document, chosen_headers, documents, field_of, fields_of, rows
from api.sheets.workbook_in import import_workbook
from api.sheets.workbook_out import export_workbook
from api.sheets.yaml_nodes import Map, flow_entry

NAMES = st.sampled_from(["age", "holds.isa", "income.monthly", "kind", "a_b", "x"])
WORDS = st.sampled_from(
    ["true", "at least 18", "25..60", "isa", "85.00", "50_000", '"quoted, text"', "'it''s'", '"> 5"', "~", "not closed"]
)
COMMENTS = st.sampled_from(["", "", "", "   # why, and: [how]", "  # '\"{"])
ABOVE = st.sampled_from(["", "", "", "# a line of its own\n", "\n", "\n# two\n# lines\n"])


@st.composite
def flow_lists(draw: st.DrawFn) -> str:
    return "[" + draw(st.sampled_from([", ", ",  ", " , "])).join(draw(st.lists(WORDS, max_size=3))) + "]"


@st.composite
def flow_maps(draw: st.DrawFn) -> str:
    keys = draw(st.lists(NAMES, max_size=3, unique=True))
    return "{" + ", ".join(f"{key}: {draw(st.one_of(WORDS, flow_lists()))}" for key in keys) + "}"


@st.composite
def blocks(draw: st.DrawFn, indent: int, depth: int = 2) -> str:
    """What follows a key: a value in its line, or block lines."""
    kind = draw(st.sampled_from(["word", "list", "map", "lines", "items"] if depth else ["word", "list", "map"]))
    tail = draw(COMMENTS) + "\n"
    match kind:
        case "word":
            return f" {draw(WORDS)}{tail}"
        case "list":
            return f" {draw(flow_lists())}{tail}"
        case "map":
            return f" {draw(flow_maps())}{tail}"
        case "lines":
            keys = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
            pad = " " * (indent + 2)
            return tail + "".join(f"{pad}{key}:{draw(blocks(indent + 2, depth - 1))}" for key in keys)
        case _:
            pad = " " * (indent + draw(st.sampled_from([0, 2])))
            items = draw(st.lists(st.one_of(WORDS, flow_maps()), min_size=1, max_size=3))
            return tail + "".join(f"{pad}- {item}{draw(COMMENTS)}\n" for item in items)


@st.composite
def files_of(draw: st.DrawFn, first: str, keys: tuple[str, ...]) -> str:
    chosen = draw(st.lists(st.sampled_from(keys), unique=True, max_size=6))
    parts = [f"{draw(ABOVE)}{key}:{draw(blocks(0))}" for key in chosen]
    return draw(ABOVE) + first + "".join(parts) + draw(st.sampled_from(["", "\n", "# the end\n"]))


ACTION_KEYS = ("title", "value", "terms", "eligible", "applicable", "suitable", "contact", "never_with", "valid", "odd")
TRIGGER_KEYS = ("title", "on", "history", "when", "unless", "promote", "suppress", "odd.key")


@st.composite
def folders(draw: st.DrawFn) -> dict[str, bytes]:
    action = draw(files_of("action: one\n", ACTION_KEYS))
    trigger = draw(files_of("trigger: two\n", TRIGGER_KEYS))
    ends = draw(st.sampled_from(["\n", "\r\n"]))
    marks = draw(st.sampled_from(["", "\ufeff"]))
    return {
        "actions/one.yaml": (marks + action).replace("\n", ends).encode(),
        "customized/two.yaml": trigger.encode(),
    }


def grids_of(docs: Mapping[str, Document]) -> tuple[dict[str, list[str]], dict[str, Grid]]:
    """The cells of a folder, without a workbook around them."""
    headers = {sheet.name: chosen_headers(sheet, docs) for sheet in SHEETS}
    return headers, grids_under(headers, docs)


def grids_under(headers: Mapping[str, list[str]], docs: Mapping[str, Document]) -> dict[str, Grid]:
    """The cells of a folder under some headers."""
    grids = {}
    for sheet in SHEETS:
        found = rows(sheet, docs, fields_of(sheet, headers[sheet.name]))
        texts = [
            {**row.cells, PLACE: place, **({sheet.parent: row.parent} if sheet.parent else {})}
            for row, place in zip(found, places_of(found), strict=True)
        ]
        shown = [GridRow(number, {k: v for k, v in each.items() if v}) for number, each in enumerate(texts, start=2)]
        letters = {header: get_column_letter(at) for at, header in enumerate((*headers[sheet.name], PLACE), start=1)}
        grids[sheet.name] = Grid(sheet.name, letters, shown)
    return grids


def merged_after(files: Mapping[str, bytes], sheet: str, number: int, header: str, text: str) -> Merged:
    """The folder after one cell was edited."""
    headers, grids = grids_of(documents(files))
    old = grids[sheet]
    changed = [GridRow(row.number, {**row.texts, header: text}) if row.number == number else row for row in old.rows]
    grids[sheet] = Grid(old.name, old.letters, changed)
    return merge(Origin(files=files, headers=headers), grids, files)


@settings(max_examples=25)
@given(files=folders())
def test_folder_comes_back_byte_for_byte(files: dict[str, bytes]) -> None:
    origin, grids = import_workbook("rules.xlsx", export_workbook(files))
    assert origin.files == files
    assert merge(origin, grids, files).files == {}
    assert merge(origin, grids, {}).files == files


@settings(max_examples=150)
@given(files=folders(), data=st.data())
def test_edited_cell_changes_what_it_shows_and_nothing_else(files: dict[str, bytes], data: st.DataObject) -> None:
    """INVARIANT of api.sheets.confirming: what the files say after an import is what the workbook says."""
    headers, grids = grids_of(documents(files))
    name = data.draw(st.sampled_from(["Actions", "Triggers"]))
    header = data.draw(st.sampled_from([each for each in headers[name] if each not in ("action", "trigger")]))
    text = data.draw(st.one_of(WORDS, flow_lists(), flow_maps(), st.sampled_from(["", "age: 3", "seen: x, in: 3d"])))
    sheet = next(each for each in SHEETS if each.name == name)
    field = field_of(sheet, header)
    assert field is not None
    try:
        wanted = canonical(field.form, text)
        read(field.form, text)
    except CellProblem:
        assume(False)
    before = grids[name].rows[0].texts.get(header, "")
    assume(before != TOO_LONG)
    try:
        merged = merged_after(files, name, 2, header, text)
    except WorkbookRefused as refused:
        event(str(refused.problems[0].message.partition("`")[0]))
        return
    after = {**files, **{file: content for file, content in merged.files.items() if content is not None}}
    own = "actions/one.yaml" if name == "Actions" else "customized/two.yaml"
    assert set(merged.files) <= {own}
    assert comments(after[own]) <= comments(files[own])
    now = grids_under(headers, documents(after))
    for other in headers[name]:
        shown = now[name].rows[0].texts.get(other, "")
        if other != header:
            assert shown == grids[name].rows[0].texts.get(other, "")
        elif wanted and "\n" not in wanted:
            assert said(field.form, shown) == said(field.form, wanted)


def said(form: Form, text: str) -> object:
    """What a cell says: entries stand in any order, since an edit leaves those alone that were there before."""
    node = read(form, text) if text.strip() else None
    return frozenset(map(flow_entry, node.entries)) if isinstance(node, Map) else canonical(form, text)


def test_entry_that_is_put_first_may_stand_last() -> None:
    """The entries that were there keep their characters; a mapping says the same in any order."""
    files = {
        "actions/one.yaml": b"action: one\nnever_with: {holds.isa: true}\n",
        "customized/two.yaml": b"trigger: two\n",
    }
    merged = merged_after(files, "Actions", 2, "never_with", "{age: true, holds.isa: true}")
    assert merged.files == {"actions/one.yaml": b"action: one\nnever_with: {holds.isa: true, age: true}\n"}


def comments(content: bytes) -> set[str]:
    """The comments that stand on lines of their own."""
    return {line.strip() for line in content.decode().split("\n") if line.strip().startswith("#")}


@given(files=st.dictionaries(st.text(max_size=20), st.binary(max_size=200), max_size=5))
def test_origin_survives_its_cells(files: dict[str, bytes]) -> None:
    origin = Origin(files=files, headers={"Actions": ["action", "title"]})
    assert unpack(pack(origin)) == origin


@given(file=st.sampled_from(["bank.yaml", "personas.yaml"]), text=flow_maps())
def test_settings_show_every_single_value(file: str, text: str) -> None:
    docs = documents({file: f"top: {text}\nother: 1\n".encode()})
    found = [
        row.cells["setting"]
        for sheet in SHEETS
        if isinstance(sheet, LeafSheet)
        for row in rows(sheet, docs, fields_of(sheet, chosen_headers(sheet, docs)))
    ]
    assert "other" in found
    assert len(found) == len(set(found))
