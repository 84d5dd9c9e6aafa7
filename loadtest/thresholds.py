"""Judges what was measured against a profile's limits."""

from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.pages import PAGES
from loadtest.profiles import Limits
from loadtest.recorder import Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One limit, what was measured, and whether it holds."""

    name: str
    limit: str
    measured: float
    passed: bool


def judge(totals: Totals, limits: Limits) -> tuple[Check, ...]:
    """Every limit that the profile sets; a run without a single decision has failed whatever they say."""
    return tuple(_checks(totals, limits))


def _checks(totals: Totals, limits: Limits) -> Iterator[Check]:
    decisions = totals.all_decisions
    yield _at_least("decisions made", decisions.latency.count, 1)
    yield _at_most("error share", totals.error_count / max(1, totals.request_count), limits.max_error_share)
    if limits.min_in_budget_share is not None:
        yield _at_least("answered within budget", decisions.in_budget_share, limits.min_in_budget_share)
    if limits.max_p99_ms is not None:
        yield _at_most("p99 of decisions, ms", decisions.latency.p99_ms, limits.max_p99_ms)
    if limits.max_degraded_share is not None:
        yield _at_most("degraded answers", totals.degraded_share, limits.max_degraded_share)
    if limits.max_page_p99_ms is not None:
        pages = [each.latency.p99_ms for each in totals.requests if each.name.startswith(PAGES)]
        yield _at_least("kinds of pages opened", len(pages), 1)
        yield _at_most("p99 of the slowest page, ms", max(pages, default=0.0), limits.max_page_p99_ms)


def _at_most(name: str, measured: float, limit: float) -> Check:
    return Check(name=name, limit=f"at most {limit:g}", measured=measured, passed=measured <= limit)


def _at_least(name: str, measured: float, limit: float) -> Check:
    return Check(name=name, limit=f"at least {limit:g}", measured=measured, passed=measured >= limit)
