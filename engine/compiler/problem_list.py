"""Collects what is wrong with rule files while they are read, with the known name that is nearest to an unknown one."""

import difflib
from collections.abc import Collection, Iterable
from typing import Final

from engine.compiler.nodes import shorten
from engine.errors import Code, Diagnostic, Severity, Span

MAX_PROBLEMS: Final = 1_000
_MAX_COMPARISONS: Final = 10_000
"""Names that unknown ones are compared with, in all: suggestions stop where thousands of names are wrong."""
_LONGEST_NAME: Final = 64
_CLOSE: Final = 0.6
_FEW: Final = 10
"""So many names are listed where none is close to the unknown one."""


class Problems:
    """Collects diagnostics while the files are read.

    A place that was refused is not judged again, and a name that a file declares which cannot be read is not called
    unknown: one fault is told once.
    """

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}
        self._refused: set[Span] = set()
        self._unread_names: set[str] = set()
        self._comparisons = 0
        self.unread: set[str] = set()
        """Files that could not be read, by their path below the rules folder."""

    def error(self, span: Span, message: str, hint: str = "", *, code: Code = Code.INVALID) -> None:
        """Note an error."""
        if span not in self._refused:
            self._found[Diagnostic(span, _in_a_line(message), _in_a_line(hint), Severity.ERROR, code)] = None

    def warning(self, span: Span, message: str, hint: str = "", *, code: Code) -> None:
        """Note something that may be meant, but rarely is; a comment on its line that names the code accepts it."""
        self._found[Diagnostic(span, _in_a_line(message), _in_a_line(hint), Severity.WARNING, code)] = None

    @property
    def count(self) -> int:
        """How many problems there are so far."""
        return len(self._found)

    def add(self, diagnostic: Diagnostic) -> None:
        """Note a diagnostic made elsewhere."""
        self._found[diagnostic] = None

    def refuse(self, diagnostics: Collection[Diagnostic]) -> None:
        """Note what cannot be read as what it stands for; what stands in those places is not judged again."""
        for diagnostic in diagnostics:
            if diagnostic.span not in self._refused:
                self._found[diagnostic] = None
        self._refused.update(diagnostic.span for diagnostic in diagnostics)

    def leave_unread(self, file: str, names: Iterable[str]) -> None:
        """Note that a file could not be read, with the names that it seems to declare."""
        self.unread.add(file)
        self._unread_names.update(names)

    @property
    def has_errors(self) -> bool:
        """Whether any of them is an error."""
        return any(each.severity is Severity.ERROR for each in self._found)

    @property
    def files_with_errors(self) -> frozenset[str]:
        """The files in which there is an error."""
        return frozenset(each.span.path for each in self._found if each.severity is Severity.ERROR)

    def sorted(self) -> tuple[Diagnostic, ...]:
        """Everything noted, in file order, nothing twice; far too many problems are counted, not listed."""
        found = sorted(self._found)
        if len(found) <= MAX_PROBLEMS:
            return tuple(found)
        found.sort(key=lambda each: each.severity is not Severity.ERROR)
        more = f"there are {len(found) - MAX_PROBLEMS:,} more problems"
        return (*found[:MAX_PROBLEMS], Diagnostic(found[MAX_PROBLEMS].span, more, "mend the others first"))

    def unknown(self, span: Span, kind: str, name: str, known: Collection[str]) -> None:
        """Note that a name is not known, with the nearest known one."""
        if name in self._unread_names:
            return
        self._comparisons += len(known)
        hint = suggestion(name, known) if self._comparisons <= _MAX_COMPARISONS else ""
        if not hint and 0 < len(known) <= _FEW:
            hint = f"there {'is' if len(known) == 1 else 'are'} {', '.join(f'`{each}`' for each in sorted(known))}"
        self.error(span, f"unknown {kind} `{shorten(name)}`", hint, code=Code.UNKNOWN_NAME)


def _in_a_line(text: str) -> str:
    return shorten(" ".join(text.split()), 500) if "\n" in text or len(text) > 500 else text


def suggestion(name: str, known: Collection[str]) -> str:
    """`did you mean ...?` with the closest known name, empty where none is close."""
    if len(name) > _LONGEST_NAME:
        return ""
    longer = next((each for each in known if each.endswith(f".{name}")), None)
    if longer is not None:
        return f"did you mean `{longer}`?"
    if ":" in name and (bare := name.partition(":")[0]) in known:
        return f"write a space after the colon: `{bare}: {name.partition(':')[2]}`"
    close = difflib.get_close_matches(name, _alike(name, known), n=1, cutoff=_CLOSE)
    return f"did you mean `{close[0]}`?" if close else ""


def _alike(name: str, known: Collection[str]) -> list[str]:
    """The known names that have so many letters in common with a name that a closer look is worth its time."""
    letters = set(name)
    return [
        each
        for each in known
        if 2 * min(len(each), len(name)) >= _CLOSE * (len(each) + len(name))
        and 2 * len(letters.intersection(each)) >= len(letters)
    ]
