"""Where a decision's processor time goes: each step of the service's own code path, called alone in this process."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import cycle
from typing import Final

import msgspec

from api import decision_log
from api.adapters.record_reader import RecordReader
from api.bootstrap import Stores, open_scorers, open_secrets, open_stores
from api.ports import Commit, CommitState, StoredRecord, key_of
from api.schemas import DecisionRequest, TimingsBody
from api.security import TokenCodec
from api.serving import Serving
from api.settings import Settings
from bench.customers import NOW
from bench.engine_case import KEY, ConstantScorer
from bench.measure import Subject, time_in_turns
from engine import Decision, Plan, Request, Snapshot, decide
from engine.contacts import pack
from engine.ids import CustomerId
from engine.ports import Scorer, ScoringContext
from engine.row import assemble

_CUSTOMERS: Final = 64
_IN_FLIGHT: Final = 16
_CALLS: Final = 4_000
_PATIENCE_S: Final = 5.0
_TIMINGS: Final = TimingsBody(0, 0, 0, 0)


async def ledger(settings: Settings, plan: Plan, bodies: tuple[str, ...], *, quick: bool) -> Mapping[str, float]:
    """Microseconds of each step in the order in which a request goes through them; the median where calls are timed,
    processor time per call for the two calls of the store. `bodies` ask by customer number."""
    keys = open_secrets(settings)
    scorer, baseline = open_scorers(settings, plan)
    reader = RecordReader(plan.profile_schema, plan.event_layout)
    serving = Serving(
        plan=plan, scorer=scorer, baseline=baseline, reader=reader, tokens=TokenCodec(keys), release="bench"
    )
    async with open_stores(settings, keys) as stores:
        steps = _Steps(serving, scorer, await _cases(serving, stores, bodies[:_CUSTOMERS]))
        times = time_in_turns(steps.subjects(), rounds=4 if quick else 20)
        calls = _CALLS // (4 if quick else 1)
        gather_us, both_us = await _store_us(stores, _gather, calls), await _store_us(stores, _gather_and_commit, calls)
    took = {name: spread.p50_us for name, spread in times.items()}
    return {
        "parse and check the body": took["parse"],
        "make the question": took["question"],
        "gather: one read, shared": gather_us,
        "decode the record": took["read"],
        "rules: row, guards, engagement, triggers": took["rules"],
        "contact policy, weights, ranking, exploration, fill": took["decide"] - took["rules"],
        "score: rows and trees": took["score"],
        "record: encode for the stream": took["record"],
        "commit: one atomic write, shared": both_us - gather_us,
        "render: token and JSON": took["render"],
    }


class _Case:
    """One request with everything that its steps hand to each other."""

    def __init__(self, serving: Serving, body: str, stored: StoredRecord) -> None:
        self.body = body.encode()
        self.stored = stored
        self.request: DecisionRequest = msgspec.json.decode(self.body, type=DecisionRequest)
        customer = self.request.identities[0].value
        self.key = key_of(CustomerId(customer))
        self.question: Request = serving.questions.question(self.request, customer)
        self.snapshot: Snapshot = serving.reader.read(stored)
        self.decision: Decision = _decided(serving, self.question, self.snapshot, serving.scorer)


def _decided(serving: Serving, question: Request, snapshot: Snapshot, scorer: Scorer) -> Decision:
    return decide(
        plan=serving.plan,
        request=question,
        snapshot=snapshot,
        scorer=scorer,
        baseline=serving.baseline,
        now=NOW,
        exploration_key=KEY,
    )


async def _cases(serving: Serving, stores: Stores, bodies: tuple[str, ...]) -> list[_Case]:
    deadline = asyncio.get_running_loop().time() + _PATIENCE_S
    cases = []
    for body in bodies:
        key = key_of(msgspec.json.decode(body, type=DecisionRequest).identities[0].value)
        gathered = await stores.customers.gather(key, None, deadline=deadline)
        cases.append(_Case(serving, body, gathered.record))
    return cases


class _Steps:
    """The steps, each for the next case every time it is called."""

    def __init__(self, serving: Serving, scorer: Scorer, cases: list[_Case]) -> None:
        self._serving = serving
        self._scorer = scorer
        self._constant = ConstantScorer(serving.plan)
        self._decode = msgspec.json.Decoder(DecisionRequest).decode
        self._cases = cycle(cases)

    def subjects(self) -> list[Subject]:
        steps: dict[str, Callable[[], object]] = {
            "parse": self._parse,
            "question": self._question,
            "read": lambda: self._serving.reader.read(next(self._cases).stored),
            "rules": self._rules,
            "decide": self._decide,
            "score": self._score,
            "record": self._record,
            "render": self._render,
        }
        return [Subject(name=name, call=call, calls=200) for name, call in steps.items()]

    def _parse(self) -> object:
        request = self._decode(next(self._cases).body)
        self._serving.vocabulary.check(request)
        return request

    def _question(self) -> object:
        case = next(self._cases)
        return self._serving.questions.question(case.request, case.key.record)

    def _rules(self) -> object:
        case = next(self._cases)
        plan = self._serving.plan
        generated = plan.generated
        row = assemble(plan, case.question, case.snapshot, NOW)
        generated.guards(row)
        generated.suppressions(row)
        engaged = generated.engage(case.question.channel.position, row, bytearray(len(plan.actions)))
        return engaged, generated.promotions(row), generated.themes(row)

    def _decide(self) -> object:
        case = next(self._cases)
        return _decided(self._serving, case.question, case.snapshot, self._constant)

    def _score(self) -> object:
        case = next(self._cases)
        snapshot = case.snapshot
        profile = snapshot.profile if snapshot.profile is not None else self._serving.plan.nobody
        context = ScoringContext(profile=profile, channel=0, now=NOW, contacts=snapshot.contacts)
        return self._scorer.score(context, [candidate.action for candidate in case.decision.ranking])

    def _record(self) -> object:
        case = next(self._cases)
        record = decision_log.encode(
            decision_id="0" * 24,
            decided_at_us=decision_log.now_us(),
            origin=self._serving.origin,
            key=case.key,
            request=case.question,
            moment=case.request.moment,
            stored=case.stored,
            known=True,
            decision=case.decision,
            actions=self._serving.action_ids,
        )
        return record, pack(case.decision.new_contacts)

    def _render(self) -> object:
        case = next(self._cases)
        return self._serving.renderer.answer(
            decision_id="0" * 24,
            decided_at_us=decision_log.now_us(),
            key=case.key,
            request=case.question,
            decision=case.decision,
            timings=_TIMINGS,
            staff=False,
            everything=False,
        )


# --- the store's client ----------------------------------------------------------------------------------------------


async def _store_us(stores: Stores, turn: Callable[[Stores, int], Awaitable[None]], calls: int) -> float:
    """Processor time of this process per turn, with as many in flight as a busy server has."""
    numbers = iter(range(calls))

    async def one_after_another() -> None:
        for number in numbers:
            await turn(stores, number)

    before = time.process_time()
    await asyncio.gather(*(one_after_another() for _ in range(_IN_FLIGHT)))
    return 1e6 * (time.process_time() - before) / calls


async def _gather(stores: Stores, number: int) -> None:
    deadline = asyncio.get_running_loop().time() + _PATIENCE_S
    await stores.customers.gather(key_of(f"ledger-{number}"), None, deadline=deadline)


async def _gather_and_commit(stores: Stores, number: int) -> None:
    deadline = asyncio.get_running_loop().time() + _PATIENCE_S
    gathered = await stores.customers.gather(key_of(f"ledger-{number}"), None, deadline=deadline)
    commit = Commit(
        deadline_ms=decision_log.now_us() // 1_000 + int(1_000 * _PATIENCE_S),
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
