"""One decision on a real store, by a clock that a test sets."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from api import decision_log
from api.bootstrap import Stores
from api.decision_log import DecisionIds
from api.ports import Commit, CommitState, CustomerKey, StoredRecord
from api.serving import Serving
from engine.contacts import pack
from engine.decision import Decision, Request
from engine.pipeline import decide

CALLS_S: Final = 30.0


def soon() -> float:
    """A deadline that a busy machine keeps."""
    return asyncio.get_running_loop().time() + CALLS_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Committer:
    """Decides with what serves, and commits."""

    stores: Stores
    serving: Serving
    exploration_key: bytes
    ids: DecisionIds

    @classmethod
    def on(cls, stores: Stores, serving: Serving, exploration_key: bytes) -> Self:
        """One that mints ids of its own."""
        return cls(stores=stores, serving=serving, exploration_key=exploration_key, ids=DecisionIds())

    async def commit(
        self, key: CustomerKey, request: Request, stored: StoredRecord, at: datetime
    ) -> tuple[str, Decision]:
        """A decision made at an instant, in the store, and its id."""
        serving, at_us = self.serving, int(at.timestamp() * 1_000_000)
        decision = decide(
            plan=serving.plan,
            request=request,
            snapshot=serving.reader.read(stored),
            scorer=serving.scorer,
            baseline=serving.baseline,
            now=datetime.fromtimestamp(at_us / 1_000_000, UTC),
            exploration_key=self.exploration_key,
        )
        decision_id = self.ids.mint(key.partition, at_us // 1_000)
        commit = Commit(
            deadline_ms=at_us // 1_000 + 1_000,
            contacts_version=stored.contacts_version,
            consent_version=stored.consent_version,
            new_contacts=pack(decision.new_contacts),
            dropped_contacts=0,
            decision=decision_log.encode(
                decision_id=decision_id,
                decided_at_us=at_us,
                origin=serving.origin,
                key=key,
                request=request,
                moment=None,
                stored=stored,
                known=True,
                decision=decision,
                actions=serving.action_ids,
                experiments=serving.experiment_ids,
            ),
            claim=None,
            answer=b"",
        )
        committed = await self.stores.customers.commit(key, commit, deadline=soon())
        assert committed.state is CommitState.COMMITTED
        return decision_id, decision
