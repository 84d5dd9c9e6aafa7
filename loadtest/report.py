"""Turns the result of a run into JSON, and into a table that people read; pure."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from loadtest.recorder import Spread, Totals
from loadtest.thresholds import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished run."""

    profile: str
    host: str
    mix: str
    customers: int
    started_at: str
    seconds: float
    generator_cpu_share: float
    """Of one core; near 1 the generator itself was the bottleneck, and latencies hold its own queue."""
    totals: Totals
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for check in self.checks)


BUSY_GENERATOR = 0.9


def as_json(result: Result) -> str:
    """The result as JSON text."""
    return json.dumps({**asdict(result), "passed": result.passed}, indent=2) + "\n"


def as_table(result: Result) -> str:
    """The result for people."""
    return "\n".join(_lines(result)) + "\n"


_LATENCY_HEAD = ("count", "p50 ms", "p95 ms", "p99 ms", "max ms")


def _latency(spread: Spread) -> tuple[str, ...]:
    return (
        str(spread.count),
        *(f"{each:.1f}" for each in (spread.p50_ms, spread.p95_ms, spread.p99_ms, spread.max_ms)),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"


def _lines(result: Result) -> Iterator[str]:
    totals = result.totals
    yield (
        f"{result.profile}: {totals.request_count} requests in {result.seconds:.0f} s to {result.host}, "
        f"mix {result.mix} (ATM/web/branch), {result.customers} customers"
    )
    yield ""
    yield from _table(
        ("decisions", *_LATENCY_HEAD, "in budget"),
        [(each.channel, *_latency(each.latency), _percent(each.in_budget_share)) for each in totals.decisions],
    )
    yield ""
    if len(totals.stages) > 1:
        yield from _table(
            ("users", "per second", *_LATENCY_HEAD, "in budget"),
            [
                (
                    str(each.users),
                    f"{each.decisions_per_second:.1f}",
                    *_latency(each.latency),
                    _percent(each.in_budget_share),
                )
                for each in totals.stages
            ],
        )
        yield ""
    yield from _table(
        ("requests", *_LATENCY_HEAD, "errors"),
        [(each.name, *_latency(each.latency), str(each.errors)) for each in totals.requests],
    )
    yield ""
    degraded = ", ".join(f"{name} {count}" for name, count in totals.degraded.items())
    yield f"answers with an offer: {_percent(totals.with_offer_share)}; degraded: {degraded or 'none'}"
    yield f"inside the server, ms: p50 {totals.server.p50_ms:.2f}, p99 {totals.server.p99_ms:.2f}"
    busy = " (the generator was the bottleneck)" if result.generator_cpu_share >= BUSY_GENERATOR else ""
    yield f"the generator used {_percent(result.generator_cpu_share)} of a core{busy}"
    if totals.errors:
        yield ""
        yield from _table(
            ("errors", "in", "what"), [(str(each.count), each.request, each.what) for each in totals.errors]
        )
    yield ""
    yield from _table(
        ("check", "limit", "measured", "verdict"),
        [
            (check.name, check.limit, f"{check.measured:.4g}", "passed" if check.passed else "MISSED")
            for check in result.checks
        ],
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Columns as wide as they need to be; the first to the left, figures to the right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = [
            cell.ljust(width) if column == 0 or not _is_figure(lines, column) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _is_figure(lines: list[tuple[str, ...]], column: int) -> bool:
    return all(line[column][:1].isdigit() for line in lines[1:])
