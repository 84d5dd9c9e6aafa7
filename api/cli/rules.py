"""`nextbest check` and `nextbest test`: what is wrong with rule files, and whether they do what their tests say."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import FINDINGS, AsJson, leave, plainly, put, put_json

if TYPE_CHECKING:
    from engine.errors import Diagnostic

RulesArgument = Annotated[
    Path, typer.Argument(help="Folder of rule files, or a built bundle.", exists=True, show_default=True)
]


@plainly
def check(
    rules: RulesArgument = Path("rules"),
    against: Annotated[
        Path | None,
        typer.Option("--against", help="The bundle that serves, a folder or a file: versions must rise.", exists=True),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check rule files: every problem at once, each with its file, line, column and a hint."""
    from api.adapters.bundle_files import read_rules
    from api.reloading.judging import following
    from engine import RuleErrors, compile_bundle
    from engine.errors import Severity
    from engine.ruletests import check_rule_tests

    ruleset = None
    files = read_rules(rules)
    try:
        bundle = compile_bundle(files, root=str(rules))
        ruleset = bundle.hash
        found: Sequence[Diagnostic] = (*bundle.plan.warnings, *check_rule_tests(bundle))
        if against is not None:
            found = sorted({*found, *following(read_rules(against), files, str(rules), bundle)})
    except RuleErrors as errors:
        found = errors.diagnostics
    count = sum(each.severity is Severity.ERROR for each in found)
    if as_json:
        put_json({"ruleset": ruleset, "errors": count, "warnings": len(found) - count, "diagnostics": _listed(found)})
    else:
        for each in found:
            put(str(each))
        put(f"{_counted(count, 'error')}, {_counted(len(found) - count, 'warning')}")
    if count:
        leave(FINDINGS)


def _listed(found: Sequence["Diagnostic"]) -> list[dict[str, object]]:
    return [
        {
            "file": each.span.path,
            "line": each.span.line,
            "column": each.span.column,
            "severity": str(each.severity),
            "code": str(each.code),
            "message": each.message,
            "hint": each.hint,
        }
        for each in found
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


@plainly
def run_tests(rules: RulesArgument = Path("rules"), *, as_json: AsJson = False) -> None:
    """Run the tests that rule files carry."""
    from api.adapters.bundle_files import read_rules
    from engine import compile_bundle
    from engine.ruletests import run_rule_tests

    bundle = compile_bundle(read_rules(rules), root=str(rules))
    results = run_rule_tests(bundle)
    failed = [result for result in results if not result.passed]
    if as_json:
        told = [
            {
                "rule": result.rule,
                "name": result.name,
                "place": str(result.span),
                "problems": [str(problem) for problem in result.problems],
                "failures": list(result.failures),
            }
            for result in failed
        ]
        put_json({"ruleset": bundle.hash, "tests": len(results), "failed": len(failed), "failures": told})
    else:
        for result in failed:
            for problem in result.problems:
                put(str(problem))
            for failure in result.failures:
                put(f"{result.span}: {result.name}: {failure}")
        put(f"{_counted(len(results), 'test')}, {len(failed)} failed")
    if failed:
        leave(FINDINGS)
