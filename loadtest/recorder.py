"""Collects what touchpoints measure while a load runs, and sums it up."""

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.profiles import Profile
from loadtest.wire import Answer

GRACE_MS = 10
"""An answer counts as within its budget up to so many milliseconds after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Latencies in milliseconds."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


def spread(latencies_ms: Sequence[float]) -> Spread:
    """Percentiles by nearest rank; all 0 where there is nothing."""
    ordered = sorted(latencies_ms)

    def at(share: float) -> float:
        return round(ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)], 3) if ordered else 0.0

    return Spread(count=len(ordered), p50_ms=at(0.5), p95_ms=at(0.95), p99_ms=at(0.99), max_ms=at(1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTotals:
    """One kind of request."""

    name: str
    errors: int
    latency: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTotals:
    """The decisions of a channel, or of all."""

    channel: str
    in_budget_share: float
    latency: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTotals:
    """The decisions of one stage of the profile."""

    users: int
    decisions_per_second: float
    in_budget_share: float
    latency: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorTotals:
    """One thing that went wrong, and how often."""

    request: str
    what: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """All that was measured."""

    requests: tuple[RequestTotals, ...]
    decisions: tuple[DecisionTotals, ...]
    """By channel; `all` is last."""
    stages: tuple[StageTotals, ...]
    errors: tuple[ErrorTotals, ...]
    """Most frequent first."""
    with_offer_share: float
    """Of all answers; the others show fallbacks only."""
    degraded_share: float
    degraded: dict[str, int]
    server: Spread
    """What the server says that its own work took, from reading the record to the commit."""

    @property
    def request_count(self) -> int:
        """Requests of every kind."""
        return sum(request.latency.count for request in self.requests)

    @property
    def error_count(self) -> int:
        """Requests that failed, or whose answer broke a promise."""
        return sum(request.errors for request in self.requests)

    @property
    def all_decisions(self) -> DecisionTotals:
        """Decisions of every channel."""
        return self.decisions[-1]


class _Decisions:
    def __init__(self) -> None:
        self.latencies_ms = array("d")
        self.in_budget = 0

    def add(self, latency_ms: float, *, in_budget: bool) -> None:
        self.latencies_ms.append(latency_ms)
        self.in_budget += in_budget

    @property
    def in_budget_share(self) -> float:
        return self.in_budget / len(self.latencies_ms) if self.latencies_ms else 0.0


class Recorder:
    """Takes every request and every decision; one thread."""

    def __init__(self) -> None:
        self.stage = 0
        self._latencies_by_request: dict[str, array[float]] = defaultdict(lambda: array("d"))
        self._errors: Counter[tuple[str, str]] = Counter()
        self._by_channel: dict[str, _Decisions] = defaultdict(_Decisions)
        self._by_stage: dict[int, _Decisions] = defaultdict(_Decisions)
        self._all = _Decisions()
        self._server_ms = array("d")
        self._with_offer = 0
        self._degraded: Counter[str] = Counter()
        self._degraded_answers = 0

    def request(self, name: str, latency_ms: float, error: str | None) -> None:
        """Note a request; `error` says what was wrong with it or with its answer."""
        self._latencies_by_request[name].append(latency_ms)
        if error is not None:
            self._errors[name, error] += 1

    def decision(self, channel: str, latency_ms: float, budget_ms: int, answer: Answer | None) -> None:
        """Note a decision; without an answer it is out of budget."""
        in_budget = answer is not None and latency_ms <= budget_ms + GRACE_MS
        for decisions in (self._by_channel[channel], self._by_stage[self.stage], self._all):
            decisions.add(latency_ms, in_budget=in_budget)
        if answer is not None:
            self._server_ms.append(answer.timings_us.total_ms)
            self._with_offer += bool(answer.options)
            self._degraded.update(answer.degraded)
            self._degraded_answers += bool(answer.degraded)

    @property
    def progress(self) -> str:
        """The run so far in a few words."""
        requests = sum(map(len, self._latencies_by_request.values()))
        return f"{requests} requests, {self._errors.total()} errors"

    def totals(self, profile: Profile) -> Totals:
        """Sum up."""
        answers = max(1, len(self._server_ms))
        return Totals(
            requests=tuple(
                RequestTotals(
                    name=name,
                    errors=sum(count for (request, _), count in self._errors.items() if request == name),
                    latency=spread(latencies),
                )
                for name, latencies in sorted(self._latencies_by_request.items())
            ),
            decisions=tuple(
                DecisionTotals(channel=channel, in_budget_share=each.in_budget_share, latency=spread(each.latencies_ms))
                for channel, each in [*sorted(self._by_channel.items()), ("all", self._all)]
            ),
            stages=tuple(
                StageTotals(
                    users=profile.stages[position].users,
                    decisions_per_second=round(len(each.latencies_ms) / profile.stages[position].seconds, 1),
                    in_budget_share=each.in_budget_share,
                    latency=spread(each.latencies_ms),
                )
                for position, each in sorted(self._by_stage.items())
            ),
            errors=tuple(
                ErrorTotals(request=request, what=what, count=count)
                for (request, what), count in self._errors.most_common()
            ),
            with_offer_share=self._with_offer / answers,
            degraded_share=self._degraded_answers / answers,
            degraded=dict(self._degraded.most_common()),
            server=spread(self._server_ms),
        )
