"""More requests than one worker can decide: what still gets a decision, how soon, and what the others cost.

A round is short, and compares with its own peak: machines are shared, and their speed changes from one second to the
next. The peak is the most whole decisions a second that open-loop arrivals get at any rate. The closed loop, whose
clients ask when they have their answers and so arrive when the worker is ready for them, stands beside it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final

from bench.cheap_path import cheap_path
from bench.installation import DECISIONS, GOOD, Installation, installed, short_questions
from bench.load import Load, LoadResult, send
from bench.measure import median
from bench.report import CaseResult, Figure, Measurement, Target
from bench.workshop import Workshop

BUDGET_MS: Final = 50
TRIED: Final = (0.85, 0.95, 1.05)
"""Rates at which the peak is looked for, as shares of what the closed loop gets."""
FACTORS: Final = (1.0, 1.5, 2.0)
JUDGED: Final = 1.5
LEAST_GOODPUT: Final = 0.8
MOST_US: Final = 20.0
CONNECTIONS: Final = 512
"""So many that requests arrive when they are due, however many wait for their answers."""
_SATURATING: Final = 32
_BODIES: Final = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """Loads of one short stretch of time, one after the other."""

    closed: float
    """Whole decisions a second of the closed loop."""
    peak: float
    """The most of them that arrivals got at any of the rates tried."""
    beyond: Mapping[float, LoadResult]
    """By factor, arrivals at so many times the peak."""

    @property
    def goodput(self) -> float:
        """Whole decisions a second at the factor that is judged."""
        return self.beyond[JUDGED].per_second


def run(workshop: Workshop, *, quick: bool) -> CaseResult:
    """Measure; about four minutes, quick half of one."""
    rounds, seconds = (1, 1.5) if quick else (11, 1.5)
    with installed(workshop) as installation:
        found = [_round(workshop, installation, seconds, 7_000 + 10 * number) for number in range(rounds)]
    shed = cheap_path(workshop.plan, _questions(1, 1)[0])
    judged = [each.beyond[JUDGED] for each in found]
    return CaseResult(
        case="overload",
        title=f"open-loop arrivals beyond the peak of one worker, {BUDGET_MS} ms for each request",
        measurements=(Measurement(what="an answer without a decision, at the door", rules=500, spread=shed),),
        figures=(
            Figure(what="peak: whole decisions, open loop at the best rate", value=_middle(each.peak for each in found),
                   unit="a second"),
            Figure(what="whole decisions, closed loop", value=_middle(each.closed for each in found), unit="a second"),
            Figure(what=f"goodput at {JUDGED:g}x, of the closed loop's",
                   value=_middle(each.goodput / each.closed for each in found), unit=""),
            *(figure for factor in FACTORS for figure in _figures(factor, [each.beyond[factor] for each in found])),
        ),
        targets=(
            Target(what=f"goodput at {JUDGED:g}x, of the peak", bound="at least", target=LEAST_GOODPUT,
                   measured=_middle(each.goodput / each.peak for each in found)),
            Target(what=f"p99 of whole decisions at {JUDGED:g}x, at the client", bound="at most", target=BUDGET_MS,
                   measured=_middle(each.good_latency.p99_us / 1_000 for each in judged), unit="ms"),
            Target(what="an answer without a decision, median", bound="at most", target=MOST_US, measured=shed.p50_us,
                   unit="us"),
            Target(what="requests never answered", bound="at most", target=0,
                   measured=sum(load.unanswered for each in found for load in each.beyond.values())),
        ),
        notes=(
            "Generator, worker and store share the machine: beyond the peak the generator takes from the worker.",
            "Every figure is the middle one of the rounds; goodput is compared with the peak of its own round.",
        ),
        details={
            "goodput of the peak, by round": [round(each.goodput / each.peak, 3) for each in found],
            **{f"{factor:g}x": [each.beyond[factor].wrong for each in found] for factor in FACTORS},
        },
    )  # fmt: skip


def _round(workshop: Workshop, installation: Installation, seconds: float, seed: int) -> _Round:
    seeds = count(seed)

    def load(per_second: float | None) -> LoadResult:
        return _load(workshop, installation, seconds, next(seeds), per_second)

    closed = load(None).per_second
    peak = max(load(share * closed).per_second for share in TRIED)
    return _Round(closed=closed, peak=peak, beyond={factor: load(factor * peak) for factor in FACTORS})


def _load(
    workshop: Workshop, installation: Installation, seconds: float, seed: int, per_second: float | None
) -> LoadResult:
    load = Load(
        port=installation.worker.port,
        connections=_SATURATING if per_second is None else CONNECTIONS,
        seconds=seconds,
        per_second=per_second,
        wanted=GOOD,
        path=DECISIONS,
        bodies=_questions(_BODIES, seed),
    )
    return send(load, workshop.folder)


def _questions(count: int, seed: int) -> tuple[str, ...]:
    return tuple(f'{body[:-1]}, "budget_ms": {BUDGET_MS}}}' for body in short_questions(count, seed))


def _middle(values: Iterable[float]) -> float:
    return round(median(list(values)), 3)


def _figures(factor: float, results: list[LoadResult]) -> list[Figure]:
    return [
        Figure(what=f"{factor:g}x: whole decisions", value=_middle(each.per_second for each in results),
               unit="a second"),
        Figure(what=f"{factor:g}x: p99 of whole decisions", unit="ms",
               value=_middle(each.good_latency.p99_us / 1_000 for each in results)),
        Figure(what=f"{factor:g}x: p99 of all answers", unit="ms",
               value=_middle(each.latency.p99_us / 1_000 for each in results)),
        Figure(what=f"{factor:g}x: answered with the fallback", unit="of all",
               value=_middle(each.wrong_share for each in results)),
        Figure(what=f"{factor:g}x: generator", unit="of a core", value=_middle(each.cpu_share for each in results)),
    ]  # fmt: skip
