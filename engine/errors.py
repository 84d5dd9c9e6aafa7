"""Problems as values: where a rule file is wrong, and what a caller handed over that the engine cannot take."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a rule file; line and column count from 1."""

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class Severity(StrEnum):
    """An error keeps a bundle from serving; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One problem in a rule file, in words for the person who wrote it."""

    span: Span
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        mark = "" if self.severity is Severity.ERROR else "warning: "
        return f"{self.span}: {mark}{self.message}" + (f"; {self.hint}" if self.hint else "")


class RuleErrors(Exception):
    """The rule files do not make a bundle; every problem found, in file order."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.diagnostics = diagnostics
        super().__init__("\n".join(str(diagnostic) for diagnostic in diagnostics))


class FactError(ValueError):
    """A value does not fit its fact's declared type, unit or range; says which and why, without the value's owner."""

    def __init__(self, fact: str, problem: str) -> None:
        self.fact = fact
        self.problem = problem
        super().__init__(f"`{fact}` {problem}")
