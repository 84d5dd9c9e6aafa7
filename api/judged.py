"""What a decision on one state of a customer's record came to, and what it writes."""

from collections.abc import Sequence
from dataclasses import dataclass

from api import decision_log, quotes
from api.leases import Drawn
from api.ports import Commit, CustomerKey, RequestClaim, StoredRecord
from api.rendering import Answered
from api.schemas import TimingsBody
from api.serving import Serving
from engine.budgets import Left
from engine.contacts import Contact, compaction, pack
from engine.decision import Decision, Request, Snapshot
from engine.plan import Plan


@dataclass(slots=True, init=False)
class Judged:
    """A question decided on one state of a customer's record; its constructor is written out to be compiled."""

    decision_id: str
    at_us: int
    question: Request
    stored: StoredRecord
    snapshot: Snapshot
    decision: Decision
    budget_left: Left
    took_us: int

    def __init__(
        self,
        *,
        decision_id: str,
        at_us: int,
        question: Request,
        stored: StoredRecord,
        snapshot: Snapshot,
        decision: Decision,
        budget_left: Left,
        took_us: int,
    ) -> None:
        self.decision_id = decision_id
        self.at_us = at_us
        self.question = question
        self.stored = stored
        self.snapshot = snapshot
        self.decision = decision
        self.budget_left = budget_left
        self.took_us = took_us

    def commit(
        self,
        serving: Serving,
        key: CustomerKey,
        moment: str | None,
        deadline_ms: int,
        claim: RequestClaim | None,
        drawn: Sequence[Drawn],
    ) -> Commit:
        """What is to be written, at the latest at an instant of the store's clock."""
        plan, stored, decision = serving.plan, self.stored, self.decision
        dropped, kept = self._compacted(plan)
        return Commit(
            deadline_ms=deadline_ms,
            contacts_version=stored.contacts_version,
            consent_version=stored.consent_version,
            new_contacts=pack((*kept, *decision.new_contacts) if kept else decision.new_contacts),
            dropped_contacts=dropped,
            decision=decision_log.encode(
                decision_id=self.decision_id,
                decided_at_us=self.at_us,
                origin=serving.origin,
                key=key,
                request=self.question,
                moment=moment,
                stored=stored,
                known=self.snapshot.known,
                decision=decision,
                actions=serving.action_ids,
                experiments=serving.experiment_ids,
                budgets=self._left_by_name(plan) if self.budget_left else (),
                terms=stored.terms if plan.holds_terms else None,
            ),
            claim=claim,
            answer=self.decision_id.encode(),
            terms=self._quoted(plan) if decision.quotes else b"",
            units=tuple([each.unit for each in drawn]),
        )

    def answered(self, key: CustomerKey, timings: TimingsBody, *, sees_reasons: bool, everything: bool) -> Answered:
        """What its channel is told, once it is committed."""
        staff = sees_reasons and self.question.channel.staff
        return self._told(key, timings, staff=staff, everything=everything, committed=True)

    def explained(self, key: CustomerKey, timings: TimingsBody) -> Answered:
        """What people who explain it are told; nothing was committed."""
        return self._told(key, timings, staff=True, everything=True, committed=False)

    def _told(
        self, key: CustomerKey, timings: TimingsBody, *, staff: bool, everything: bool, committed: bool
    ) -> Answered:
        return Answered(
            decision_id=self.decision_id,
            decided_at_us=self.at_us,
            key=key,
            request=self.question,
            decision=self.decision,
            timings=timings,
            staff=staff,
            everything=everything,
            committed=committed,
            known=self.snapshot.known,
        )

    def _compacted(self, plan: Plan) -> tuple[int, Sequence[Contact]]:
        now_s, rules = self.at_us // 1_000_000, plan.contact
        return compaction(
            self.snapshot.contacts,
            shown_since=now_s - rules.horizon_s,
            answered_since=now_s - rules.answer_horizon_s,
        )

    def _left_by_name(self, plan: Plan) -> list[tuple[str, int]]:
        return [(plan.contact.budgets[at].id, offers) for at, offers in self.budget_left.items()]

    def _quoted(self, plan: Plan) -> bytes:
        return quotes.after(plan, self.snapshot.quoted, self.decision.quotes, self.at_us // 1_000_000)
