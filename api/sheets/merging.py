"""Takes an edited workbook back into the rule files: what was edited, where nobody else edited, or nothing."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from api.sheets.building import key_order, node_of_row, value_of_edit
from api.sheets.changes import CellChange, Change, Merged, addition, edit, removal, short
from api.sheets.confirming import placed_rows
from api.sheets.forms import same
from api.sheets.grid import Grid, Origin
from api.sheets.layout import SHEETS
from api.sheets.matching import Edit, Matched, SheetMatch, compare
from api.sheets.news import moved, unraised
from api.sheets.placing import NewRow, new_row, placed_entries, placed_items, with_children
from api.sheets.problems import Problem, Spot, WorkbookRefused, unreadable
from api.sheets.sheet_kinds import KEY_PATH, EntrySheet, FileSheet, LeafSheet, ListSheet, Sheet
from api.sheets.tables import Document, Row, documents, encoded, path_of, rows
from api.sheets.yaml_edits import drop, file_of, put, put_keys, rename
from api.sheets.yaml_nodes import Map, Path, find, read_nodes
from engine.compiler.documents import KINDS
from engine.compiler.parse import ParseError
from engine.compiler.problem_list import suggestion

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_DELETE_AND_ADD: Final = "delete the row, and add a new one"


def merge(origin: Origin, grids: Mapping[str, Grid], files: Mapping[str, bytes]) -> Merged:
    """Take edited sheets over into the present files of a folder; an empty folder receives everything.

    Raises:
        ParseError: a file of the folder cannot be read.
        WorkbookRefused: with every cell and row that cannot be taken over.
    """
    problems: list[Problem] = []
    base = documents(origin.files)
    present = documents(files or origin.files, base)
    matches = [
        compare(sheet, grids[sheet.name], origin.headers[sheet.name], base, problems)
        for sheet in SHEETS
        if sheet.name in grids and sheet.name in origin.headers
    ]
    _refuse(problems)
    merger = _Merger(base, present, matches, problems)
    merger.run()
    _refuse(problems)
    docs = {**present, **merger.changed_documents()}
    docs = {name: doc for name, doc in docs.items() if name not in merger.removed_files}
    placed = [
        found for each in matches for found in placed_rows(each, docs, merger.file_of_row, merger.was_moved, problems)
    ]
    _refuse(problems)
    everything = merger.contents() if files else {**origin.files, **merger.contents()}
    changed = {name: content for name, content in everything.items() if files.get(name) != content}
    gone = {name: None for name in merger.removed_files if name in files}
    return Merged(
        files={**changed, **gone},
        changes=merger.changes,
        notes=(*(moved(base, present) if files else ()), *unraised(present, docs)),
        placed=placed,
    )


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise WorkbookRefused(*sorted(set(problems)))


class _Merger:
    """Applies what was found to the present files, one file after another."""

    def __init__(
        self,
        base: Mapping[str, Document],
        present: Mapping[str, Document],
        matches: Sequence[SheetMatch],
        problems: list[Problem],
    ) -> None:
        self._base = base
        self._present = present
        self._matches = matches
        self._problems = problems
        self._texts: dict[str, str] = {name: doc.text for name, doc in present.items()}
        self._new_files: dict[str, Map] = {}
        self._file_by_label: dict[str, str] = {}
        self._file_by_row: dict[tuple[str, int], str] = {}
        self.removed_files: set[str] = set()
        self.changes: list[Change] = []

    def run(self) -> None:
        """Everything, in the order in which paths stay valid: values, then rows, then names."""
        self._remove_files()
        for each in self._matches:
            if isinstance(each.sheet, FileSheet):
                self._begin_files(each)
                self._learn_labels(each)
        present = [(each, self._rows_now(each)) for each in self._matches]
        for each, now in present:
            self._change_rows(each, now)
        for each, now in present:
            if not isinstance(each.sheet, FileSheet):
                self._place_rows(each, now)
        for each, now in present:
            if isinstance(each.sheet, EntrySheet):
                self._rename_rows(each, now)
        for name, root in self._new_files.items():
            self._texts[name] = file_of(root)

    def contents(self) -> dict[str, bytes]:
        """The files that remain, as bytes."""
        return {
            name: encoded(text, bom=name in self._present and self._present[name].bom)
            for name, text in self._texts.items()
            if name not in self.removed_files
        }

    def changed_documents(self) -> dict[str, Document]:
        """The nodes of the files whose text is new."""
        found = {}
        for name, content in self.contents().items():
            if name not in self._present or self._present[name].content != content:
                try:
                    found.update(documents({name: content}))
                except ParseError as error:
                    self._problems.extend(unreadable(error))
        return found

    def was_moved(self, file: str) -> bool:
        """Whether somebody changed a file since the export."""
        return file in self._present and file in self._base and self._present[file].content != self._base[file].content

    def file_of_row(self, matched: Matched) -> str:
        """The file in which a row of the workbook stands now, empty where it stands in none."""
        if matched.base is not None:
            return matched.base.file
        return self._file_by_row.get((matched.grid.name, matched.row.number), "")

    def _refuse_cell(self, matched: Matched, header: str, message: str, hint: str = "") -> None:
        self._problems.append(Problem(matched.spot(header), message, hint))

    def _conflict(self, spot: Spot, file: str, message: str) -> None:
        hint = f"{file} is not what was exported: export again, and edit that"
        self._problems.append(Problem(spot, message, hint))

    # --- files -------------------------------------------------------------------------------------------------------

    def _remove_files(self) -> None:
        for row in (row for each in self._matches if isinstance(each.sheet, FileSheet) for row in each.removed):
            if self.was_moved(row.file):
                self._conflict(Spot(row.sheet.name), row.file, f"`{row.key}` cannot be removed: its file changed")
            self.removed_files.add(row.file)
            self.changes.append(removal(row))
        for matched in (matched for each in self._matches for matched in each.matched):
            if matched.base is not None and matched.base.file in self.removed_files and matched.edits:
                message = f"this row was edited, and its rule in {matched.base.file} was removed"
                self._refuse_cell(matched, "", message, "delete this row, or bring the rule's row back")

    def _begin_files(self, each: SheetMatch) -> None:
        sheet = each.sheet
        assert isinstance(sheet, FileSheet)
        for matched in each.matched:
            if matched.base is not None:
                continue
            key = matched.texts[sheet.key]
            name = f"{sheet.folder}/{key}.yaml"
            if not _NAME.fullmatch(key):
                message = f"`{sheet.key}` must be a name of lower-case letters, digits and underscores, 64 at most"
                self._refuse_cell(matched, sheet.key, message)
            elif name in self._present or name in self._new_files:
                self._refuse_cell(matched, sheet.key, f"there is a file {name} already", "choose another name")
            else:
                self._new_files[name] = node_of_row(sheet, matched.texts)
                self._note_added(matched, sheet, name)

    def _learn_labels(self, each: SheetMatch) -> None:
        """Which file a rule's kind and name stand for; none where there are several."""
        assert isinstance(each.sheet, FileSheet)
        for matched in each.matched:
            key = matched.texts.get(each.sheet.key, "")
            name = matched.base.file if matched.base else f"{each.sheet.folder}/{key}.yaml"
            label = f"{each.sheet.kind}/{key}"
            if self._file_by_label.setdefault(label, name) != name:
                self._file_by_label[label] = ""

    def _file_for(self, sheet: Sheet, matched: Matched) -> str:
        """The file that a new row goes to; empty, and a problem, where there is none."""
        if isinstance(sheet, LeafSheet):
            return self._file_of_setting(sheet, matched)
        assert isinstance(sheet, (ListSheet, EntrySheet))
        if not sheet.files[0].endswith("/"):
            return sheet.files[0]
        label = matched.texts.get(sheet.parent or "", "")
        kind = "" if sheet.parent == "rule" else f"{KINDS[sheet.files[0].rstrip('/')]}/"
        file = self._file_by_label.get(f"{kind}{label}")
        if file is None:
            known = [each.removeprefix(kind) for each in self._file_by_label if each.startswith(kind)]
            hint = suggestion(label, known) or f"write the name of a {sheet.parent}, such as `{min(known, default='')}`"
            self._refuse_cell(matched, sheet.parent or "", f"unknown {sheet.parent} `{label}`", hint)
        elif not file:
            message = f"several files are called `{label}`"
            self._refuse_cell(matched, sheet.parent or "", message, "add the row to one of them by hand")
        return file or ""

    def _file_of_setting(self, sheet: LeafSheet, matched: Matched) -> str:
        label = matched.texts.get(sheet.parent or "", "")
        if label in sheet.files:
            return label
        hint = suggestion(label, sheet.files) or f"one of {', '.join(sheet.files)}"
        self._refuse_cell(matched, sheet.parent or "", f"unknown file `{label}`", hint)
        return ""

    # --- rows that were there ----------------------------------------------------------------------------------------

    def _rows_now(self, each: SheetMatch) -> dict[tuple[str, Path], Row]:
        """The rows of the folder as they stand now, by the file and path of the exported row that they are."""
        found = {
            (row.file, row.path): row for row in each.base if row.file in self._present and not self.was_moved(row.file)
        }
        moved = {name: doc for name, doc in self._present.items() if self.was_moved(name)}
        by_name: dict[tuple[object, ...], list[Row]] = defaultdict(list)
        for row in rows(each.sheet, moved, each.fields):
            by_name[_identity(row)].append(row)
        for row in each.base:
            if row.file in moved and (twins := by_name[_identity(row)]):
                found[row.file, row.path] = twins.pop(0)
        return found

    def _change_rows(self, each: SheetMatch, present: Mapping[tuple[str, Path], Row]) -> None:
        for matched in each.matched:
            base = matched.base
            if base is None or not matched.edits or base.file in self.removed_files:
                continue
            row = present.get((base.file, base.path))
            if row is None:
                self._conflict(matched.spot(), base.file, f"`{base.key}` was removed or renamed there")
                continue
            done = [one for one in matched.edits if self._change_cell(each.sheet, matched, one, row)]
            cells = [CellChange(matched.spot(one.field.header), one.field.header, one.old, one.new) for one in done]
            if cells:
                self.changes.append(edit(matched, base, cells))

    def _change_cell(self, sheet: Sheet, matched: Matched, one: Edit, row: Row) -> bool:
        """Write an edited cell to its file; not where the file says so already."""
        now = row.cells.get(one.field.header, "")
        if same(one.field.form, now, one.new):
            return False
        if not same(one.field.form, now, one.old):
            message = f"`{short(one.old)}` became `{short(now)}` there, and `{short(one.new)}` here"
            self._conflict(matched.spot(one.field.header), row.file, message)
            return False
        if one.field.path == KEY_PATH:
            return True
        path, text = (*row.path, *one.field.path), self._texts[row.file]
        if one.field.without is not None:
            self._texts[row.file] = self._with_rest(sheet, row, one, matched)
        elif not one.new.strip():
            self._texts[row.file] = drop(text, path, keep=len(row.path))
        else:
            order = key_order(sheet) if not row.path else ()
            self._texts[row.file] = put(text, path, value_of_edit(one), order)
        return True

    def _with_rest(self, sheet: Sheet, row: Row, one: Edit, matched: Matched) -> str:
        """A file's text with what a column for the rest says now; what has a column of its own is left alone."""
        text, path, own = self._texts[row.file], (*row.path, *one.field.path), one.field.without or frozenset()
        new = value_of_edit(one) if one.new.strip() else Map(())
        if not isinstance(new, Map):
            self._refuse_cell(matched, one.field.header, "this cell must hold `key: value`, a line each")
            return text
        twice = [entry.key.text for entry in new.entries if entry.key.text in own]
        if twice:
            self._refuse_cell(matched, one.field.header, f"`{twice[0]}` has a column of its own", "write it there")
            return text
        old = find(read_nodes(text), path)
        among = [entry.key.text for entry in old.entries if entry.key.text not in own] if isinstance(old, Map) else []
        return put_keys(text, path, new, among, keep=len(row.path), order=key_order(sheet) if not row.path else ())

    # --- rows that come and go ---------------------------------------------------------------------------------------

    def _place_rows(self, each: SheetMatch, present: Mapping[tuple[str, Path], Row]) -> None:
        removed: dict[str, list[Row]] = defaultdict(list)
        for row in each.removed:
            now = present.get((row.file, row.path))
            if now is not None and row.file not in self.removed_files:
                self._remove_row(each, row, now)
                removed[row.file].append(now)
        added: dict[str, list[NewRow]] = defaultdict(list)
        above: dict[str, Row] = {}
        for matched in each.matched:
            if matched.base is not None:
                above[matched.base.file] = present.get((matched.base.file, matched.base.path), matched.base)
            elif file := self._file_for(each.sheet, matched):
                added[file].append(new_row(each.sheet, matched, above.get(file)))
                self._note_added(matched, each.sheet, file)
        for file in {**added, **removed}:
            if file in self._new_files:
                self._new_files[file] = with_children(each.sheet, self._new_files[file], file, added[file])
            else:
                self._place_in_file(each.sheet, file, added[file], removed[file])

    def _remove_row(self, each: SheetMatch, row: Row, now: Row) -> None:
        if any(not same(field.form, now.cells[field.header], row.cells[field.header]) for field in each.fields):
            self._conflict(Spot(each.sheet.name), row.file, f"`{row.key}` cannot be removed: it changed")
        self.changes.append(removal(row))

    def _place_in_file(self, sheet: Sheet, file: str, added: Sequence[NewRow], removed: Sequence[Row]) -> None:
        text = self._texts.get(file, "")
        match sheet:
            case ListSheet(path=path):
                text = placed_items(text, file, path, added, [row.path[-1] for row in removed])
            case EntrySheet(paths=paths):
                sections = [label for label, _ in paths]
                for each in added:
                    if len(sections) > 1 and each.label not in sections:
                        message = f"`{sheet.parent}` must be one of {', '.join(sections)}"
                        self._problems.append(Problem(each.spot, message))
                for label, path in paths:
                    mine = [each for each in added if len(sections) == 1 or each.label == label]
                    gone = [row for row in removed if row.path[: len(path)] == path]
                    text, problems = placed_entries(text, sheet, file, path, mine, gone)
                    self._problems.extend(problems)
            case _:
                text = self._placed_settings(text, file, added, removed)
        self._texts[file] = text

    def _placed_settings(self, text: str, file: str, added: Sequence[NewRow], removed: Sequence[Row]) -> str:
        for each in added:
            path = path_of(each.key)
            value = each.node.get("value")
            if value is None or not all(path):
                self._problems.append(Problem(each.spot, "a new setting needs its path and a `value`"))
            elif find(read_nodes(text) if text else None, path) is not None:
                self._problems.append(Problem(each.spot, f"`{each.key}` stands in {file} already"))
            else:
                text = put(text or "{}", path, value)
        for row in removed:
            text = drop(text, row.path, keep=0)
        return text

    def _rename_rows(self, each: SheetMatch, present: Mapping[tuple[str, Path], Row]) -> None:
        for matched in each.matched:
            key = next((one.new for one in matched.edits if one.field.path == KEY_PATH), None)
            base = matched.base
            row = present.get((base.file, base.path)) if base is not None else None
            if row is None or key is None or row.file in self.removed_files:
                continue
            text = self._texts[row.file]
            if isinstance(row.path[-1], int):
                message = "one of several rows of a placement cannot move to another"
                self._refuse_cell(matched, each.sheet.key, message, _DELETE_AND_ADD)
            elif not key:
                self._refuse_cell(matched, each.sheet.key, f"`{each.sheet.key}` must not be empty")
            elif find(read_nodes(text), (*row.path[:-1], key)) is not None:
                self._refuse_cell(matched, each.sheet.key, f"`{key}` stands in {row.file} already", _DELETE_AND_ADD)
            else:
                self._texts[row.file] = rename(text, row.path, key)

    def _note_added(self, matched: Matched, sheet: Sheet, file: str) -> None:
        self._file_by_row[sheet.name, matched.row.number] = file
        label = matched.texts.get(sheet.parent or "", "")
        self.changes.append(addition(matched, sheet.name, label, matched.texts[sheet.key], file))


def _identity(row: Row) -> tuple[object, ...]:
    """What a row is called within its file; a row of settings or entries is its path."""
    return (row.file, row.key) if isinstance(row.sheet, (FileSheet, ListSheet)) else (row.file, row.path)
