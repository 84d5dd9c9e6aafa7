"""Finds every row of the workbook again in the new files: what cannot be found was not written, and is refused."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from api.sheets.changes import Placed
from api.sheets.matching import Matched, SheetMatch, says_the_same
from api.sheets.problems import Problem
from api.sheets.tables import Document, Field, Row, fields_of, rows


def placed_rows(
    each: SheetMatch,
    docs: Mapping[str, Document],
    file_of: Callable[[Matched], str],
    is_shared: Callable[[str], bool],
    problems: list[Problem],
) -> Iterator[Placed]:
    """The rows of one sheet as they stand in the new files; `is_shared` files were changed by others too.

    INVARIANT: what the files say now is what the workbook says: every edited row is found again, cell by cell.
    """
    fields = _fields_with_added(each)
    waiting: dict[str, list[Row]] = defaultdict(list)
    for row in rows(each.sheet, docs, fields):
        waiting[row.file].append(row)
    for matched in sorted(each.matched, key=lambda one: one.base is not None and not one.edits):
        file = file_of(matched)
        if file not in docs:
            continue
        found = _row_of(matched, fields, waiting[file], is_shared=is_shared(file))
        if found is not None:
            waiting[file].remove(found)
            yield found, matched.grid, matched.row.number
        elif matched.base is None or matched.edits:
            message = "this row cannot be written to its file as it stands"
            problems.append(Problem(matched.spot(), message, f"make the change in {file}"))


def _row_of(matched: Matched, fields: Sequence[Field], found: Sequence[Row], *, is_shared: bool) -> Row | None:
    """The row that a row of the workbook has become; where others edited too, only its own edits are compared."""
    if matched.base is not None and is_shared:
        edited = {edit.field.header for edit in matched.edits}
        fields = [each for each in fields if each.header in edited]
        found = [row for row in found if row.key == matched.texts.get(row.sheet.key, "")]
    return next((row for row in found if says_the_same(fields, matched.texts, row)), None)


def _fields_with_added(each: SheetMatch) -> Sequence[Field]:
    known = [field.header for field in each.fields]
    added = dict.fromkeys(header for matched in each.matched for header in matched.texts if header not in known)
    return fields_of(each.sheet, [*known, *added])
