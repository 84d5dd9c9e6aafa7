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
OURS = "a decision"
BESIDE = "one read and one durable append, plain ASGI"
FASTAPI = "the same as a FastAPI POST"


def run(workshop: Workshop, *, quick: bool) -> CaseResult:
    """Measure; about three minutes, quick a third of one."""
    rounds, seconds = (2, 2.0) if quick else (13, 4.0)
    with installed(workshop) as installation:
        environment = {store_app.URL: installation.store_url}
        with uvicorn_app("bench.store_app:app", workshop.folder / "store.log", environment) as beside:
            worker = installation.worker.port
            rate = half_rate(workshop, worker, seconds=seconds, bodies=_BODIES, seed=4_000)

            def load(port: int, path: str, wanted: str, bodies: tuple[str, ...]) -> LoadResult:
                return at_rate(workshop, port, rate, seconds=seconds, path=path, wanted=wanted, bodies=bodies)

            found: dict[str, list[LoadResult]] = {OURS: [], BESIDE: [], FASTAPI: []}
            for number in range(rounds):
                found[OURS].append(load(worker, DECISIONS, GOOD, short_questions(_BODIES, 5_000 + number)))
                for what, path in ((BESIDE, store_app.PLAIN_PATH), (FASTAPI, store_app.PATH)):
                    found[what].append(load(beside.port, path, '"ok":true', empty_questions(1_000)))
    return _result(rate, found)


def _result(rate: float, found: dict[str, list[LoadResult]]) -> CaseResult:
    degraded = max(each.wrong_share for each in found[OURS])
    unanswered = sum(each.unanswered for results in found.values() for each in results)
    return CaseResult(
        case="tail",
        title=f"open loop at {rate:.0f} requests a second, half of our own saturation",
        measurements=tuple(
            Measurement(what=what, rules=500 if what == OURS else 0, spread=middle(results))
            for what, results in found.items()
        ),
        figures=(
            Figure(what="degraded answers, worst round", value=degraded, unit="of all"),
            Figure(what="unanswered requests", value=unanswered, unit="requests"),
            Figure(what="p99, times that of a FastAPI POST", value=times_slower(found[OURS], found[FASTAPI]), unit=""),
        ),
        targets=(
            Target(
                what="p99, times that of one read and one durable append",
                bound="at most",
                target=MOST_TIMES_SLOWER,
                measured=times_slower(found[OURS], found[BESIDE]),
            ),
        ),
        notes=(
            "Latency counts from the instant at which a request was due. The other endpoints stand on the same server,"
            " store and flights; loads alternate, and the middle rounds are compared.",
        ),
        details={"p99_us": {what: p99s(results) for what, results in found.items()}},
    )
