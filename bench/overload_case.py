"""More requests than one worker can decide: what still gets a decision, how soon, and what the others cost.

The peak is the most whole decisions a second that open-loop arrivals get at any rate; the closed loop, whose clients
wait for their answers and so arrive when the worker is ready for them, gets more and stands beside it.
"""

from itertools import count
from typing import Final

from bench.cheap_path import cheap_path
from bench.installation import DECISIONS, GOOD, Installation, installed, short_questions
from bench.load import Load, LoadResult, send
from bench.measure import median
from bench.report import CaseResult, Figure, Measurement, Target
from bench.workshop import Workshop

BUDGET_MS: Final = 50
TRIED: Final = (0.75, 0.85, 0.95)
"""Where the peak is looked for, as shares of what the closed loop gets."""
FACTORS: Final = (1.0, 1.5, 2.0)
JUDGED: Final = 1.5
LEAST_GOODPUT: Final = 0.8
MOST_US: Final = 20.0
CONNECTIONS: Final = 512
"""So many that requests arrive when they are due, however many wait for their answers."""
_SATURATING: Final = 32
_BODIES: Final = 60_000


def run(workshop: Workshop, *, quick: bool) -> CaseResult:
    """Measure; about four minutes, quick half of one."""
    rounds, seconds = (1, 2.0) if quick else (5, 5.0)
    with installed(workshop) as installation:
        found: dict[float, list[LoadResult]] = {factor: [] for factor in FACTORS}
        closed = peak = 0.0
        for number in range(rounds):
            seeds = count(7_000 + 10 * number)
            # A moment in which others were busy would make a small peak, and no overload of its double.
            closed = max(closed, _load(workshop, installation, seconds, next(seeds), None).per_second)
            for share in TRIED:
                peak = max(peak, _load(workshop, installation, seconds, next(seeds), share * closed).per_second)
            for factor in FACTORS:
                found[factor].append(_load(workshop, installation, seconds, next(seeds), factor * peak))
    shed = cheap_path(workshop.plan, _questions(1, 1)[0])
    goodput = median([each.per_second for each in found[JUDGED]])
    return CaseResult(
        case="overload",
        title=f"open-loop arrivals beyond the peak of one worker, {BUDGET_MS} ms for each request",
        measurements=(Measurement(what="an answer without a decision, at the door", rules=500, spread=shed),),
        figures=(
            Figure(what="peak: whole decisions, open loop, the best rate and round", value=round(peak, 1),
                   unit="a second"),
            Figure(what="whole decisions, closed loop, the best round", value=round(closed, 1), unit="a second"),
            Figure(what=f"goodput at {JUDGED:g}x, of the closed loop's", value=round(goodput / closed, 3), unit=""),
            *(figure for factor in FACTORS for figure in _figures(factor, found[factor])),
        ),
        targets=(
            Target(what=f"goodput at {JUDGED:g}x, of the peak", bound="at least", target=LEAST_GOODPUT,
                   measured=round(goodput / peak, 3)),
            Target(what=f"p99 of whole decisions at {JUDGED:g}x, at the client", bound="at most", target=BUDGET_MS,
                   measured=round(median([each.good_latency.p99_us / 1_000 for each in found[JUDGED]]), 1), unit="ms"),
            Target(what="an answer without a decision, median", bound="at most", target=MOST_US, measured=shed.p50_us,
                   unit="us"),
            Target(what="requests never answered", bound="at most", target=0,
                   measured=sum(each.unanswered for results in found.values() for each in results)),
        ),
        notes=(
            "Generator, worker and store share the machine: beyond the peak the generator takes from the worker.",
        ),
        details={f"{factor:g}x": [each.wrong for each in results] for factor, results in found.items()},
    )  # fmt: skip


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


def _middle(results: list[LoadResult]) -> float:
    return round(median([each.per_second for each in results]), 1)


def _figures(factor: float, results: list[LoadResult]) -> list[Figure]:
    def middle(values: list[float]) -> float:
        return round(median(values), 2)

    return [
        Figure(what=f"{factor:g}x: whole decisions", value=_middle(results), unit="a second"),
        Figure(what=f"{factor:g}x: p99 of whole decisions", unit="ms",
               value=middle([each.good_latency.p99_us / 1_000 for each in results])),
        Figure(what=f"{factor:g}x: p99 of all answers", unit="ms",
               value=middle([each.latency.p99_us / 1_000 for each in results])),
        Figure(what=f"{factor:g}x: answered with the fallback", unit="of all",
               value=middle([each.wrong_share for each in results])),
        Figure(what=f"{factor:g}x: generator", unit="of a core", value=middle([each.cpu_share for each in results])),
    ]  # fmt: skip
