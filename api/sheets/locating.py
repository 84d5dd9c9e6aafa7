"""Leads what the compiler says of a place in a file back to the cell from which that place came."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from api.sheets.changes import Placed
from api.sheets.grid import Grid
from api.sheets.problems import Problem, Spot
from api.sheets.sheet_kinds import OTHER
from api.sheets.tables import BOM
from engine.errors import Diagnostic, Severity


def located(diagnostics: Iterable[Diagnostic], placed: Sequence[Placed], files: Mapping[str, bytes]) -> list[Problem]:
    """Diagnostics whose paths are names of `files`, each with its cell where it has one."""
    by_file: dict[str, list[Placed]] = defaultdict(list)
    for one in placed:
        by_file[one[0].file].append(one)
    found = []
    for each in diagnostics:
        text = files.get(each.span.path, b"").decode("utf-8", errors="replace").removeprefix(BOM)
        spot = _spot(by_file[each.span.path], text, _offset(text, each.span.line, each.span.column))
        is_warning = each.severity is Severity.WARNING
        found.append(Problem(spot, each.message, each.hint, str(each.span), is_warning))
    return found


def _offset(text: str, line: int, column: int) -> int:
    at = 0
    for _ in range(line - 1):
        at = text.find("\n", at) + 1
    return at + column - 1


def _spot(placed: Sequence[Placed], text: str, at: int) -> Spot:
    """The smallest cell that covers a character, else the smallest row's name."""
    cells = [
        (end - start, row, grid, number, header, start)
        for row, grid, number in placed
        for header, spans in row.spans.items()
        for start, end in spans
        if start <= at <= end
    ]
    if cells:
        _, _, grid, number, header, start = min(cells, key=lambda each: each[0])
        return grid.spot(number, _own_column(grid, header, text[start:]))
    around = [(row.end - row.start, row, grid, number) for row, grid, number in placed if row.start <= at <= row.end]
    if not around:
        return Spot()
    _, row, grid, number = min(around, key=lambda each: each[0])
    return grid.spot(number, row.sheet.key)


def _own_column(grid: Grid, header: str, entry: str) -> str:
    """The column that somebody added for a fact, where `other` would be named."""
    block, _, last = header.rpartition(": ")
    own = f"{block}: {entry.partition(':')[0].strip()}"
    return own if last == OTHER and own in grid.letters else header
