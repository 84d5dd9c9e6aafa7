"""Places in a workbook, what is wrong there, and the error that carries it."""

from dataclasses import dataclass

from engine.compiler.parse import ParseError


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A sheet, or a cell or row of it."""

    sheet: str = ""
    row: int = 0
    column: str = ""

    def __str__(self) -> str:
        place = f"{self.column}{self.row or ''}"
        return f"{self.sheet}!{place}" if place else self.sheet


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong in a workbook, in words for the person who edits it."""

    spot: Spot
    message: str
    hint: str = ""
    in_file: str = ""
    """Where the same stands, or would stand, in the rule files: `file:line:column`."""
    is_warning: bool = False

    def __str__(self) -> str:
        where = str(self.spot)
        mark = "warning: " if self.is_warning else ""
        beside = f" ({self.in_file})" if self.in_file and where else ""
        return (
            f"{where or self.in_file or 'the workbook'}: {mark}{self.message}"
            + (f"; {self.hint}" if self.hint else "")
            + beside
        )


class WorkbookRefused(Exception):
    """A workbook cannot be taken over; every problem found, in the order of sheets and rows."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def unreadable(error: ParseError) -> list[Problem]:
    """What is wrong with a file that cannot be read."""
    return [Problem(Spot(), each.message, each.hint, str(each.span)) for each in error.diagnostics]


def merged_in(spot: Spot, area: str) -> Problem:
    """Merged cells."""
    return Problem(spot, f"the cells {area} are merged", "unmerge them")


def formula_in(spot: Spot) -> Problem:
    """A formula."""
    return Problem(spot, "formulas are not taken over", "paste the value (Paste Special > Values)")
