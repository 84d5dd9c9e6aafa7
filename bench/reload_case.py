"""A reload under load: the tail of decisions while changed rules are judged and taken up, beside the tail without.

Both loads run at the same rate on the same server, in turns; rules change a fifth into the load, and have to serve
before it ends.
"""

import asyncio
import json
import os
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import redis
import uvloop

from api.bootstrap import ServingMaker
from api.reloading.reloader import BETWEEN_PAUSES_S, polite
from api.security import Secrets
from api.tokens import TokenCodec
from bench.installation import DECISIONS, GOOD, installed, short_questions, worker_settings
from bench.load import WARM_UP_S, LoadResult
from bench.measure import median
from bench.report import CaseResult, Figure, Measurement, Target
from bench.rounds import at_rate, half_rate, middle, p99s, times_slower
from bench.workshop import Workshop
from engine.compiler.carry import pack_plan, unpack_plan
from engine.plan import Plan

MOST_TIMES_SLOWER: Final = 1.10
_BODIES: Final = 90_000
_TAKEN_UP_WITHIN_S: Final = 60.0
_BEAT_S: Final = 0.0005
_LOOK_S: Final = 0.2
WITH, WITHOUT = "with a reload in it", "without"


def run(workshop: Workshop, *, quick: bool) -> CaseResult:
    """Measure; about five minutes, quick one and a half."""
    rounds, seconds = (2, 20.0) if quick else (7, 20.0)
    with installed(workshop) as installation:
        port = installation.worker.port
        with redis.Redis.from_url(installation.store_url) as store:
            store.config_set("auto-aof-rewrite-percentage", 0)  # it would fall into one load or the other

        rate = half_rate(workshop, port, seconds=2.0, bodies=_BODIES, seed=7_000)

        def load(number: int) -> LoadResult:
            bodies = short_questions(_BODIES, 7_000 + number)
            return at_rate(workshop, port, rate, seconds=seconds, path=DECISIONS, wanted=GOOD, bodies=bodies)

        quiet: list[LoadResult] = []
        reloading: list[LoadResult] = []
        took: list[float] = []
        for number in range(rounds):
            for change in (_Nothing(port, seconds), _Change(workshop.rules_dir, port, number)):
                timer = threading.Timer(WARM_UP_S + seconds / 5, change)
                timer.start()
                (reloading if isinstance(change, _Change) else quiet).append(load(10 + len(quiet) + len(reloading)))
                timer.join()
            took.append(change.took_s)
            if change.took_s > 4 * seconds / 5:
                raise RuntimeError(f"the load ended before the changed rules served: that took {change.took_s:.1f} s")
    stalls = uvloop.run(_stalls(workshop, quick=quick))
    return _result(rate, quiet, reloading, took, stalls)


class _Nothing:
    """Looks at which rules serve as often as one who waits for others: that costs requests as well."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port = port
        self._stops_at = time.perf_counter() + seconds / 2
        self.took_s = _TAKEN_UP_WITHIN_S

    def __call__(self) -> None:
        while time.perf_counter() < self._stops_at:
            self.ruleset()
            time.sleep(_LOOK_S)

    def ruleset(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=5) as answer:
            return str(json.load(answer)["ruleset"])


class _Change(_Nothing):
    """Changes what one placement falls back to, and waits until that serves."""

    def __init__(self, rules: Path, port: int, number: int) -> None:
        super().__init__(port, 0.0)
        self._channels = rules / "channels.yaml"
        self._number = number

    def __call__(self) -> None:
        before, started = self.ruleset(), time.perf_counter()
        draft = self._channels.with_name(".channels.draft")
        draft.write_text(f"{self._channels.read_text(encoding='utf-8')}\n# round {self._number}\n", encoding="utf-8")
        draft.replace(self._channels)
        while time.perf_counter() - started < _TAKEN_UP_WITHIN_S:
            if self.ruleset() != before:
                self.took_s = time.perf_counter() - started
                return
            time.sleep(_LOOK_S)


# --- how long the event loop stands still ----------------------------------------------------------------------------


async def _stalls(workshop: Workshop, *, quick: bool) -> dict[str, float]:
    """The longest pause between two turns of an event loop, in ms: idle, while a plan is prepared, and if it were so in
    the loop itself."""
    os.environ["OMP_NUM_THREADS"] = "1"
    keys = Secrets(token=b"t" * 32, exploration=b"e" * 32, ids=b"i" * 32)
    maker = ServingMaker(worker_settings(workshop), TokenCodec(keys), "bench")
    packed = pack_plan(workshop.plan)
    serving = maker.make(workshop.plan, None)

    def prepare(plan: Callable[[], Plan]) -> None:
        maker.make(plan(), None, serving)

    def politely() -> None:
        prepare(lambda: unpack_plan(packed, lambda: time.sleep(BETWEEN_PAUSES_S)))

    found: dict[str, list[float]] = {"idle": [], "prepared in a thread": [], "prepared in the loop": []}
    for _ in range(3 if quick else 9):
        found["idle"].append(await _longest_gap(lambda: asyncio.to_thread(time.sleep, 0.1)))
        with polite():
            found["prepared in a thread"].append(await _longest_gap(lambda: asyncio.to_thread(politely)))
        started = time.perf_counter()
        prepare(lambda: unpack_plan(packed))
        found["prepared in the loop"].append(1e3 * (time.perf_counter() - started))
    return {what: median(values) for what, values in found.items()}


async def _longest_gap(work: Callable[[], Coroutine[Any, Any, None]]) -> float:
    task = asyncio.create_task(work())
    longest, last = 0.0, time.perf_counter()
    while not task.done():
        await asyncio.sleep(_BEAT_S)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    await task
    return 1e3 * longest


# --- what it comes to ------------------------------------------------------------------------------------------------


def _result(
    rate: float, quiet: list[LoadResult], reloading: list[LoadResult], took: list[float], stalls: dict[str, float]
) -> CaseResult:
    figures = [
        Figure(what="from the change on disk to the first answer of it", value=round(median(took), 2), unit="s"),
        Figure(what="degraded answers with a reload", value=_degraded(reloading), unit="of all"),
        Figure(what="degraded answers without", value=_degraded(quiet), unit="of all"),
        Figure(
            what="unanswered requests", value=sum(each.unanswered for each in (*quiet, *reloading)), unit="requests"
        ),
    ]
    figures += [
        Figure(what=f"longest pause of an event loop, {what}", value=round(value, 2), unit="ms")
        for what, value in stalls.items()
    ]
    return CaseResult(
        case="reload",
        title=f"a reload of 500 rules under {rate:.0f} requests a second, half of our own saturation",
        measurements=(
            Measurement(what=WITH, rules=500, spread=middle(reloading)),
            Measurement(what=WITHOUT, rules=500, spread=middle(quiet)),
        ),
        figures=tuple(figures),
        targets=(
            Target(
                what="p99 with a reload, times that without",
                bound="at most",
                target=MOST_TIMES_SLOWER,
                measured=times_slower(reloading, quiet),
            ),
        ),
        notes=(
            "Latency counts from the instant at which a request was due. The rules are judged in small portions;"
            " the store does not rewrite its append-only file meanwhile, which costs more than a reload;"
            f" server, store, generator and judge share {os.cpu_count()} processors.",
        ),
        details={"p99_us": {WITH: p99s(reloading), WITHOUT: p99s(quiet)}, "taken_up_s": took, "python": sys.version},
    )


def _degraded(results: list[LoadResult]) -> float:
    return round(sum(sum(each.wrong.values()) for each in results) / sum(each.answers for each in results), 6)
