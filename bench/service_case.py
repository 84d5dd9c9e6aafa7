"""Whole decisions a second of one worker process, store included, against an empty FastAPI endpoint in the same run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import uvloop

from bench import empty_app, store_app
from bench.installation import (
    DECISIONS,
    GOOD,
    Installation,
    empty_questions,
    full_questions,
    installed,
    short_questions,
    uvicorn_app,
    worker_settings,
)
from bench.ledger import ledger
from bench.load import Load, LoadResult, send
from bench.measure import median
from bench.processes import Server, cpu_s
from bench.report import CaseResult, Figure, Target
from bench.workshop import Workshop

CONNECTIONS: Final = (16, 32)
LEAST_RATIO: Final = 0.5
MOST_DEGRADED: Final = 0.01
OURS, FULL, EMPTY = "a decision", "a decision by card, with request id and context", "an empty FastAPI POST"
BARE: Final = "a bare ASGI POST"
_BARE_ROUNDS: Final = 3
_BODIES: Final = 30_000
"""More than a worker answers in one load, so that no request is a repetition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One load on one endpoint."""

    result: LoadResult
    worker_us: float
    """Processor time of the worker process per request."""
    store_us: float
    """Of the store's process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """An endpoint under load."""

    name: str
    server: Server
    path: str
    wanted: str
    bodies: Callable[[int], tuple[str, ...]]
    """Requests for a round, by its number."""


@dataclass(slots=True)
class Rounds:
    """What the rounds with one number of connections came to."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def middle(self, name: str, value: Callable[[Sample], float]) -> float:
        """The median over the rounds."""
        return median([value(sample) for sample in self.samples[name]])

    def ratio(self, name: str) -> float:
        """Decisions per empty request: the median of what each round found."""
        pairs = zip(self.samples[name], self.samples[EMPTY], strict=True)
        return median([ours.result.per_second / empty.result.per_second for ours, empty in pairs])


def run(workshop: Workshop, *, quick: bool) -> CaseResult:
    """Measure; about three minutes, quick half of one."""
    count, seconds = (2, 1.5) if quick else (7, 3.0)
    with (
        installed(workshop) as installation,
        uvicorn_app("bench.empty_app:app", workshop.folder / "empty.log") as empty,
        uvicorn_app(
            "bench.store_app:app", workshop.folder / "bare.log", {store_app.URL: installation.store_url}
        ) as bare,
    ):
        contenders = (
            _decisions(OURS, installation, short_questions),
            _decisions(FULL, installation, full_questions),
            _other(EMPTY, empty, empty_app.PATH),
        )
        rounds = {
            connections: _rounds(workshop, installation, contenders, connections, count, seconds)
            for connections in CONNECTIONS
        }
        floor = _rounds(
            workshop,
            installation,
            [_other(BARE, bare, store_app.BARE_PATH)],
            CONNECTIONS[0],
            min(count, _BARE_ROUNDS),
            seconds,
        )
        bodies = short_questions(1_000, seed=10_000)
        steps = uvloop.run(ledger(worker_settings(workshop), workshop.plan, bodies, quick=quick))
    return _result(rounds, floor, steps)


def _decisions(name: str, installation: Installation, questions: Callable[[int, int], tuple[str, ...]]) -> Contender:
    return Contender(
        name=name,
        server=installation.worker,
        path=DECISIONS,
        wanted=GOOD,
        bodies=lambda number: questions(_BODIES, number),
    )


def _other(name: str, server: Server, path: str) -> Contender:
    return Contender(name=name, server=server, path=path, wanted='"ok":true', bodies=lambda _: empty_questions(1_000))


def _rounds(
    workshop: Workshop,
    installation: Installation,
    contenders: Sequence[Contender],
    connections: int,
    count: int,
    seconds: float,
) -> Rounds:
    rounds = Rounds({each.name: [] for each in contenders})
    for number in range(count):
        for at, contender in enumerate(contenders):
            bodies = contender.bodies(1_000 * connections + 10 * number + at)
            load = Load(
                port=contender.server.port,
                connections=connections,
                seconds=seconds,
                per_second=None,
                wanted=contender.wanted,
                path=contender.path,
                bodies=bodies,
            )
            before = cpu_s(contender.server.pid), cpu_s(installation.store_pid)
            result = send(load, workshop.folder)
            if contender.path == DECISIONS and result.sent > len(bodies):
                raise RuntimeError("the generator ran out of questions")
            rounds.samples[contender.name].append(
                Sample(
                    result=result,
                    worker_us=1e6 * (cpu_s(contender.server.pid) - before[0]) / result.sent,
                    store_us=1e6 * (cpu_s(installation.store_pid) - before[1]) / result.sent,
                )
            )
    return rounds


# --- what it comes to ------------------------------------------------------------------------------------------------


def _result(rounds: Mapping[int, Rounds], floor: Rounds, steps: Mapping[str, float]) -> CaseResult:
    first = rounds[CONNECTIONS[0]]
    worker_us = first.middle(OURS, _worker_us)
    empty_us = first.middle(EMPTY, _worker_us)
    bare_us = floor.middle(BARE, _worker_us)
    figures = [figure for connections in rounds for figure in _figures(rounds[connections], connections)]
    figures += [Figure(what=f"ledger: {step}", value=round(value, 1), unit="us") for step, value in steps.items()]
    rest = worker_us - bare_us - sum(steps.values())
    figures += [
        Figure(what="ledger: HTTP, as a bare ASGI POST", value=round(bare_us, 1), unit="us"),
        Figure(what="ledger: tasks, waking up for the store, cold caches", value=round(rest, 1), unit="us"),
    ]
    return CaseResult(
        case="service",
        title="whole decisions of one worker: 500 rules, 20 scored actions, one read, one durable commit",
        figures=tuple(figures),
        targets=tuple(_targets(rounds)),
        notes=(
            "The store syncs its append-only file on every write. Loads alternate; ratios are medians over the rounds.",
            _to_reach_parity(worker_us, empty_us, steps),
        ),
        details={
            f"{connections} connections": {
                name: [
                    {"per_second": each.result.per_second, "worker_us": each.worker_us, "store_us": each.store_us}
                    for each in samples
                ]
                for name, samples in rounds[connections].samples.items()
            }
            for connections in rounds
        },
    )


def _figures(rounds: Rounds, connections: int) -> list[Figure]:
    figures = []
    for name in rounds.samples:
        figures += [
            Figure(
                what=f"{name}, {connections} connections, {what}", value=round(rounds.middle(name, value), 1), unit=unit
            )
            for what, value, unit in _SHOWN
            if not (name == EMPTY and what == "store")
        ]
    by_cpu = rounds.middle(EMPTY, _worker_us) / rounds.middle(OURS, _worker_us)
    figures += [
        Figure(what=f"ratio by card, {connections} connections", value=round(rounds.ratio(FULL), 3), unit="of empty"),
        Figure(what=f"ratio by the worker's CPU, {connections} connections", value=round(by_cpu, 3), unit="of empty"),
    ]
    return figures


def _worker_us(sample: Sample) -> float:
    return sample.worker_us


_SHOWN: Final[tuple[tuple[str, Callable[[Sample], float], str], ...]] = (
    ("rate", lambda sample: sample.result.per_second, "a second"),
    ("p50", lambda sample: sample.result.latency.p50_us / 1_000, "ms"),
    ("p99", lambda sample: sample.result.latency.p99_us / 1_000, "ms"),
    ("worker", _worker_us, "us CPU"),
    ("store", lambda sample: sample.store_us, "us CPU"),
)


def _targets(rounds: Mapping[int, Rounds]) -> list[Target]:
    targets = [
        Target(
            what=f"decisions per empty FastAPI request, {connections} connections",
            bound="at least",
            target=LEAST_RATIO,
            measured=round(found.ratio(OURS), 3),
        )
        for connections, found in rounds.items()
    ]
    degraded = max(
        sample.result.wrong_share
        for found in rounds.values()
        for name in (OURS, FULL)
        for sample in found.samples[name]
    )
    what = "degraded answers, worst round (not counted as decisions)"
    return [*targets, Target(what=what, bound="at most", target=MOST_DEGRADED, measured=round(degraded, 4))]


def _to_reach_parity(worker_us: float, empty_us: float, steps: Mapping[str, float]) -> str:
    largest = sorted(steps, key=lambda step: -steps[step])[:3]
    named = ", ".join(f"{step} ({steps[step]:.0f})" for step in largest)
    return (
        f"A decision takes {worker_us:.0f} us of the worker, an empty request {empty_us:.0f}. 1.0x would need "
        f"{worker_us - empty_us:.0f} us less; the largest steps, in us, are {named}: those would have to leave Python."
    )
