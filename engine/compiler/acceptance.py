"""Warnings that a rule file accepts: `# accept <code>: <reason>` on the line of the warning.

Several codes stand side by side, `# accept shadowed, untested: <reason>`. An acceptance that gives no reason accepts
nothing, and one that accepts nothing is reported itself. Errors cannot be accepted.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.compiler.comments import Comment, comments, comments_of_line
from engine.compiler.problem_list import suggestion
from engine.errors import Code, Diagnostic, Severity, Span

_SIGN: Final = re.compile(rb"#\s*accept\b")
_ACCEPTANCE: Final = re.compile(r"accept\b(?P<codes>[^:]*)(?::(?P<reason>.*))?")
_FORM: Final = "write `# accept <code>: <reason>` on the line of the warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """One comment that accepts warnings of its own line."""

    span: Span
    codes: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A warning that its file accepts, and why."""

    warning: Diagnostic
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is left of some diagnostics, in file order, and what was accepted."""

    standing: tuple[Diagnostic, ...]
    accepted: tuple[Accepted, ...]


def read_acceptances(files: Mapping[str, bytes], root: str) -> tuple[Acceptance, ...]:
    """Every acceptance of files that could be parsed, in file order."""
    found: list[Acceptance] = []
    for name in sorted(files):
        if _SIGN.search(files[name]):
            path = f"{root}/{name}" if root else name
            found.extend(_acceptances(comments(path, files[name])))
    return tuple(found)


def acceptances_beside(files: Mapping[str, bytes], root: str, found: Collection[Diagnostic]) -> tuple[Acceptance, ...]:
    """The acceptances in the lines of warnings, where the files are too wrong to be read as a whole."""
    lines: dict[str, list[bytes]] = {}
    accepting: list[Acceptance] = []
    for path, number in sorted({(each.span.path, each.span.line) for each in found if _is_warning(each)}):
        if path not in lines:
            lines[path] = files.get(path.removeprefix(f"{root}/") if root else path, b"").split(b"\n")
        line = lines[path][number - 1] if number <= len(lines[path]) else b""
        if _SIGN.search(line):
            accepting.extend(_acceptances(tuple(comments_of_line(path, number, line.decode("utf-8", "replace")))))
    return tuple(each for each in accepting if each.codes and each.reason)


def _is_warning(diagnostic: Diagnostic) -> bool:
    return diagnostic.severity is Severity.WARNING


def _acceptances(found: Sequence[Comment]) -> Iterator[Acceptance]:
    for comment in found:
        match = _ACCEPTANCE.fullmatch(comment.text)
        if match is not None:
            codes = tuple(match["codes"].replace(",", " ").split())
            yield Acceptance(span=comment.span, codes=codes, reason=(match["reason"] or "").strip())


def judge(found: Collection[Diagnostic], acceptances: Sequence[Acceptance], looked_for: Collection[Code]) -> Verdict:
    """Leave out the warnings that are accepted, and add what is wrong with the acceptances.

    `looked_for` are the codes that were looked for: an acceptance of another one may yet be of use.
    """
    by_place = {
        (each.span.path, each.span.line, code): each for each in acceptances if each.reason for code in each.codes
    }
    standing, accepted, used = [], [], set()
    for diagnostic in found:
        place = (diagnostic.span.path, diagnostic.span.line, str(diagnostic.code))
        acceptance = by_place.get(place)
        if acceptance is None or diagnostic.severity is Severity.ERROR:
            standing.append(diagnostic)
        else:
            used.add(place)
            accepted.append(Accepted(warning=diagnostic, reason=acceptance.reason))
    for acceptance in acceptances:
        standing.extend(_wrong_with(acceptance, found, used, looked_for))
    return Verdict(standing=tuple(sorted(standing)), accepted=tuple(sorted(accepted, key=lambda each: each.warning)))


def _wrong_with(
    acceptance: Acceptance,
    found: Collection[Diagnostic],
    used: Collection[tuple[str, int, str]],
    looked_for: Collection[Code],
) -> Iterator[Diagnostic]:
    span = acceptance.span
    if not acceptance.codes or not acceptance.reason:
        message = "an acceptance without " + ("a reason" if acceptance.codes else "a code")
        yield Diagnostic(span, message, _FORM, Severity.WARNING, Code.ACCEPTANCE_WITHOUT_REASON)
        return
    here = {each.code for each in found if (each.span.path, each.span.line) == (span.path, span.line)}
    for code in acceptance.codes:
        if code not in {str(each) for each in Code}:
            hint = suggestion(code, [str(each) for each in Code])
            yield _nothing(span, f"`{code}` is no code of a warning", hint)
        elif (span.path, span.line, code) not in used and Code(code) in looked_for:
            hint = "errors cannot be accepted" if Code(code) in here else "remove it, or move it to the warning's line"
            yield _nothing(span, f"there is no warning `{code}` in this line to be accepted", hint)


def _nothing(span: Span, message: str, hint: str) -> Diagnostic:
    return Diagnostic(span, message, hint, Severity.WARNING, Code.ACCEPTANCE_OF_NOTHING)
