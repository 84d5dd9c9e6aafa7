"""The tail at half load: our p99 beside that of an endpoint that only reads once and appends once, at the same rate."""

from typing import Final

from bench import store_app
from bench.installation import DECISIONS, GOOD, Installation, empty_questions, installed, short_questions, uvicorn_app
from bench.load import Load, LoadResult, send
from bench.measure import Spread, median
from bench.processes import Server
from bench.report import CaseResult, Figure, Measurement, Target
from bench.workshop import Workshop

MOST_TIMES_SLOWER: Final = 2.0
CONNECTIONS: Final = 64
_SATURATING: Final = 32
_BODIES: Final = 40_000
OURS, BESIDE = "a decision", "one read and one durable append"


def run(workshop: Workshop, *, quick: bool) -> CaseResult:
    """Measure; about a minute, quick a quarter of one."""
    rounds, seconds = (2, 2.0) if quick else (5, 5.0)
    with installed(workshop) as installation:
        environment = {store_app.URL: installation.store_url}
        with uvicorn_app("bench.store_app:app", workshop.folder / "store.log", environment) as beside:
            rate = median([_saturate(workshop, installation, seconds, number) for number in range(3)]) / 2
            ours, others = [], []
            for number in range(rounds):
                bodies = short_questions(_BODIES, 5_000 + number)
                ours.append(_at(workshop, installation.worker, DECISIONS, GOOD, bodies, rate, seconds))
                bodies = empty_questions(1_000)
                others.append(_at(workshop, beside, store_app.PATH, '"ok":true', bodies, rate, seconds))
    return _result(rate, ours, others)


def _saturate(workshop: Workshop, installation: Installation, seconds: float, number: int) -> float:
    load = Load(
        port=installation.worker.port,
        connections=_SATURATING,
        seconds=seconds,
        per_second=None,
        wanted=GOOD,
        path=DECISIONS,
        bodies=short_questions(_BODIES, 4_000 + number),
    )
    return send(load, workshop.folder).per_second


def _at(
    workshop: Workshop, server: Server, path: str, wanted: str, bodies: tuple[str, ...], rate: float, seconds: float
) -> LoadResult:
    load = Load(
        port=server.port,
        connections=CONNECTIONS,
        seconds=seconds,
        per_second=rate,
        wanted=wanted,
        path=path,
        bodies=bodies,
    )
    return send(load, workshop.folder)


def _result(rate: float, ours: list[LoadResult], others: list[LoadResult]) -> CaseResult:
    ratios = [one.latency.p99_us / other.latency.p99_us for one, other in zip(ours, others, strict=True)]
    degraded = max(each.wrong_share for each in ours)
    unanswered = sum(each.unanswered for each in (*ours, *others))
    return CaseResult(
        case="tail",
        title=f"open loop at {rate:.0f} requests a second, half of our own saturation",
        measurements=(
            Measurement(what=OURS, rules=500, spread=_middle(ours)),
            Measurement(what=BESIDE, rules=0, spread=_middle(others)),
        ),
        figures=(
            Figure(what="degraded answers, worst round", value=degraded, unit="of all"),
            Figure(what="unanswered requests", value=unanswered, unit="requests"),
        ),
        targets=(
            Target(
                what="p99, times that of one read and one durable append",
                bound="at most",
                target=MOST_TIMES_SLOWER,
                measured=round(median(ratios), 2),
            ),
        ),
        notes=(
            "Latency counts from the instant at which a request was due. The other endpoint is a plain ASGI application"
            " on the same server, store and flights; loads alternate, the ratio is the median over the rounds.",
        ),
    )


def _middle(results: list[LoadResult]) -> Spread:
    return Spread(
        calls=sum(each.answers for each in results),
        p50_us=median([each.latency.p50_us for each in results]),
        p95_us=median([each.latency.p95_us for each in results]),
        p99_us=median([each.latency.p99_us for each in results]),
    )
