"""`nextbest check` and `nextbest test`: what is wrong with rule files, and whether they do what their tests say."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import FINDINGS, AsJson, Usage, leave, plainly, put, put_json
from api.cli.population import DEMONSTRATION, show_population

if TYPE_CHECKING:
    from datetime import datetime

    from engine.decision import Snapshot
    from engine.errors import Diagnostic
    from engine.plan import Plan
    from engine.population import Encounter

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
    population: Annotated[
        str | None,
        typer.Option(
            "--population",
            help=f"Whom actions should win: a bank's files, a folder or its customers' file, or `{DEMONSTRATION}`.",
            show_default="made of the rules",
        ),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="What these files mean.", exists=True, dir_okay=False)
    ] = None,
    customers: Annotated[int, typer.Option("--customers", help="See so many of them at most.", min=1)] = 2_000,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 on warnings as well.")] = False,
    kept: Annotated[
        bool, typer.Option("--kept", help="Tell how many bytes each rule keeps of a customer's events, at most.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check rule files: every problem at once, each with its file, line, column and a hint.

    A warning is accepted by `# accept <code>: <reason>` on its line.
    """
    from datetime import UTC, datetime

    from api.adapters.bundle_files import read_rules
    from api.cli.kept_report import kept_as_json, kept_as_text
    from api.reloading.judging import following
    from engine import RuleErrors, compile_bundle
    from engine.errors import Severity
    from engine.review import review
    from engine.ruletests import run_rule_tests

    ruleset, accepted, sizes = None, [], None
    files = read_rules(rules)
    try:
        bundle = compile_bundle(files, root=str(rules))
        ruleset, sizes = bundle.hash, kept_as_json(bundle)
        now = datetime.now(UTC)
        met = None if population is None else _met(bundle.plan, rules, population, mapping, customers, now)
        reviewed = review(bundle, run_rule_tests(bundle), now, met)
        found: Sequence[Diagnostic] = reviewed.found
        accepted = [{**_listed(each.warning), "reason": each.reason} for each in reviewed.accepted]
        if against is not None:
            found = sorted({*found, *following(read_rules(against), files, str(rules), bundle)})
    except RuleErrors as errors:
        found = errors.diagnostics
    count = sum(each.severity is Severity.ERROR for each in found)
    if as_json:
        told = [_listed(each) for each in found]
        totals = {"ruleset": ruleset, "errors": count, "warnings": len(found) - count}
        put_json({**totals, "diagnostics": told, "accepted": accepted, "kept": sizes})
    else:
        for each in sorted(found, key=lambda each: each.severity is not Severity.ERROR):
            put(str(each))
        rest = f" ({len(accepted)} accepted)" if accepted else ""
        put(f"{_counted(count, 'error')}, {_counted(len(found) - count, 'warning')}{rest}")
        for line in kept_as_text(sizes) if kept and sizes is not None else ():
            put(line)
    if count or (strict and found):
        leave(FINDINGS)


def _met(
    plan: "Plan", rules: Path, population: str, mapping: Path | None, customers: int, now: "datetime"
) -> "Sequence[Encounter]":
    """The customers of a population, each on every channel."""
    from api.adapters.record_reader import RecordReader
    from api.population.sources import Viewer
    from engine.population import encounters

    found: list[Encounter] = []

    def see(_customer: str, snapshot: "Snapshot") -> None:
        found.extend(encounters(plan, snapshot, viewer.seen))

    viewer = Viewer(RecordReader(plan.profile_schema, plan.event_layout), see, customers)
    show_population(plan, viewer, rules, population, mapping, None, customers, now)
    if not found:
        raise Usage("there is no customer in this population")
    return found


def _listed(each: "Diagnostic") -> dict[str, object]:
    return {
        "file": each.span.path,
        "line": each.span.line,
        "column": each.span.column,
        "severity": str(each.severity),
        "code": str(each.code),
        "message": each.message,
        "hint": each.hint,
    }


def _counted(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


class Format(StrEnum):
    """How a report of tests is written."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


def _named(rules: Path, file: str) -> str:
    """A rule file as diagnostics call it, named with or without the folder."""
    return file if Path(file).is_relative_to(rules) else str(rules / file)


@plainly
def run_tests(
    rules: RulesArgument = Path("rules"),
    *,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="List every cell that no test has seen true, or false.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Run the tests of this file alone, such as actions/isa.yaml; may be repeated."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How the report is written.")] = Format.TEXT,
    as_json: AsJson = False,
) -> None:
    """Run the tests that rule files carry, and tell which cells they have seen true and false."""
    from api.adapters.bundle_files import read_rules
    from api.cli import test_report
    from engine import compile_bundle
    from engine.coverage import Coverage, coverage_of
    from engine.ruletests import run_rule_tests

    bundle = compile_bundle(read_rules(rules), root=str(rules))
    tests, chosen = bundle.tests, [_named(rules, each) for each in only or ()]
    if chosen:
        tests = tuple(each for each in tests if each.head.span.path in chosen)
        without = sorted(set(chosen) - {each.head.span.path for each in tests})
        if without:
            raise Usage(f"no tests stand in {', '.join(without)}")
    results = run_rule_tests(replace(bundle, tests=tests))
    seen = coverage_of(bundle, results)
    if chosen:
        seen = Coverage(cells=tuple(each for each in seen.cells if each.span.path in chosen))
    match Format.JSON if as_json else form:
        case Format.JSON:
            put_json(test_report.as_json(bundle.hash, results, seen, every_cell=coverage))
        case Format.JUNIT:
            put(test_report.as_junit(results))
        case Format.TEXT:
            for line in test_report.as_text(results, seen, every_cell=coverage):
                put(line)
    if not all(result.passed for result in results):
        leave(FINDINGS)
