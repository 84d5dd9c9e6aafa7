"""What `nextbest test` tells of a run, in each of its forms."""

from collections.abc import Mapping
from xml.etree import ElementTree as ET

from api.cli.test_report import as_json, as_junit, as_text
from engine.coverage import Coverage, coverage_of
from engine.ruletests import RuleTestResult, run_rule_tests
from tests.builders import a_bundle, an_action

PERSONAS = {"personas.yaml": "personas:\n  typical: {age: 40, consent.marketing: true}\n"}
ASK = "ask: {channel: web, placement: hero}"


def a_run(*tests: str) -> tuple[tuple[RuleTestResult, ...], Coverage]:
    """The tests of an ISA for people of 65 and more."""
    lines = "\n".join(["eligible: {when: {age: at least 65}}", "tests:", *(f"  - {{{test}, {ASK}}}" for test in tests)])
    parts: Mapping[str, str] = an_action("isa", lines)
    bundle = a_bundle(PERSONAS, parts)
    results = run_rule_tests(bundle)
    return results, coverage_of(bundle, results)


FAILING = "name: too young, expect: {offer: isa}"
PASSING = "name: old enough, given: {age: 65}, expect: {offer: isa}"


def test_text_shows_failures_as_a_diff_with_the_line_that_decided() -> None:
    """Then the counts, and how much was seen."""
    assert list(as_text(*a_run(FAILING, PASSING), every_cell=False)) == [
        "rules/actions/isa.yaml: 1 of 2 failed",
        "  FAILED rules/actions/isa.yaml:7:5: too young",
        "    - expected: offer `isa`",
        "    + got:      no offer",
        "      decided:  `isa` was stopped as not_eligible: action/isa (rules/actions/isa.yaml:5:24) "
        "`age: at least 65` does not hold: age is 40",
        "2 tests, 1 failed",
        "1 of 2 cells seen both true and false (75% of all sides); --coverage lists the others",
    ]


def test_text_lists_what_was_never_seen_when_asked_to() -> None:
    """With file, line and column."""
    told = list(as_text(*a_run(PASSING), every_cell=True))
    assert told == [
        "rules/actions/isa.yaml:5:24: `age: at least 65` was never seen false",
        "rules/policy/guards.yaml:2:92: `consent.marketing: not true` was never seen true",
        "1 test, 0 failed",
        "0 of 2 cells seen both true and false (50% of all sides)",
    ]


def test_mistake_in_a_test_is_told_in_its_place() -> None:
    """It was not run."""
    told = list(as_text(*a_run("name: odd, given: {agee: 3}, expect: {offer: isa}"), every_cell=False))
    assert told[2] == "    rules/actions/isa.yaml:7:25: unknown fact `agee`; did you mean `age`?"


def test_json_counts_and_says_what_decided() -> None:
    """The cells that were not seen only where they are asked for."""
    results, coverage = a_run(FAILING, PASSING)
    told = as_json("sha256:0", results, coverage, every_cell=True)
    assert (told["ruleset"], told["tests"], told["failed"]) == ("sha256:0", 2, 1)
    assert told["coverage"] == {
        "cells": 2,
        "seen_both": 1,
        "share": 0.75,
        "never_seen": [
            {
                "place": "rules/policy/guards.yaml:2:92",
                "cell": "consent.marketing: not true",
                "seen_true": False,
                "seen_false": True,
            }
        ],
    }
    assert "never_seen" not in str(as_json("sha256:0", results, coverage, every_cell=False))
    assert "'expected': 'offer `isa`', 'got': 'no offer'" in str(told["failures"])


def test_junit_has_a_suite_a_file_and_a_case_a_test() -> None:
    """With the place of each, and the diff of what failed."""
    root = ET.fromstring(as_junit(a_run(FAILING, PASSING)[0]))
    (suite,) = root
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("rules/actions/isa.yaml", "2", "1")
    failed, passed = suite
    assert (failed.get("name"), failed.get("file"), failed.get("line")) == ("too young", "rules/actions/isa.yaml", "7")
    assert failed[0].get("message") == "- expected: offer `isa`"
    assert len(passed) == 0
