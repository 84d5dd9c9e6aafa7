"""The report of a run."""

import json
from typing import Any

from loadtest.profiles import Limits
from loadtest.recorder import ErrorTotals, RequestTotals, StageTotals
from loadtest.report import Result, as_json, as_table
from loadtest.thresholds import judge
from tests.unit.loadtest.builders import a_spread, some_totals


def a_result(generator_cpu_share: float = 0.2, **changes: Any) -> Result:
    """A run of the smoke profile."""
    totals = some_totals(**changes)
    return Result(
        profile="smoke",
        host="http://127.0.0.1:8080",
        mix="60/30/10",
        customers=300,
        started_at="2026-01-05T12:00:00+00:00",
        seconds=20.0,
        generator_cpu_share=generator_cpu_share,
        totals=totals,
        checks=judge(totals, Limits(max_p99_ms=60.0)),
    )


def test_json_holds_the_figures_and_the_verdict() -> None:
    """A machine can judge a run without reading the table."""
    read = json.loads(as_json(a_result()))
    assert read["passed"] is True
    assert read["totals"]["decisions"][0]["latency"]["p99_ms"] == 20.0
    assert [check["name"] for check in read["checks"]] == ["decisions made", "error share", "p99 of decisions, ms"]


def test_table_names_what_was_missed() -> None:
    """Nobody has to compare figures to see which limit broke."""
    table = as_table(a_result(latency=a_spread(p99_ms=75.0)))
    assert "MISSED" in next(line for line in table.splitlines() if line.startswith("p99 of decisions"))
    assert json.loads(as_json(a_result(latency=a_spread(p99_ms=75.0))))["passed"] is False


def test_table_shows_errors_degraded_answers_and_stages() -> None:
    """What went wrong stands in the table, in words."""
    table = as_table(
        a_result(
            errors=(ErrorTotals(request="event", what="status 503, not 202", count=7),),
            requests=(RequestTotals(name="event", errors=7, latency=a_spread(9)),),
            degraded={"late": 3},
            stages=tuple(
                StageTotals(users=users, decisions_per_second=80.0, in_budget_share=1.0, latency=a_spread())
                for users in (25, 50)
            ),
        )
    )
    assert "status 503, not 202" in table
    assert "degraded: late 3" in table
    assert any(line.startswith("25") and "80.0" in line for line in table.splitlines())


def test_busy_generator_is_said_aloud() -> None:
    """Latencies that hold the generator's own queue must not pass for the server's."""
    assert "bottleneck" in as_table(a_result(generator_cpu_share=0.95))
    assert "bottleneck" not in as_table(a_result(generator_cpu_share=0.5))
