"""Where a decision's processor time goes: the service's own steps in their own order, in this process.

Steps are timed where they stand, between the others: repeated alone they would find everything in the caches, and take
half the time that they take in service.
"""

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from time import perf_counter_ns
from typing import Final

import msgspec

from api import decision_log
from api.adapters.record_reader import RecordReader
from api.bootstrap import Stores, open_stores
from api.ports import Commit, CommitState, StoredRecord, StoreUnavailable, key_of
from api.rendering import Answered
from api.schemas import DecisionRequest, TimingsBody
from api.scorers import open_scorers
from api.security import open_secrets
from api.serving import Serving
from api.settings import Settings
from api.tokens import TokenCodec
from bench.engine_case import KEY
from bench.measure import spread
from bench.rows import row_reader
from engine import Decision, Plan, Request, Snapshot, decide
from engine.contacts import pack
from engine.ids import CustomerId
from engine.row import assemble
from models.loading import load_model

CASES: Final = 512
_IN_FLIGHT: Final = 16
CALLS: Final = 4_000
PATIENCE_S: Final = 5.0
STARTED_AT: Final = datetime.now(UTC)
_TIMINGS: Final = TimingsBody(0, 0, 0, 0)
_PARSE, _QUESTION, _READ, _MIDDLE, _RECORD, _RENDER, _SCORE = range(7)


async def ledger(settings: Settings, plan: Plan, bodies: tuple[str, ...], *, quick: bool) -> Mapping[str, float]:
    """Microseconds of each step in the order in which a request goes through them: medians, for the two calls of the
    store processor time per call. `bodies` ask by customer number; `settings` name a model."""
    keys = open_secrets(settings)
    serving = serving_of(settings, plan)
    async with open_stores(settings, keys) as stores:
        passes = _Passes(serving, await cases_of(serving, stores, bodies[:CASES]))
        rounds = 3 if quick else 12
        whole = passes.time(passes.decide, rounds)
        rules = passes.time(passes.rules, rounds)[_MIDDLE]
        rows = passes.time(_row_reading(settings, plan), rounds)[_MIDDLE]
        calls = CALLS // (4 if quick else 1)
        gather_us, both_us = await store_us(stores, _gather, calls), await store_us(stores, _gather_and_commit, calls)
    return {
        "parse and check the body": whole[_PARSE],
        "make the question": whole[_QUESTION],
        "gather: one read, shared": gather_us,
        "decode the record": whole[_READ],
        "rules: row, guards, engagement, triggers": rules,
        "rows: customer, season, past contacts": rows,
        "predict: trees and calibration": whole[_SCORE] - rows,
        "contact policy, weights, ranking, exploration, fill": whole[_MIDDLE] - whole[_SCORE] - rules,
        "record: encode for the stream": whole[_RECORD],
        "commit: one atomic write, shared": both_us - gather_us,
        "render: token and JSON": whole[_RENDER],
    }


def serving_of(settings: Settings, plan: Plan) -> Serving:
    """What a server of these settings serves with."""
    scorers = open_scorers(settings, plan)
    return Serving(
        plan=plan,
        scorer=scorers.scorer,
        baseline=scorers.baseline,
        reader=RecordReader(plan.profile_schema, plan.event_layout),
        tokens=TokenCodec(open_secrets(settings)),
        release="bench",
    )


class Case:
    """One request with everything that its steps hand to each other."""

    def __init__(self, serving: Serving, body: str, stored: StoredRecord) -> None:
        self.body = body.encode()
        self.stored = stored
        self.request: DecisionRequest = msgspec.json.decode(self.body, type=DecisionRequest)
        customer = self.request.identities[0].value
        self.key = key_of(CustomerId(customer))
        self.question: Request = serving.questions.question(self.request, customer)
        self.snapshot: Snapshot = serving.reader.read(stored)
        self.decision: Decision = _decided(serving, self.question, self.snapshot)


def _decided(serving: Serving, question: Request, snapshot: Snapshot) -> Decision:
    return decide(
        plan=serving.plan,
        request=question,
        snapshot=snapshot,
        scorer=serving.scorer,
        baseline=serving.baseline,
        now=STARTED_AT,
        exploration_key=KEY,
    )


async def cases_of(serving: Serving, stores: Stores, bodies: tuple[str, ...]) -> list[Case]:
    """Requests by customer number with what the store holds of their customers."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    cases = []
    for body in bodies:
        key = key_of(msgspec.json.decode(body, type=DecisionRequest).identities[0].value)
        gathered = await stores.customers.gather(key, None, deadline=deadline)
        cases.append(Case(serving, body, gathered.record))
    return cases


def record_of(serving: Serving, case: Case) -> object:
    """The record of a decision and its contacts, as bytes."""
    record = decision_log.encode(
        decision_id="0" * 24,
        decided_at_us=decision_log.now_us(),
        origin=serving.origin,
        key=case.key,
        request=case.question,
        moment=case.request.moment,
        stored=case.stored,
        known=True,
        decision=case.decision,
        actions=serving.action_ids,
    )
    return record, pack(case.decision.new_contacts)


class _Passes:
    """Takes every case through all steps; what stands in the middle, where the engine decides, can be exchanged."""

    def __init__(self, serving: Serving, cases: list[Case]) -> None:
        self._serving = serving
        self._decode = msgspec.json.Decoder(DecisionRequest).decode
        self._cases = cases

    def time(self, middle: Callable[[Case], object], rounds: int) -> list[float]:
        """The median of each step, by its position; the first round only warms up."""
        samples = [array("d") for _ in range(_SCORE + 1)]
        for number in range(rounds + 1):
            for case in self._cases:
                instants = self._instants(case, middle)
                if number:
                    for step in range(_SCORE):
                        samples[step].append((instants[step + 1] - instants[step]) / 1000)
                    samples[_SCORE].append(self._serving.scorer.last_us)
        return [spread(each).p50_us for each in samples]

    def _instants(self, case: Case, middle: Callable[[Case], object]) -> tuple[int, ...]:
        serving = self._serving
        began = perf_counter_ns()
        request = self._decode(case.body)
        serving.vocabulary.check(request)
        parsed = perf_counter_ns()
        serving.questions.question(request, case.key.record)
        asked = perf_counter_ns()
        serving.reader.read(case.stored)
        read = perf_counter_ns()
        middle(case)
        decided = perf_counter_ns()
        record_of(serving, case)
        recorded = perf_counter_ns()
        self._render(case)
        return began, parsed, asked, read, decided, recorded, perf_counter_ns()

    def decide(self, case: Case) -> object:
        """What the service does: the whole decision."""
        return _decided(self._serving, case.question, case.snapshot)

    def rules(self, case: Case) -> object:
        """The generated functions alone."""
        plan = self._serving.plan
        generated = plan.generated
        row = assemble(plan, case.question, case.snapshot, STARTED_AT)
        generated.guards(row)
        generated.suppressions(row)
        engaged = generated.engage(case.question.channel.position, row, bytearray(len(plan.actions)))
        return engaged, generated.promotions(row), generated.themes(row)

    def _render(self, case: Case) -> object:
        return self._serving.renderer.answer(
            Answered(
                decision_id="0" * 24,
                decided_at_us=decision_log.now_us(),
                key=case.key,
                request=case.question,
                decision=case.decision,
                timings=_TIMINGS,
                staff=False,
                everything=False,
                committed=True,
            )
        )


def _row_reading(settings: Settings, plan: Plan) -> Callable[[Case], object]:
    assert settings.model is not None
    read = row_reader(load_model(settings.model), plan)
    return lambda case: read(case.snapshot.profile or plan.nobody, case.snapshot.contacts, STARTED_AT)


# --- the store's client ----------------------------------------------------------------------------------------------


async def store_us(stores: Stores, turn: Callable[[Stores, int], Awaitable[None]], calls: int) -> float:
    """Processor time of this process per turn, with as many in flight as a busy server has.

    A turn may fail where the machine's disk is slow for a moment; it has cost its time and counts.
    """
    numbers = iter(range(calls))

    async def one_after_another() -> None:
        for number in numbers:
            with suppress(StoreUnavailable):
                await turn(stores, number)

    before = time.process_time()
    await asyncio.gather(*(one_after_another() for _ in range(_IN_FLIGHT)))
    return 1e6 * (time.process_time() - before) / calls


async def _gather(stores: Stores, number: int) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    await stores.customers.gather(key_of(f"ledger-{number}"), None, deadline=deadline)


async def _gather_and_commit(stores: Stores, number: int) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    gathered = await stores.customers.gather(key_of(f"ledger-{number}"), None, deadline=deadline)
    commit = Commit(
        deadline_ms=decision_log.now_us() // 1_000 + int(1_000 * PATIENCE_S),
        contacts_version=gathered.record.contacts_version,
        consent_version=gathered.record.consent_version,
        new_contacts=bytes(16),
        dropped_contacts=0,
        decision=bytes(1_000),
        claim=None,
        answer=b"",
    )
    committed = await stores.customers.commit(gathered.key, commit, deadline=deadline)
    if committed.state is not CommitState.COMMITTED:
        raise RuntimeError(f"a commit ended with {committed.state.name}")
