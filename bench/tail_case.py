"""The tail at half load: our p99 beside that of an endpoint that only reads once and appends once, at the same rate."""

from typing import Final

from bench import store_app
from bench.installation import DECISIONS, GOOD, empty_questions, installed, short_questions, uvicorn_app
from bench.load import LoadResult
from bench.report import CaseResult, Figure, Measurement, Target
from bench.rounds import at_rate, half_rate, middle, p99s, times_slower
from bench.workshop import Workshop

MOST_TIMES_SLOWER: Final = 2.0
_BODIES: Final = 40_000
OURS, BESIDE = "a decision", "one read and one durable append"


def run(workshop: Workshop, *, quick: bool) -> CaseResult:
    """Measure; about two minutes, quick a quarter of one."""
    rounds, seconds = (2, 2.0) if quick else (13, 4.0)
    with installed(workshop) as installation:
        environment = {store_app.URL: installation.store_url}
        with uvicorn_app("bench.store_app:app", workshop.folder / "store.log", environment) as beside:
            worker = installation.worker.port
            rate = half_rate(workshop, worker, seconds=seconds, bodies=_BODIES, seed=4_000)
            ours, others = [], []
            for number in range(rounds):
                bodies = short_questions(_BODIES, 5_000 + number)
                asked = at_rate(workshop, worker, rate, seconds=seconds, path=DECISIONS, wanted=GOOD, bodies=bodies)
                ours.append(asked)
                bodies = empty_questions(1_000)
                others.append(
                    at_rate(
                        workshop,
                        beside.port,
                        rate,
                        seconds=seconds,
                        path=store_app.PATH,
                        wanted='"ok":true',
                        bodies=bodies,
                    )
                )
    return _result(rate, ours, others)


def _result(rate: float, ours: list[LoadResult], others: list[LoadResult]) -> CaseResult:
    degraded = max(each.wrong_share for each in ours)
    unanswered = sum(each.unanswered for each in (*ours, *others))
    return CaseResult(
        case="tail",
        title=f"open loop at {rate:.0f} requests a second, half of our own saturation",
        measurements=(
            Measurement(what=OURS, rules=500, spread=middle(ours)),
            Measurement(what=BESIDE, rules=0, spread=middle(others)),
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
                measured=times_slower(ours, others),
            ),
        ),
        notes=(
            "Latency counts from the instant at which a request was due. The other endpoint is a plain ASGI application"
            " on the same server, store and flights; loads alternate, and the middle rounds are compared.",
        ),
        details={"p99_us": {OURS: p99s(ours), BESIDE: p99s(others)}},
    )
