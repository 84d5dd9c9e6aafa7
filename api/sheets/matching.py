"""Finds out which row of a rule folder each row of a workbook is: the same, changed, new, or gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.sheets.forms import CellProblem, Form, canonical, read, same, show
from api.sheets.grid import Grid, GridRow
from api.sheets.problems import Problem, Spot
from api.sheets.sheet_kinds import OTHER, PLACE, Block, LeafSheet, Sheet
from api.sheets.tables import Document, Field, Row, field_of, fields_of, rows
from api.sheets.yaml_nodes import Map, Scalar, flow, flow_entry
from engine.compiler.parse import read_number
from engine.compiler.problem_list import suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A cell whose text changed."""

    field: Field
    old: str
    new: str
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A row of the workbook with the row of the folder that it came from, if any."""

    grid: Grid
    row: GridRow
    texts: Mapping[str, str]
    """By header as exported: columns that were added stand in `other`."""
    base: Row | None
    edits: tuple[Edit, ...] = ()

    def spot(self, header: str = "") -> Spot:
        """A cell of the row, or the row as a whole."""
        return self.grid.spot(self.row.number, header)


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetMatch:
    """The rows of one sheet."""

    sheet: Sheet
    fields: Sequence[Field]
    base: Sequence[Row]
    matched: Sequence[Matched]
    removed: Sequence[Row]


def places_of(found: Sequence[Row]) -> list[str]:
    """Where each row stands: `file:line`, with the column where one line holds several."""
    lines = [(row.file, row.line) for row in found]
    return [
        f"{row.file}:{row.line}" + (f":{row.column}" if lines.count((row.file, row.line)) > 1 else "") for row in found
    ]


def compare(
    sheet: Sheet, grid: Grid, headers: Sequence[str], docs: Mapping[str, Document], problems: list[Problem]
) -> SheetMatch:
    """Compare a sheet with the folder that it was exported from."""
    fields = fields_of(sheet, headers)
    base = rows(sheet, docs, fields)
    by_place = dict(zip(places_of(base), base, strict=True))
    _check_headers(sheet, grid, headers, problems)
    texts = {row.number: _with_added_columns(sheet, grid, row, headers, problems) for row in grid.rows}
    originals = _originals(grid, texts, by_place, fields)
    matched = []
    for row in grid.rows:
        origin = by_place.get(row.place) if originals.get(row.place) == row.number else None
        if origin is not None:
            matched.append(_compared(sheet, grid, row, texts[row.number], origin, fields, problems))
        else:
            _check_new(sheet, grid, row, texts[row.number], by_place, problems)
            matched.append(Matched(grid=grid, row=row, texts=texts[row.number], base=None))
    removed = [row for place, row in by_place.items() if place not in originals]
    return SheetMatch(sheet=sheet, fields=fields, base=base, matched=matched, removed=removed)


def _check_headers(sheet: Sheet, grid: Grid, headers: Sequence[str], problems: list[Problem]) -> None:
    strangers = [
        header
        for header in grid.letters
        if header not in headers and header != PLACE and field_of(sheet, header) is None
    ]
    for header in strangers:
        hint = suggestion(header, [each for each in headers if each not in grid.letters]) or _header_hint(sheet)
        problems.append(Problem(grid.spot(1, header), f"no column of this sheet is called `{header}`", hint))
    problems.extend(
        Problem(grid.spot(1), f"the column `{header}` is missing", "put it back, or export again")
        for header in (*headers, PLACE)
        if header not in grid.letters
    )


def _header_hint(sheet: Sheet) -> str:
    block = next((part for part in sheet.parts if isinstance(part, Block)), None)
    return "" if block is None else f"a column for a fact is called such as `{block.name}: age`"


def _with_added_columns(
    sheet: Sheet, grid: Grid, row: GridRow, headers: Sequence[str], problems: list[Problem]
) -> Mapping[str, str]:
    """The texts of a row; what stands in a column that was added for a fact reads as a line of `other`."""
    texts = {header: text for header, text in row.texts.items() if header in headers}
    for header in grid.letters:
        text, added = row.texts.get(header, ""), field_of(sheet, header)
        if header in headers or not text or added is None:
            continue
        block = next(
            (each for each in sheet.parts if isinstance(each, Block) and header.startswith(f"{each.name}: ")), None
        )
        if block is None:
            texts[header] = text
            continue
        rest = f"{block.name}: {OTHER}"
        try:
            line = f"{added.path[-1]}: {flow(read(added.form, text))}"
        except CellProblem as problem:
            problems.append(Problem(grid.spot(row.number, header), problem.message, problem.hint))
            continue
        texts[rest] = "\n".join(part for part in (texts.get(rest, ""), line) if part)
    return texts


def _originals(
    grid: Grid, texts: Mapping[int, Mapping[str, str]], by_place: Mapping[str, Row], fields: Sequence[Field]
) -> dict[str, int]:
    """The row of the workbook that is each row of the folder; of several copies, the one that changed least."""
    best: dict[str, tuple[int, int]] = {}
    for row in grid.rows:
        origin = by_place.get(row.place)
        if origin is None:
            continue
        alike = sum(
            same(each.form, texts[row.number].get(each.header, ""), origin.cells[each.header]) for each in fields
        )
        alike += len(fields) * (texts[row.number].get(origin.sheet.key, "") == origin.key)
        if row.place not in best or alike > best[row.place][0]:
            best[row.place] = (alike, row.number)
    return {place: number for place, (_, number) in best.items()}


def _compared(
    sheet: Sheet,
    grid: Grid,
    row: GridRow,
    texts: Mapping[str, str],
    origin: Row,
    fields: Sequence[Field],
    problems: list[Problem],
) -> Matched:
    parent = texts.get(sheet.parent or "", "")
    if sheet.parent is not None and parent != origin.parent:
        hint = "delete the row, and add a new one"
        problems.append(
            Problem(
                grid.spot(row.number, sheet.parent), f"a row cannot move from `{origin.parent}` to `{parent}`", hint
            )
        )
    known = {each.header for each in fields}
    added = [field for header in texts if header not in known and (field := field_of(sheet, header)) is not None]
    edits = []
    for each in (*fields, *added):
        old, new = origin.cells.get(each.header, ""), texts.get(each.header, "")
        if same(each.form, old, new):
            continue
        try:
            changed = not same(each.form, old, canonical(each.form, new))
        except CellProblem as problem:
            problems.append(Problem(grid.spot(row.number, each.header), problem.message, problem.hint))
            continue
        if changed:
            edits.append(Edit(field=each, old=old, new=new, row=row.number))
    if isinstance(sheet, LeafSheet):
        _check_leaf(sheet, grid, row, edits, problems)
    return Matched(grid=grid, row=row, texts=texts, base=origin, edits=tuple(edits))


def _check_leaf(sheet: Sheet, grid: Grid, row: GridRow, edits: Sequence[Edit], problems: list[Problem]) -> None:
    for edit in edits:
        spot = grid.spot(row.number, edit.field.header)
        if edit.field.header == sheet.key:
            problems.append(Problem(spot, "a setting cannot be renamed", "delete the row, and add a new one"))
        elif not edit.new.strip():
            problems.append(Problem(spot, "a setting needs a value", "delete the row to remove the setting"))


def _check_new(
    sheet: Sheet,
    grid: Grid,
    row: GridRow,
    texts: Mapping[str, str],
    by_place: Mapping[str, Row],
    problems: list[Problem],
) -> None:
    twin = by_place.get(row.place)
    if twin is not None and twin.key == texts.get(sheet.key, "") and twin.parent == texts.get(sheet.parent or "", ""):
        problems.append(
            Problem(
                grid.spot(row.number, sheet.key),
                f"`{twin.key}` stands in this sheet twice",
                "a copied row needs a name of its own",
            )
        )
    elif row.place and twin is None:
        problems.append(
            Problem(
                grid.spot(row.number, PLACE),
                f"nothing was exported from `{row.place}`",
                "leave `place` empty in a new row, and unchanged in the others",
            )
        )
    if not texts.get(sheet.key):
        problems.append(Problem(grid.spot(row.number, sheet.key), f"a new row needs `{sheet.key}`"))
    for header, text in texts.items():
        each = field_of(sheet, header)
        if each is not None:
            try:
                read(each.form, text)
            except CellProblem as problem:
                problems.append(Problem(grid.spot(row.number, header), problem.message, problem.hint))


def says_the_same(fields: Sequence[Field], texts: Mapping[str, str], row: Row) -> bool:
    """Whether the cells of a row of the workbook say what a row of the folder says."""
    cells = ((each.form, texts.get(each.header, ""), row.cells[each.header]) for each in fields)
    return all(one == other or _says(form, one) == _says(form, other) for form, one, other in cells)


def _says(form: Form, text: str) -> object:
    """What a cell says, for comparison: entries in any order, numbers by value."""
    node = read(form, text) if text.strip() else None
    match node:
        case None:
            return ""
        case Map(entries=entries):
            return frozenset(map(flow_entry, entries))
        case Scalar(text=said):
            number = None if form is Form.TEXT else read_number(said.strip())
            return said if number is None else number
        case _:
            return show(form, node)
