"""What each promise adds to a decision: its own steps timed where they stand, its own commands sent and left out."""

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from secrets import token_bytes
from time import perf_counter_ns
from typing import Final

import redis
import uvloop

from api import decision_log
from api.bootstrap import Stores, open_stores
from api.ports import Commit, Gathered, RequestClaim, StoreUnavailable, key_of
from api.security import open_secrets
from api.serving import Serving
from api.settings import Settings
from api.tokens import TokenCodec, Tracked
from bench.engine_case import KEY
from bench.installation import installed, short_questions, worker_settings
from bench.ledger import CALLS, CASES, PATIENCE_S, STARTED_AT, Case, cases_of, record_of, serving_of, store_us
from bench.measure import median, spread
from bench.processes import cpu_s
from bench.report import CaseResult, Figure
from bench.workshop import Workshop
from engine import Plan, decide
from engine.clock import Windows
from engine.contact_rules import CoolingOff
from engine.contacts import DeclineReason
from engine.row import assemble

_ALONE: Final = 300
_STEPS: Final = (
    "guards hold: every guard, judged first",
    "replay: encode the decision's record",
    "outcomes without a look-up: one tracking token",
)
_POLICY: Final = "caps, cooling-off and quiet hours: the contact policy"
_RECORD: Final = bytes(1_000)
_CONTACT: Final = bytes(16)

Turn = Callable[[Stores, int], Awaitable[None]]


def run(workshop: Workshop, *, quick: bool) -> CaseResult:
    """Measure; about half a minute."""
    with installed(workshop) as installation:
        settings = worker_settings(workshop)
        figures = uvloop.run(_measure(settings, workshop.plan, installation.store_pid, quick=quick))
        figures += _waits(settings, installation.store_url, quick=quick)
    return CaseResult(
        case="promises",
        title="what each promise adds to a decision, in microseconds",
        figures=tuple(figures),
        notes=(
            "Worker and store: processor time. Waiting: of one decision alone, while the worker works for others.",
            "The contact policy: decisions with all its rules, less decisions of the same customers without any.",
            "A budget or an experiment that a bank does not use adds nothing: no step of it is taken.",
        ),
    )


async def _measure(settings: Settings, plan: Plan, store_pid: int, *, quick: bool) -> list[Figure]:
    keys = open_secrets(settings)
    serving = serving_of(settings, plan)
    async with open_stores(settings, keys) as stores:
        cases = await cases_of(serving, stores, short_questions(CASES, seed=20_000))
        steps = _steps(serving, TokenCodec(keys), cases, 2 if quick else 10)
        figures = [_figure(what, value, "us worker") for what, value in zip(_STEPS, steps, strict=True)]
        figures.append(_figure(_POLICY, _policy_us(serving, cases, 2 if quick else 10), "us worker"))
        calls, rounds = (CALLS // 8, 1) if quick else (CALLS // 2, 5)
        turns: tuple[Turn, ...] = (_read, _read_and_commit, _claim_and_commit)
        samples: list[list[tuple[float, float]]] = [[] for _ in turns]
        for _ in range(rounds):
            for turn, found in zip(turns, samples, strict=True):
                before = cpu_s(store_pid)
                worker = await store_us(stores, turn, calls)
                found.append((worker, 1e6 * (cpu_s(store_pid) - before) / calls))
        read, committed, claimed = ([median([each[side] for each in found]) for side in (0, 1)] for found in samples)
        for side, unit in enumerate(("us worker", "us store")):
            figures += [
                _figure("nothing is exceeded or lost: one atomic commit", committed[side] - read[side], unit),
                _figure("a request id is answered once: its claim", claimed[side] - committed[side], unit),
            ]
    return figures


def _figure(what: str, value: float, unit: str) -> Figure:
    return Figure(what=what, value=round(value, 1), unit=unit)


def _steps(serving: Serving, tokens: TokenCodec, cases: Sequence[Case], rounds: int) -> list[float]:
    samples = [array("d") for _ in _STEPS]
    for number in range(rounds + 1):
        for case in cases:
            instants = _instants(serving, tokens, case)
            if number:
                for step, found in enumerate(samples):
                    found.append((instants[step + 1] - instants[step]) / 1_000)
    return [spread(each).p50_us for each in samples]


def _instants(serving: Serving, tokens: TokenCodec, case: Case) -> tuple[int, ...]:
    plan = serving.plan
    row = assemble(plan, case.question, case.snapshot, STARTED_AT)
    began = perf_counter_ns()
    plan.generated.guards(row)
    guarded = perf_counter_ns()
    record_of(serving, case)
    recorded = perf_counter_ns()
    tokens.mint(_OFFER)
    return began, guarded, recorded, perf_counter_ns()


def _policy_us(serving: Serving, cases: Sequence[Case], rounds: int) -> float:
    """The median of what a decision takes longer with the contact policy than without, customer by customer."""
    free = _without_policy(serving.plan)
    differences = array("d")
    for number in range(rounds + 1):
        for case in cases:
            with_it, without = (_decision_us(serving, plan, case) for plan in (serving.plan, free))
            if number:
                differences.append(with_it - without)
    return spread(differences).p50_us


def _decision_us(serving: Serving, plan: Plan, case: Case) -> float:
    began = perf_counter_ns()
    decide(
        plan=plan,
        request=case.question,
        snapshot=case.snapshot,
        scorer=serving.scorer,
        baseline=serving.baseline,
        now=STARTED_AT,
        exploration_key=KEY,
    )
    return (perf_counter_ns() - began) / 1_000


def _without_policy(plan: Plan) -> Plan:
    rules = plan.contact
    nobody_rests = CoolingOff(after_decline=tuple(0 for _ in DeclineReason), after_accept=0)
    free = replace(
        rules,
        caps=(),
        caps_by_action=tuple(() for _ in plan.actions),
        closed_caps=(),
        special_caps=frozenset(),
        cooling_off=tuple(nobody_rests for _ in plan.actions),
        ignored_impressions=0,
        quiet_channels=frozenset(),
        windows=Windows(rules.windows.zone, ()),
    )
    return replace(plan, contact=free)


_OFFER: Final = Tracked(
    valid_until_s=2_000_000_000,
    decided_at_ms=1_790_000_000_000,
    partition=7,
    record="C0000001",
    decision_id="0" * 24,
    action="a_typical_action",
    action_hash=1,
    channel=0,
    placement="idle_screen",
    rank=1,
    treatment="a_typical_action/atm.idle_screen",
    session_hash=1,
)


# --- the store -------------------------------------------------------------------------------------------------------


async def _read(stores: Stores, number: int) -> None:
    await stores.customers.gather(key_of(f"promise-{number}"), None, deadline=_patiently())


async def _read_and_commit(stores: Stores, number: int) -> None:
    await _commit(stores, await stores.customers.gather(key_of(f"promise-{number}"), None, deadline=_patiently()), None)


async def _claim_and_commit(stores: Stores, number: int) -> None:
    claim = RequestClaim(f"r-{number}", bytes(8), token_bytes(8), 10_000)
    gathered = await stores.customers.gather(key_of(f"promise-{number}"), claim, deadline=_patiently())
    await _commit(stores, gathered, claim)


async def _commit(stores: Stores, read: Gathered, claim: RequestClaim | None) -> None:
    commit = Commit(
        deadline_ms=decision_log.now_us() // 1_000 + int(1_000 * PATIENCE_S),
        contacts_version=read.record.contacts_version,
        consent_version=read.record.consent_version,
        new_contacts=_CONTACT,
        dropped_contacts=0,
        decision=_RECORD,
        claim=claim,
        answer=bytes(24) if claim else b"",
    )
    await stores.customers.commit(read.key, commit, deadline=_patiently())


def _patiently() -> float:
    return asyncio.get_running_loop().time() + PATIENCE_S


def _waits(settings: Settings, url: str, *, quick: bool) -> list[Figure]:
    """How long one commit alone takes with a sync on every write, and without any."""
    count = _ALONE // 5 if quick else _ALONE
    with redis.Redis.from_url(url) as store:
        synced = uvloop.run(_alone(settings, count))
        store.config_set("appendfsync", "no")
        unsynced = uvloop.run(_alone(settings, count))
        store.config_set("appendfsync", "always")
    return [
        _figure("a read and a commit alone, not synced", unsynced, "us waiting"),
        _figure("nothing acknowledged is lost: the sync", synced - unsynced, "us waiting"),
    ]


async def _alone(settings: Settings, count: int) -> float:
    taken = array("d")
    async with open_stores(settings, open_secrets(settings)) as stores:
        for number in range(count):
            began = time.perf_counter()
            with suppress(StoreUnavailable):
                await _read_and_commit(stores, number)
            taken.append(1e6 * (time.perf_counter() - began))
    return spread(taken).p50_us
