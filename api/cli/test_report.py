"""What `nextbest test` tells of a run: as text, as JSON, and as JUnit XML for build servers."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from engine.coverage import CellCoverage, Coverage
from engine.ruletests import RuleTestResult


def as_text(results: Sequence[RuleTestResult], coverage: Coverage, *, every_cell: bool) -> Iterator[str]:
    """A line a file, every failure as a diff, then what the tests have seen."""
    for path, of_file in groupby(results, key=lambda result: result.span.path):
        of_one = list(of_file)
        failed = [result for result in of_one if not result.passed]
        if failed:
            yield f"{path}: {len(failed)} of {len(of_one)} failed"
        for result in failed:
            yield f"  FAILED {result.span}: {result.name}"
            yield from (f"    {problem}" for problem in result.problems)
            yield from (f"    {line}" for failure in result.failures for line in failure.diff())
    if every_cell:
        yield from (str(cell) for cell in coverage.never_seen)
    count, failures = len(results), sum(not result.passed for result in results)
    yield f"{count or 'no'} test{'' if count == 1 else 's'}, {failures} failed"
    yield _seen(coverage, every_cell=every_cell)


def _seen(coverage: Coverage, *, every_cell: bool) -> str:
    """How many cells were seen both ways; nothing is hidden in a percentage alone."""
    cells, missing = len(coverage.cells), len(coverage.never_seen)
    told = f"{cells - missing} of {cells} cells seen both true and false ({coverage.share:.0%} of all sides)"
    return told if every_cell or not missing else f"{told}; --coverage lists the others"


def as_json(
    ruleset: str, results: Sequence[RuleTestResult], coverage: Coverage, *, every_cell: bool
) -> Mapping[str, object]:
    """Counts, failures, coverage; with `every_cell` also the cells that were not seen both ways."""
    failed = [result for result in results if not result.passed]
    never = {"never_seen": [_cell(cell) for cell in coverage.never_seen]} if every_cell else {}
    return {
        "ruleset": ruleset,
        "tests": len(results),
        "failed": len(failed),
        "failures": [_failed(result) for result in failed],
        "coverage": {
            "cells": len(coverage.cells),
            "seen_both": len(coverage.cells) - len(coverage.never_seen),
            "share": round(coverage.share, 4),
            **never,
        },
    }


def _failed(result: RuleTestResult) -> Mapping[str, object]:
    return {
        "rule": result.rule,
        "name": result.name,
        "place": str(result.span),
        "problems": [str(problem) for problem in result.problems],
        "failures": [str(failure) for failure in result.failures],
        "diffs": [
            {"expected": failure.expected, "got": failure.got, "decided": failure.because}
            for failure in result.failures
        ],
    }


def _cell(cell: CellCoverage) -> Mapping[str, object]:
    return {"place": str(cell.span), "cell": cell.text, "seen_true": cell.seen_true, "seen_false": cell.seen_false}


def as_junit(results: Sequence[RuleTestResult]) -> str:
    """One suite a file, one case a test."""
    root = ET.Element("testsuites", name="rules", tests=str(len(results)))
    root.set("failures", str(sum(not result.passed for result in results)))
    for path, of_file in groupby(results, key=lambda result: result.span.path):
        of_one = list(of_file)
        failed = sum(not result.passed for result in of_one)
        suite = ET.SubElement(root, "testsuite", name=path, tests=str(len(of_one)), failures=str(failed))
        for result in of_one:
            case = ET.SubElement(suite, "testcase", classname=str(result.rule), name=result.name)
            case.set("file", path)
            case.set("line", str(result.span.line))
            if not result.passed:
                lines = [*map(str, result.problems), *(line for each in result.failures for line in each.diff())]
                told = ET.SubElement(case, "failure", message=lines[0])
                told.text = "\n".join(lines)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)
