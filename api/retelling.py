"""Answers that change nothing: explanations, past decisions made again, and the same answer to a repeated request."""

from collections.abc import Callable
from typing import Final

from api import replay
from api.decision_record import DecisionRecord
from api.gathering import Gathering, RequestTime, Unanswerable, since
from api.judging import Judging
from api.leases import Leases
from api.ports import CustomerStore, StoreUnavailable, key_of
from api.problems import Problem, ProblemType
from api.rendering import Answered
from api.schemas import DecisionRequest, TimingsBody
from api.serving import Serving, for_customer
from api.telemetry import Metrics

NO_TIMINGS: Final = TimingsBody(0, 0, 0, 0)
_EXPLAIN_BUDGET_MS: Final = 1_000
_Maker = Callable[[DecisionRecord], Serving | None]
"""What made a decision, where it is still here."""


class Retelling:
    """Tells decisions with everything behind them, and repeats those that were answered already."""

    def __init__(
        self,
        *,
        store: CustomerStore,
        metrics: Metrics,
        gathering: Gathering,
        judging: Judging,
        leases: Leases,
        exploration_key: bytes,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._gathering = gathering
        self._judging = judging
        self._leases = leases
        self._exploration_key = exploration_key

    async def explain(self, serving: Serving, request: DecisionRequest, arrived_at: float) -> bytes:
        """What would be decided now, with all detail.

        Raises:
            Unanswerable: the customer or the record cannot be read.
        """
        time = RequestTime(arrived_at, _EXPLAIN_BUDGET_MS)
        key = await self._gathering.key(request, time.gather_deadline)
        serving = for_customer(serving, key.record)
        gathered = await self._gathering.record(key, None, time)
        if (channel := self._judging.prepare_budgets(serving, request)) is not None:
            await self._leases.ready(serving.plan, channel, time.gather_deadline)
        question = serving.questions.question(request, gathered.key.record)
        judged = self._judging.judge(serving, question, gathered.record, gathered.key)
        timings = TimingsBody(since(time.started_ns) - judged.took_us, judged.took_us, serving.scorer.last_us, 0)
        return serving.renderer.answer(judged.explained(gathered.key, timings))

    async def replay(self, decision_id: str, arrived_at: float, maker: _Maker) -> bytes:
        """A past decision, made again from its record, with all detail.

        Raises:
            Problem: no such decision is kept, or what made it is gone, or nobody can tell.
        """
        try:
            record = await replay.find(self._store, decision_id, deadline=arrived_at + _EXPLAIN_BUDGET_MS / 1_000)
        except StoreUnavailable as error:
            raise Problem(ProblemType.STORE_UNAVAILABLE, "the decision cannot be looked up now") from error
        if record is None:
            raise Problem(ProblemType.UNKNOWN_DECISION, "no such decision is kept", pointer="/decision_id")
        serving = maker(record)
        if serving is None:
            raise Problem(ProblemType.OTHER_BUNDLE, "the decision was made with other rules or another model")
        return serving.renderer.answer(self._again(serving, record, explained=True, everything=True))

    async def repeat(
        self, decision_id: str, request: DecisionRequest, time: RequestTime, maker: _Maker
    ) -> tuple[Serving, Answered]:
        """The answer that a repeated request got, made from the record of the decision, and what made it.

        Raises:
            Unanswerable: the record or what made the decision is not there.
        """
        record: DecisionRecord | None = None
        try:
            record = await replay.find(self._store, decision_id, deadline=time.end)
        except StoreUnavailable as error:
            self._metrics.store_failures.add(("decisions_between",))
            raise Unanswerable("record") from error
        serving = None if record is None else maker(record)
        if record is None or serving is None:
            raise Unanswerable("record")
        return serving, self._again(serving, record, explained=False, everything=request.detail == "all")

    def _again(self, serving: Serving, record: DecisionRecord, *, explained: bool, everything: bool) -> Answered:
        question, decision = replay.decide_again(serving, record, self._exploration_key)
        return Answered(
            decision_id=record.decision_id,
            decided_at_us=record.decided_at_us,
            key=key_of(record.record),
            request=question,
            decision=decision,
            timings=NO_TIMINGS,
            staff=explained or question.channel.staff,
            everything=everything,
            committed=not explained,
            known=record.known,
        )
