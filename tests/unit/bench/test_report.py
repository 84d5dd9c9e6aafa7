"""What benchmarks report."""

import json
from dataclasses import replace

import pytest

from bench.measure import Spread
from bench.report import CaseResult, Figure, Measurement, Surroundings, Target, as_json, as_table

WHERE = Surroundings(
    at="2026-01-05T12:00:00+00:00", commit="abc", python="3.11.7", machine="a machine", load_before=0.1, quick=False
)


def a_result(measured: float = 55.0) -> CaseResult:
    """A case with one of everything."""
    return CaseResult(
        case="engine",
        title="some rules",
        measurements=(Measurement(what="decide", rules=500, spread=Spread(calls=9, p50_us=1.5, p95_us=2, p99_us=3)),),
        figures=(Figure(what="columns", value=106, unit="columns"),),
        targets=(Target(what="decide, p50", bound="at most", target=60.0, measured=measured, unit="us"),),
        notes=("A note.",),
    )


@pytest.mark.parametrize(
    ("bound", "measured", "met"), [("at most", 60.0, True), ("at most", 60.1, False), ("at least", 60.0, True)]
)
def test_target_is_met_at_its_bound(bound: str, measured: float, met: bool) -> None:
    """The bound itself counts as reached."""
    target = Target(what="x", bound="at most" if bound == "at most" else "at least", target=60.0, measured=measured)
    assert target.met is met


def test_json_names_case_rules_percentiles_machine_and_commit() -> None:
    """All that a figure needs to be quoted."""
    read = json.loads(as_json(a_result(), WHERE))
    assert (read["case"], read["machine"], read["commit"], read["python"]) == ("engine", "a machine", "abc", "3.11.7")
    assert read["measurements"][0]["rules"] == 500
    assert read["measurements"][0]["spread"] == {"calls": 9, "p50_us": 1.5, "p95_us": 2, "p99_us": 3}
    assert read["targets"][0]["met"] is True


def test_table_says_what_was_missed() -> None:
    """A missed target is spelt in capitals, beside what was to be reached."""
    assert "met: decide, p50: 55 us, at most 60 us" in as_table(a_result())
    assert "MISSED: decide, p50: 75 us, at most 60 us" in as_table(a_result(75.0))
    assert as_table(a_result()).endswith("A note.\n")


def test_busy_machine_is_told() -> None:
    """Others at work make every figure worse, so the run says it of itself."""
    assert not WHERE.busy
    assert replace(WHERE, load_before=1.5).busy
    assert json.loads(as_json(a_result(), WHERE))["load_before"] == 0.1
