"""A decision from the door to the answer: gather, decide, commit; whatever fails, an answer inside the budget."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic, perf_counter_ns
from typing import Final

from api import decision_log, replay
from api.decision_log import DecisionIds
from api.decision_record import DecisionRecord
from api.faults import log_fault
from api.gathering import Gathering, RequestTime, Unanswerable, claim_of, since
from api.judged import Judged
from api.judging import Judging
from api.leases import Drawn, Leases
from api.ports import (
    ClaimState,
    CommitState,
    Committed,
    CustomerKey,
    CustomerStore,
    Gathered,
    RequestClaim,
    StoreUnavailable,
)
from api.problems import Problem
from api.rendering import Answered
from api.retelling import NO_TIMINGS, Retelling
from api.schemas import DecisionRequest, Degraded, TimingsBody
from api.security import Secrets
from api.serving import Serving, for_customer
from api.telemetry import Metrics
from api.vocabulary import Vocabulary
from engine.ids import ChannelId, PlacementId
from engine.plan import Plan

_log = logging.getLogger(__name__)
MAX_JUDGEMENTS: Final = 3
"""A decision that lost a race is judged again on the fresh history, twice at most."""
EARLIER_KEPT: Final = 3
"""Bundles that served before and are still here, for requests that are repeated and decisions that are replayed."""
_LEASE_ENDED: Final = Committed(CommitState.LEASE_ENDED)


class Service:
    """Implements `api.service_port.DecisionService` on a customer store."""

    def __init__(
        self, *, serving: Serving, store: CustomerStore, secrets: Secrets, metrics: Metrics, leases: Leases
    ) -> None:
        self._serving = serving
        self._earlier: tuple[Serving, ...] = ()
        self._store = store
        self._metrics = metrics
        self._leases = leases
        self._ids = DecisionIds()
        self._gathering = Gathering(store, metrics)
        self._judging = Judging(leases, self._ids, secrets.exploration)
        self._retelling = Retelling(
            store=store,
            metrics=metrics,
            gathering=self._gathering,
            judging=self._judging,
            leases=leases,
            exploration_key=secrets.exploration,
        )

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
        here = [self._serving, *self._earlier]
        here += [each.rival.serving for each in here if each.rival is not None]
        return next((each for each in here if replay.was_made_by(each, record)), None)

    async def decide(self, request: DecisionRequest, arrived_at: float, sees_reasons: bool = True) -> bytes:
        """See `DecisionService.decide`."""
        serving = self._serving
        time = RequestTime(arrived_at, _budget_ms(serving.plan, request))
        try:
            channel = self._judging.prepare_budgets(serving, request)
            key = await self._gathering.key(request, time.gather_deadline)
            if serving.rival is not None:
                serving = for_customer(serving, key.record)
            claim = claim_of(request, time.end)
            gathered = await self._gathering.record(key, claim, time)
            if gathered.claim.state is ClaimState.ANSWERED:
                decision_id = gathered.claim.answer.decode()
                maker, repeated = await self._retelling.repeat(decision_id, request, time, self._maker)
                repeated.staff = repeated.staff and sees_reasons
                return self._tell(maker, repeated)
            if channel is not None:
                await self._leases.ready(serving.plan, channel, time.gather_deadline)
            return await self._decide_and_commit(serving, request, gathered, claim, time, sees_reasons)
        except Unanswerable as missing:
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
        try:
            return await self._retelling.explain(serving, request, arrived_at)
        except Unanswerable as missing:
            return self._fall_back(serving, request, missing.degraded)

    async def replay(self, decision_id: str, arrived_at: float) -> bytes:
        """See `DecisionService.replay`."""
        return await self._retelling.replay(decision_id, arrived_at, self._maker)

    # --- decide and commit -------------------------------------------------------------------------------------------

    async def _decide_and_commit(
        self,
        serving: Serving,
        request: DecisionRequest,
        gathered: Gathered,
        claim: RequestClaim | None,
        time: RequestTime,
        sees_reasons: bool,
    ) -> bytes:
        gathered_us = since(time.started_ns)
        key, stored = gathered.key, gathered.record
        question = serving.questions.question(request, key.record)
        missing: Degraded = "contacts"
        for retry in range(MAX_JUDGEMENTS):
            asked = question if not retry else replace(question, retry=retry)
            judged = self._judging.judge(serving, asked, stored, key)
            committing_ns = perf_counter_ns()
            if judged.decision.draws:
                committed = await self._commit_with_units(serving, request, judged, key, claim, time)
            else:
                committed = await self._commit(serving, request, judged, key, claim, time)
            if committed.state is CommitState.COMMITTED:
                timings = TimingsBody(gathered_us, judged.took_us, serving.scorer.last_us, since(committing_ns))
                everything = request.detail == "all"
                return self._tell(
                    serving, judged.answered(key, timings, sees_reasons=sees_reasons, everything=everything)
                )
            if committed.state is CommitState.LEASE_ENDED:
                missing = "budget"
                continue
            if committed.state is not CommitState.CONFLICT or committed.record is None:
                raise Unanswerable("late")
            stored, missing = committed.record, "contacts"
        raise Unanswerable(missing)

    async def _commit_with_units(
        self,
        serving: Serving,
        request: DecisionRequest,
        judged: Judged,
        key: CustomerKey,
        claim: RequestClaim | None,
        time: RequestTime,
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
        time: RequestTime,
        drawn: Sequence[Drawn] = (),
    ) -> Committed:
        deadline = time.commit_deadline()
        deadline_ms = decision_log.now_us() // 1_000 + max(0, int((deadline - monotonic()) * 1_000))
        commit = judged.commit(serving, key, request.moment, deadline_ms, claim, drawn)
        try:
            return await self._store.commit(key, commit, deadline=deadline)
        except StoreUnavailable as error:
            self._metrics.store_failures.add(("commit",))
            raise Unanswerable("commit") from error

    # --- answer ------------------------------------------------------------------------------------------------------

    def _tell(self, serving: Serving, answered: Answered) -> bytes:
        decision, timings, metrics = answered.decision, answered.timings, self._metrics
        channel = answered.request.channel.id
        metrics.decisions.add((channel, decision.degraded[0] if decision.degraded else "none"))
        metrics.note_codes(decision.codes)
        metrics.note_stages(timings.gather, timings.decide, timings.score, timings.commit)
        return serving.renderer.answer(answered)

    def _fall_back(self, serving: Serving, request: DecisionRequest, degraded: Degraded) -> bytes:
        now_us = decision_log.now_us()
        placements = serving.plan.channel_by_id[ChannelId(request.channel)].placements
        self._metrics.decisions.add((request.channel, degraded))
        return serving.renderer.fallback(
            decision_id=self._ids.mint(0, now_us // 1_000),
            decided_at_us=now_us,
            placements=[placements[PlacementId(each.id)] for each in request.placements],
            degraded=(degraded,),
            timings=NO_TIMINGS,
        )


def _budget_ms(plan: Plan, request: DecisionRequest) -> int:
    own = plan.channel_by_id[ChannelId(request.channel)].budget_ms
    return own if request.budget_ms is None else min(own, request.budget_ms)
