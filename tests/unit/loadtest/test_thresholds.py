"""Whether a run passed."""

from typing import Any

import pytest

from loadtest.profiles import Limits
from loadtest.recorder import RequestTotals
from loadtest.thresholds import judge
from tests.unit.loadtest.builders import a_spread, some_totals

LIMITS = Limits(min_in_budget_share=0.99, max_p99_ms=60.0, max_degraded_share=0.01)


def missed(limits: Limits = LIMITS, **changes: Any) -> list[str]:
    """The names of the limits that a run misses."""
    return [check.name for check in judge(some_totals(**changes), limits) if not check.passed]


def test_good_run_misses_nothing() -> None:
    """Every limit holds, the measured values at their edges included."""
    assert missed() == []
    assert missed(in_budget_share=0.99, latency=a_spread(p99_ms=60.0), degraded_share=0.01) == []


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"in_budget_share": 0.989}, "answered within budget"),
        ({"latency": a_spread(p99_ms=60.1)}, "p99 of decisions, ms"),
        ({"degraded_share": 0.011}, "degraded answers"),
        ({"latency": a_spread(count=0)}, "decisions made"),
        ({"requests": (RequestTotals(name="event", errors=1, latency=a_spread(10_000)),)}, "error share"),
    ],
)
def test_each_limit_is_judged_alone(changes: dict[str, Any], name: str) -> None:
    """One miss, one name; a single error among ten thousand requests is one too many."""
    assert missed(**changes) == [name]


@pytest.mark.parametrize(
    ("requests", "names"),
    [
        ((("page web", 20.0), ("page atm", 250.0), ("event", 900.0)), []),
        ((("page web", 20.0), ("page atm", 250.1)), ["p99 of the slowest page, ms"]),
        ((("event", 1.0),), ["kinds of pages opened"]),
    ],
)
def test_slowest_kind_of_page_is_judged_and_a_run_without_pages_misses(
    requests: tuple[tuple[str, float], ...], names: list[str]
) -> None:
    measured = tuple(RequestTotals(name=name, errors=0, latency=a_spread(p99_ms=ms)) for name, ms in requests)
    assert missed(Limits(max_page_p99_ms=250.0), requests=measured) == names


def test_limits_that_are_not_set_are_not_judged() -> None:
    """A profile that only looks where it hurts still fails on errors."""
    assert missed(Limits(), in_budget_share=0.1, latency=a_spread(p99_ms=900.0), degraded_share=0.9) == []
