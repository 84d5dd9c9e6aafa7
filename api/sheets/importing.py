"""From the bytes of a workbook to what would be written: read, merged, compiled and checked before a file changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.sheets.changes import Merged
from api.sheets.locating import located
from api.sheets.merging import merge
from api.sheets.problems import Problem, WorkbookRefused, unreadable
from api.sheets.workbook_in import import_workbook
from engine import RuleErrors, compile_bundle
from engine.compiler.parse import ParseError
from engine.errors import Diagnostic
from engine.ruletests import check_rule_tests


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A workbook that may be taken over."""

    merged: Merged
    ruleset: str
    """The hash of the folder as it will be."""
    warnings: Sequence[Problem]


def judge(name: str, content: bytes, files: Mapping[str, bytes]) -> Import:
    """What a workbook makes of the present files of a folder.

    Raises:
        WorkbookRefused: with everything that is wrong, in the workbook or in the rules that it would make.
    """
    origin, grids = import_workbook(name, content)
    try:
        merged = merge(origin, grids, files)
    except ParseError as error:
        raise WorkbookRefused(*unreadable(error)) from error
    after = {name: kept for name, kept in {**files, **merged.files}.items() if kept is not None}
    try:
        bundle = compile_bundle(after, root="")
        found: Sequence[Diagnostic] = (*bundle.plan.warnings, *check_rule_tests(bundle))
        ruleset = bundle.hash
    except RuleErrors as errors:
        found, ruleset = errors.diagnostics, ""
    problems = located(found, merged.placed, after)
    if any(not problem.is_warning for problem in problems):
        raise WorkbookRefused(*sorted(problems))
    return Import(merged=merged, ruleset=ruleset, warnings=sorted(problems))
