"""What was wrong in a bank's files: each problem with its file, row and column, without the value itself."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

LISTED: Final = 10_000
"""Problems listed one by one; beyond that they are only counted."""


class Issue(NamedTuple):
    """One problem. Rows count from 1 with a CSV header as row 1, blank lines left out; row 0 is the file as a whole."""

    file: str
    row: int
    column: str
    reason: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.row}" if self.row else self.file
        return f"{place}: `{self.column}` {self.reason}" if self.column else f"{place}: {self.reason}"


class SourceError(Exception):
    """A file cannot be used at all, so nothing is loaded."""

    def __init__(self, file: str, problem: str) -> None:
        self.file = file
        self.problem = problem
        super().__init__(f"{file}: {problem}")


@dataclass(slots=True)
class Issues:
    """Collects problems; the first are listed, all are counted."""

    listed: set[Issue] = field(default_factory=set)
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """How many rows by file, column and reason."""

    def add(self, issue: Issue) -> None:
        """Note a problem; the same one twice counts once while it is listed."""
        if issue in self.listed:
            return
        if len(self.listed) < LISTED:
            self.listed.add(issue)
        self.counts[issue.file, issue.column, issue.reason] += 1

    def sorted(self) -> list[Issue]:
        """The listed problems, by file and row."""
        return sorted(self.listed)

    @property
    def total(self) -> int:
        """How many problems there were, listed or not."""
        return sum(self.counts.values())

    def by_reason(self) -> Mapping[str, int]:
        """How many rows each kind of problem concerns, most first."""
        return {
            str(Issue(file, 0, column, reason)): count for (file, column, reason), count in self.counts.most_common()
        }
