"""What is collected while a load runs."""

import pytest

from loadtest.profiles import PROFILES
from loadtest.recorder import Recorder, spread
from loadtest.wire import read_answer
from tests.unit.loadtest.builders import a_proposition, a_question, an_answer

SMOKE = PROFILES["smoke"]


def test_percentiles_are_measured_values() -> None:
    """By nearest rank: half of the values are at most the p50, all of them at most the maximum."""
    hundred = spread([float(value) for value in range(100, 0, -1)])
    assert (hundred.count, hundred.p50_ms, hundred.p95_ms, hundred.p99_ms, hundred.max_ms) == (100, 50, 95, 99, 100)
    assert spread([3.0]).p50_ms == spread([3.0]).p99_ms == 3.0
    assert spread([]).count == 0


def test_late_and_missing_answers_are_out_of_budget() -> None:
    """Within means the budget and 10 ms; no answer is no answer in time."""
    recorder = Recorder()
    answer = read_answer(a_question(), an_answer())
    recorder.decision("atm", 59.9, 50, answer)
    recorder.decision("atm", 60.1, 50, answer)
    recorder.decision("web", 1.0, 50, None)
    totals = recorder.totals(SMOKE)
    assert totals.all_decisions.in_budget_share == pytest.approx(1 / 3)
    assert [each.channel for each in totals.decisions] == ["atm", "web", "all"]


def test_errors_are_counted_by_request_and_kind() -> None:
    """One line per thing that went wrong, most frequent first."""
    recorder = Recorder()
    for error in (None, "status 500, not 200", "status 500, not 200", "timed out"):
        recorder.request("decision atm", 5.0, error)
    totals = recorder.totals(SMOKE)
    assert (totals.request_count, totals.error_count) == (4, 3)
    assert [(each.what, each.count) for each in totals.errors] == [("status 500, not 200", 2), ("timed out", 1)]


def test_degraded_answers_and_offers_are_shares_of_answers() -> None:
    """An answer degraded in two ways is one degraded answer."""
    recorder = Recorder()
    recorder.decision("atm", 5.0, 50, read_answer(a_question(), an_answer()))
    worse = an_answer(a_proposition(), degraded=("contacts", "late"))
    recorder.decision("atm", 5.0, 50, read_answer(a_question(), worse))
    totals = recorder.totals(SMOKE)
    assert (totals.with_offer_share, totals.degraded_share) == (0.5, 0.5)
    assert totals.degraded == {"contacts": 1, "late": 1}


def test_decisions_belong_to_the_stage_they_were_made_in() -> None:
    """So that a ramp shows where it began to hurt."""
    recorder = Recorder()
    for stage in (0, 1, 1):
        recorder.stage = stage
        recorder.decision("atm", 5.0, 50, read_answer(a_question(), an_answer()))
    stages = recorder.totals(PROFILES["ramp"]).stages
    assert [(stage.users, stage.latency.count) for stage in stages] == [(25, 1), (50, 2)]
