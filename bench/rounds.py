"""Loads in turns at half of what a server can take, and what their rounds come to."""

from typing import Final

from bench.installation import DECISIONS, GOOD, short_questions
from bench.load import Load, LoadResult, send
from bench.measure import Spread, median
from bench.workshop import Workshop

CONNECTIONS: Final = 64
_SATURATING: Final = 32


def half_rate(workshop: Workshop, port: int, *, seconds: float, bodies: int, seed: int) -> float:
    """Half of the decisions a second that are answered when every connection asks as soon as it may: of three loads."""

    def saturate(number: int) -> float:
        load = Load(
            port=port,
            connections=_SATURATING,
            seconds=seconds,
            per_second=None,
            wanted=GOOD,
            path=DECISIONS,
            bodies=short_questions(bodies, seed + number),
        )
        return send(load, workshop.folder).per_second

    return median([saturate(number) for number in range(3)]) / 2


def at_rate(
    workshop: Workshop, port: int, rate: float, *, seconds: float, path: str, wanted: str, bodies: tuple[str, ...]
) -> LoadResult:
    """One load at a steady rate: latency counts from the instant at which a request is due."""
    load = Load(
        port=port,
        connections=CONNECTIONS,
        seconds=seconds,
        per_second=rate,
        wanted=wanted,
        path=path,
        bodies=bodies,
    )
    return send(load, workshop.folder)


def middle(results: list[LoadResult]) -> Spread:
    """All calls, and the medians of the rounds' percentiles."""
    return Spread(
        calls=sum(each.answers for each in results),
        p50_us=median([each.latency.p50_us for each in results]),
        p95_us=median([each.latency.p95_us for each in results]),
        p99_us=median([each.latency.p99_us for each in results]),
    )


def p99s(results: list[LoadResult]) -> list[float]:
    """The p99 of every round, in microseconds."""
    return [round(each.latency.p99_us, 1) for each in results]


def times_slower(ours: list[LoadResult], others: list[LoadResult]) -> float:
    """The middle p99 of our rounds, in times that of others in turns with them.

    A pause of the disk falls on one round of either, and leaves both middles where they are.
    """
    return round(median(p99s(ours)) / median(p99s(others)), 2)
