"""A decision from the door to the answer: gather, decide, commit; whatever fails, an answer inside the budget."""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from secrets import token_bytes
from time import monotonic, perf_counter_ns
from typing import Final

import msgspec

from api import decision_log, replay
from api.decision_log import DecisionIds
from api.decision_record import DecisionRecord
from api.faults import log_fault
from api.judged import Judged
from api.leases import Drawn, Leases
from api.ports import (
    ClaimState,
    CommitState,
    Committed,
    CustomerKey,
    CustomerStore,
    Gathered,
    Identity,
    RequestClaim,
    StoredRecord,
    StoreUnavailable,
    key_of,
    key_of_unknown,
)
from api.problems import Problem, ProblemType
from api.rendering import Answered
from api.schemas import DecisionRequest, Degraded, TimingsBody
from api.security import Secrets
from api.serving import RecordUnreadable, Serving
from api.telemetry import Metrics
from api.vocabulary import Vocabulary
from engine.budgets import NO_LIMITS
from engine.decision import Decision, Request
from engine.ids import ChannelId, PlacementId
from engine.pipeline import decide
from engine.plan import Channel, Plan

_log = logging.getLogger(__name__)
GATHER_SHARE: Final = 0.4
COMMIT_SHARE: Final = 0.3
MAX_JUDGEMENTS: Final = 3
"""A decision that lost a race is judged again on the fresh history, twice at most."""
EARLIER_KEPT: Final = 3
"""Bundles that served before and are still here, for requests that are repeated and decisions that are replayed."""
_POLL_S: Final = 0.003
_EXPLAIN_BUDGET_MS: Final = 1_000
_LEASE_ENDED: Final = Committed(CommitState.LEASE_ENDED)
_NO_TIMINGS: Final = TimingsBody(0, 0, 0, 0)


class _Unanswerable(Exception):
    """No offer can be answered; the fallback shows, and `degraded` says why."""

    def __init__(self, degraded: Degraded) -> None:
        self.degraded: Degraded = degraded
        super().__init__(degraded)


class _Time:
    """The time that one request has, as instants of the event loop's clock."""

    __slots__ = ("_commit_s", "end", "gather_deadline", "started_ns")

    def __init__(self, arrived_at: float, budget_ms: int) -> None:
        budget_s = budget_ms / 1_000
        self.end = arrived_at + budget_s
        self.gather_deadline = arrived_at + GATHER_SHARE * budget_s
        self._commit_s = COMMIT_SHARE * budget_s
        self.started_ns = perf_counter_ns()

    def commit_deadline(self) -> float:
        """From now, at most the commit's share of the budget, and never past its end."""
        return min(self.end, monotonic() + self._commit_s)


class Service:
    """Implements `api.service_port.DecisionService` on a customer store."""

    def __init__(
        self, *, serving: Serving, store: CustomerStore, secrets: Secrets, metrics: Metrics, leases: Leases
    ) -> None:
        self._serving = serving
        self._earlier: tuple[Serving, ...] = ()
        self._store = store
        self._exploration_key = secrets.exploration
        self._metrics = metrics
        self._leases = leases
        self._ids = DecisionIds()

    @property
    def plan(self) -> Plan:
        """The plan that serves."""
        return self._serving.plan

    @property
    def vocabulary(self) -> Vocabulary:
        """What a request may name."""
        return self._serving.vocabulary

    @property
    def serving(self) -> Serving:
        """What serves."""
        return self._serving

    def take_up(self, serving: Serving) -> None:
        """Serve every request from now on with something else; those in flight end with what they began with."""
        self._earlier = (self._serving, *self._earlier)[:EARLIER_KEPT]
        self._serving = serving

    def _maker(self, record: DecisionRecord) -> Serving | None:
        """What made a decision, where it is still here."""
        here = (self._serving, *self._earlier)
        return next((each for each in here if replay.was_made_by(each, record)), None)

    async def decide(self, request: DecisionRequest, arrived_at: float) -> bytes:
        """See `DecisionService.decide`."""
        serving = self._serving
        time = _Time(arrived_at, _budget_ms(serving.plan, request))
        try:
            channel = self._prepare_budgets(serving, request)
            key = await self._key(request, time.gather_deadline)
            claim = _claim(request, time.end)
            gathered = await self._gather(key, claim, time)
            if gathered.claim.state is ClaimState.ANSWERED:
                return await self._repeat(gathered.claim.answer.decode(), request, time)
            if channel is not None:
                await self._leases.ready(serving.plan, channel, time.gather_deadline)
            return await self._decide_and_commit(serving, request, gathered, claim, time)
        except _Unanswerable as missing:
            return self._fall_back(serving, request, missing.degraded)
        except Problem:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one record, its customer gets an answer
            log_fault(_log, "a decision", error)
            return self._fall_back(serving, request, "record")

    def fallback(self, request: DecisionRequest, degraded: Degraded) -> bytes:
        """See `DecisionService.fallback`."""
        return self._fall_back(self._serving, request, degraded)

    async def explain(self, request: DecisionRequest, arrived_at: float) -> bytes:
        """See `DecisionService.explain`."""
        serving = self._serving
        time = _Time(arrived_at, _EXPLAIN_BUDGET_MS)
        try:
            key = await self._key(request, time.gather_deadline)
            gathered = await self._gather(key, None, time)
            if (channel := self._prepare_budgets(serving, request)) is not None:
                await self._leases.ready(serving.plan, channel, time.gather_deadline)
            judged = self._judge(
                serving, serving.questions.question(request, gathered.key.record), gathered.record, gathered.key
            )
        except _Unanswerable as missing:
            return self._fall_back(serving, request, missing.degraded)
        timings = TimingsBody(_since(time.started_ns) - judged.took_us, judged.took_us, serving.scorer.last_us, 0)
        return self._explained(
            serving,
            judged.question,
            judged.decision,
            judged.decision_id,
            judged.at_us,
            gathered.key,
            timings,
            judged.snapshot.known,
        )

    async def replay(self, decision_id: str, arrived_at: float) -> bytes:
        """See `DecisionService.replay`."""
        try:
            record = await replay.find(self._store, decision_id, deadline=arrived_at + _EXPLAIN_BUDGET_MS / 1_000)
        except StoreUnavailable as error:
            raise Problem(ProblemType.STORE_UNAVAILABLE, "the decision cannot be looked up now") from error
        if record is None:
            raise Problem(ProblemType.UNKNOWN_DECISION, "no such decision is kept", pointer="/decision_id")
        serving = self._maker(record)
        if serving is None:
            raise Problem(ProblemType.OTHER_BUNDLE, "the decision was made with other rules or another model")
        question, decision = replay.decide_again(serving, record, self._exploration_key)
        key = key_of(record.record)
        return self._explained(
            serving, question, decision, decision_id, record.decided_at_us, key, _NO_TIMINGS, record.known
        )

    # --- gather ------------------------------------------------------------------------------------------------------

    async def _key(self, request: DecisionRequest, deadline: float) -> CustomerKey:
        identities = [Identity(each.scheme, each.value) for each in request.identities]
        try:
            resolution = await self._store.resolve(identities, deadline=deadline)
        except StoreUnavailable as error:
            self._metrics.store_failures.add(("resolve",))
            raise _Unanswerable("identity") from error
        if len(resolution.customers) > 1:
            raise _Unanswerable("identity_ambiguous")
        return key_of(resolution.customers[0]) if resolution.customers else key_of_unknown(identities[0])

    def _prepare_budgets(self, serving: Serving, request: DecisionRequest) -> Channel | None:
        """Renew leases that run out while the record is read; None where there is no budget."""
        plan = serving.plan
        if not plan.contact.budgets:
            return None
        channel = plan.channel_by_id[ChannelId(request.channel)]
        self._leases.prepare(plan, channel)
        return channel

    async def _gather(self, key: CustomerKey, claim: RequestClaim | None, time: _Time) -> Gathered:
        try:
            gathered = await self._store.gather(key, claim, deadline=time.gather_deadline)
            while gathered.claim.state is ClaimState.IN_FLIGHT:
                if monotonic() + _POLL_S >= time.end:
                    raise _Unanswerable("late")
                await asyncio.sleep(_POLL_S)
                gathered = await self._store.gather(key, claim, deadline=time.end)
        except StoreUnavailable as error:
            self._metrics.store_failures.add(("gather",))
            raise _Unanswerable("record") from error
        if gathered.claim.state is ClaimState.OTHER_BODY:
            raise Problem(
                ProblemType.REQUEST_ID_REUSED, "`request_id` was used with another body", pointer="/request_id"
            )
        return gathered

    # --- decide and commit -------------------------------------------------------------------------------------------

    async def _decide_and_commit(
        self, serving: Serving, request: DecisionRequest, gathered: Gathered, claim: RequestClaim | None, time: _Time
    ) -> bytes:
        gathered_us = _since(time.started_ns)
        key, stored = gathered.key, gathered.record
        question = serving.questions.question(request, key.record)
        missing: Degraded = "contacts"
        for retry in range(MAX_JUDGEMENTS):
            judged = self._judge(serving, question if not retry else replace(question, retry=retry), stored, key)
            committing_ns = perf_counter_ns()
            if judged.decision.draws:
                committed = await self._commit_with_units(serving, request, judged, key, claim, time)
            else:
                committed = await self._commit(serving, request, judged, key, claim, time)
            if committed.state is CommitState.COMMITTED:
                timings = TimingsBody(gathered_us, judged.took_us, serving.scorer.last_us, _since(committing_ns))
                return self._answered(
                    serving,
                    request,
                    judged.question,
                    judged.decision,
                    judged.decision_id,
                    judged.at_us,
                    key,
                    timings,
                    judged.snapshot.known,
                )
            if committed.state is CommitState.LEASE_ENDED:
                missing = "budget"
                continue
            if committed.state is not CommitState.CONFLICT or committed.record is None:
                raise _Unanswerable("late")
            stored, missing = committed.record, "contacts"
        raise _Unanswerable(missing)

    def _judge(self, serving: Serving, question: Request, stored: StoredRecord, key: CustomerKey) -> Judged:
        started_ns = perf_counter_ns()
        try:
            snapshot = serving.reader.read(stored)
        except RecordUnreadable as error:
            raise _Unanswerable(error.missing) from error
        at_us, budget_left = decision_log.now_us(), NO_LIMITS
        if serving.plan.contact.budgets:
            most = sum([asked.count for asked in question.placements])
            budget_left = self._leases.left(serving.plan, question.channel, most)
        decision = decide(
            plan=serving.plan,
            request=question,
            snapshot=snapshot,
            scorer=serving.scorer,
            baseline=serving.baseline,
            now=datetime.fromtimestamp(at_us / 1_000_000, UTC),
            exploration_key=self._exploration_key,
            budget_left=budget_left,
        )
        return Judged(
            decision_id=self._ids.mint(key.partition, at_us // 1_000),
            at_us=at_us,
            question=question,
            stored=stored,
            snapshot=snapshot,
            decision=decision,
            budget_left=budget_left,
            took_us=_since(started_ns),
        )

    async def _commit_with_units(
        self,
        serving: Serving,
        request: DecisionRequest,
        judged: Judged,
        key: CustomerKey,
        claim: RequestClaim | None,
        time: _Time,
    ) -> Committed:
        """Commit, with what the decision takes of budgets; one in doubt leaves that to whoever counts records."""
        drawn = self._leases.draw(serving.plan, judged.question.channel, judged.decision, judged.decision_id)
        if drawn is None:
            return _LEASE_ENDED
        committed = await self._commit(serving, request, judged, key, claim, time, drawn)
        if committed.state is CommitState.COMMITTED:
            self._leases.note_committed(drawn)
        else:
            self._leases.give_back(drawn, ended=committed.state is CommitState.LEASE_ENDED)
        return committed

    async def _commit(
        self,
        serving: Serving,
        request: DecisionRequest,
        judged: Judged,
        key: CustomerKey,
        claim: RequestClaim | None,
        time: _Time,
        drawn: Sequence[Drawn] = (),
    ) -> Committed:
        deadline = time.commit_deadline()
        deadline_ms = decision_log.now_us() // 1_000 + max(0, int((deadline - monotonic()) * 1_000))
        commit = judged.commit(serving, key, request.moment, deadline_ms, claim, drawn)
        try:
            return await self._store.commit(key, commit, deadline=deadline)
        except StoreUnavailable as error:
            self._metrics.store_failures.add(("commit",))
            raise _Unanswerable("commit") from error

    # --- answer ------------------------------------------------------------------------------------------------------

    async def _repeat(self, decision_id: str, request: DecisionRequest, time: _Time) -> bytes:
        """The same answer again, made from the record of the decision."""
        record: DecisionRecord | None = None
        try:
            record = await replay.find(self._store, decision_id, deadline=time.end)
        except StoreUnavailable as error:
            self._metrics.store_failures.add(("decisions_between",))
            raise _Unanswerable("record") from error
        serving = None if record is None else self._maker(record)
        if record is None or serving is None:
            raise _Unanswerable("record")
        question, decision = replay.decide_again(serving, record, self._exploration_key)
        key = key_of(record.record)
        return self._answered(
            serving, request, question, decision, decision_id, record.decided_at_us, key, _NO_TIMINGS, record.known
        )

    def _answered(
        self,
        serving: Serving,
        request: DecisionRequest,
        question: Request,
        decision: Decision,
        decision_id: str,
        at_us: int,
        key: CustomerKey,
        timings: TimingsBody,
        known: bool,
    ) -> bytes:
        self._count(request.channel, decision, timings)
        return serving.renderer.answer(
            Answered(
                decision_id=decision_id,
                decided_at_us=at_us,
                key=key,
                request=question,
                decision=decision,
                timings=timings,
                staff=question.channel.staff,
                everything=request.detail == "all",
                committed=True,
                known=known,
            )
        )

    def _count(self, channel: str, decision: Decision, timings: TimingsBody) -> None:
        metrics = self._metrics
        metrics.decisions.add((channel, decision.degraded[0] if decision.degraded else "none"))
        metrics.note_codes(decision.codes)
        metrics.note_stages(timings.gather, timings.decide, timings.score, timings.commit)

    @staticmethod
    def _explained(
        serving: Serving,
        question: Request,
        decision: Decision,
        decision_id: str,
        at_us: int,
        key: CustomerKey,
        timings: TimingsBody,
        known: bool,
    ) -> bytes:
        return serving.renderer.answer(
            Answered(
                decision_id=decision_id,
                decided_at_us=at_us,
                key=key,
                request=question,
                decision=decision,
                timings=timings,
                staff=True,
                everything=True,
                committed=False,
                known=known,
            )
        )

    def _fall_back(self, serving: Serving, request: DecisionRequest, degraded: Degraded) -> bytes:
        now_us = decision_log.now_us()
        placements = serving.plan.channel_by_id[ChannelId(request.channel)].placements
        self._metrics.decisions.add((request.channel, degraded))
        return serving.renderer.fallback(
            decision_id=self._ids.mint(0, now_us // 1_000),
            decided_at_us=now_us,
            placements=[placements[PlacementId(each.id)] for each in request.placements],
            degraded=(degraded,),
            timings=_NO_TIMINGS,
        )


def _budget_ms(plan: Plan, request: DecisionRequest) -> int:
    own = plan.channel_by_id[ChannelId(request.channel)].budget_ms
    return own if request.budget_ms is None else min(own, request.budget_ms)


def _since(started_ns: int) -> int:
    return (perf_counter_ns() - started_ns) // 1_000


def _claim(request: DecisionRequest, end: float) -> RequestClaim | None:
    if request.request_id is None:
        return None
    body = msgspec.json.encode(msgspec.structs.replace(request, budget_ms=None))
    return RequestClaim(
        request_id=request.request_id,
        body_hash=hashlib.blake2b(body, digest_size=8).digest(),
        attempt=token_bytes(8),
        hold_ms=max(1, int((end - monotonic()) * 1_000)),
    )
