"""Decides one question on one state of a customer's record, without writing anything."""

from datetime import UTC, datetime
from time import perf_counter_ns

from api import decision_log
from api.decision_log import DecisionIds
from api.gathering import Unanswerable, since
from api.judged import Judged
from api.leases import Leases
from api.ports import CustomerKey, StoredRecord
from api.schemas import DecisionRequest
from api.serving import RecordUnreadable, Serving
from engine.budgets import NO_LIMITS
from engine.channels import Channel
from engine.decision import Request
from engine.ids import ChannelId
from engine.pipeline import decide


class Judging:
    """Puts questions to the engine, with what the leases leave of budgets."""

    def __init__(self, leases: Leases, ids: DecisionIds, exploration_key: bytes) -> None:
        self._leases = leases
        self._ids = ids
        self._exploration_key = exploration_key

    def prepare_budgets(self, serving: Serving, request: DecisionRequest) -> Channel | None:
        """Renew leases that run out while the record is read; None where there is no budget."""
        plan = serving.plan
        if not plan.contact.budgets:
            return None
        channel = plan.channel_by_id[ChannelId(request.channel)]
        self._leases.prepare(plan, channel)
        return channel

    def judge(self, serving: Serving, question: Request, stored: StoredRecord, key: CustomerKey) -> Judged:
        """The decision on a record, now.

        Raises:
            Unanswerable: the record cannot be read.
        """
        started_ns = perf_counter_ns()
        try:
            if stored.ties is not None:
                stored = serving.reader.present(stored, decision_log.now_us() // 1_000_000)
            snapshot = serving.reader.read(stored)
        except RecordUnreadable as error:
            raise Unanswerable(error.missing) from error
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
            took_us=since(started_ns),
        )
