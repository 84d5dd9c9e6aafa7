"""Visits of the nutshell bank's customers on a real store: decided by its model, committed, seen and answered."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from api.adapters.record_reader import RecordReader
from api.adapters.records import encode_consent, encode_events, encode_profile
from api.bootstrap import Stores, bundles_of, release
from api.entries import OutcomeEntry, encode_entry
from api.ports import CustomerKey, LoadedRecord, OutcomeState, OutcomeWrite, key_of
from api.security import open_secrets
from api.serving import Serving
from api.settings import Settings
from api.tokens import TokenCodec
from engine import Decision
from engine.compiler.bundle import hash_of
from engine.contacts import ContactState, DeclineReason
from engine.decision import PlacementRequest, Request
from engine.facts import Consent
from engine.ids import CustomerId
from models.baseline import Baseline
from tests.integration.committing import Committer, soon
from tests.integration.models.conftest import Installation
from tests.integration.models.test_parity import Files
from tests.unit.models.banks import PLACES, rule_files

FIRST_DAY: Final = datetime(2031, 3, 3, 9, tzinfo=UTC)
"""Later than any run, so that the store's own clock refuses no commit as late."""
EVERYWHERE: Final = Consent(
    version=1, allowed_by_purpose={"marketing": dict.fromkeys(PLACES, True)}, profiling_objection=False
)
STATES: Final = {
    "impression": ContactState.SHOWN,
    "click": ContactState.CLICKED,
    "decline": ContactState.DECLINED,
    "accept": ContactState.ACCEPTED,
}


@dataclass(slots=True)
class Visits:
    """Customers who come, look and answer, drawn from a seed."""

    stores: Stores
    serving: Serving
    files: Files
    committer: Committer
    chance: random.Random = field(default_factory=lambda: random.Random(5))
    seen: int = 0
    """Impressions that were confirmed."""

    @classmethod
    def opened(cls, settings: Settings, stores: Stores, installation: Installation) -> "Visits":
        """A service with the nutshell bank's rules and model."""
        keys, plan = open_secrets(settings), installation.plan
        bundles_of(settings, keys).keep(hash_of(rule_files()), rule_files())
        serving = Serving(
            plan=plan,
            scorer=installation.model.bind(plan),
            baseline=Baseline(plan, installation.model.learned, installation.model.version),
            reader=RecordReader(plan.profile_schema, plan.event_layout),
            tokens=TokenCodec(keys),
            release=release(),
        )
        return cls(stores, serving, Files(installation), Committer.on(stores, serving, keys.exploration))

    async def load(self, names: Sequence[str]) -> None:
        """Customers as the bank's files know them, without any past contact."""
        schema, layout = self.serving.plan.profile_schema, self.serving.plan.event_layout
        await self.stores.records.load(
            [
                LoadedRecord(
                    customer=CustomerId(name),
                    profile=encode_profile(schema, self.files.profile(name, FIRST_DAY)),
                    events=encode_events((layout, layout.empty(0))),
                    consent=encode_consent(EVERYWHERE),
                )
                for name in names
            ]
        )

    async def run(self, names: Sequence[str], days: int, visits: int) -> None:
        """So many visits, spread over some days; one in five customers looks again some minutes later."""
        step = timedelta(days=days) / visits
        for number in range(visits):
            at = FIRST_DAY + number * step
            name, channel = self.chance.choice(names), self.chance.choice(self.serving.plan.channels).id
            session = f"s{number}" if self.chance.random() < 0.5 else None
            await self.visit(name, channel, session, at)
            if self.chance.random() < 0.2:
                await self.visit(name, channel, session, at + timedelta(minutes=7))

    async def visit(self, name: str, channel: str, session: str | None, at: datetime) -> str:
        """Decide, commit, and answer what was shown; the decision's id."""
        key = key_of(name)
        gathered = await self.stores.customers.gather(key, None, deadline=soon())
        stored, serving = gathered.record, self.serving
        place = serving.plan.channel_by_id[channel]  # type: ignore[index]  # a channel's id as text
        request = Request(
            customer=name,
            channel=place,
            moment=None,
            bank_initiated=False,
            placements=tuple(
                PlacementRequest(placement=each, count=each.items)
                for each in sorted(place.placements.values(), key=lambda each: each.precedence)
            ),
            context={},
            locale=serving.plan.locale,
            session_id=session,
        )
        decision_id, decision = await self.committer.commit(key, request, stored, at)
        await self._answer(key, decision_id, request, decision, int(at.timestamp() * 1_000))
        return decision_id

    async def _answer(
        self, key: CustomerKey, decision_id: str, request: Request, decision: Decision, at_ms: int
    ) -> None:
        positive = self.serving.plan.catalogue.positives[str(request.channel.id)]
        for filled in decision.filled:
            for rank, option in enumerate(filled.options, start=1):
                if self.chance.random() < 0.9:
                    self.seen += 1
                    answer = self.chance.choices([None, positive, "decline"], [0.7, 0.18, 0.12])[0]
                    for at, outcome in enumerate(("impression", answer)):
                        if outcome is not None:
                            where = (str(filled.placement.id), rank)
                            action = option.candidate.action
                            told_ms = at_ms + 2_000 + 30_000 * at
                            await self._tell(key, decision_id, decision, action, outcome, where, told_ms, at_ms)

    async def _tell(
        self,
        key: CustomerKey,
        decision_id: str,
        decision: Decision,
        action: int,
        outcome: str,
        where: tuple[str, int],
        told_ms: int,
        at_ms: int,
    ) -> None:
        offered = self.serving.plan.actions[action]
        entry = OutcomeEntry(
            outcome_id=f"{decision_id} {offered.id} {outcome}",
            decision_id=decision_id,
            record=key.record,
            action=str(offered.id),
            outcome=outcome,
            reason="not_now" if outcome == "decline" else None,
            occurred_ms=told_ms,
            received_ms=told_ms,
            channel=0,
            placement=where[0],
            rank=where[1],
            treatment="t",
        )
        write = OutcomeWrite(
            deadline_ms=told_ms + 10_000,
            outcome_id=entry.outcome_id,
            decision_id=decision_id,
            decided_at_ms=at_ms,
            action=str(offered.id),
            action_hash=offered.hash,
            session_hash=decision.session_hash,
            channel=0,
            state=STATES[outcome],
            occurred_at_ms=told_ms,
            valid_until_ms=at_ms + 600_000,
            entry=encode_entry(entry),
            reason=DeclineReason.NOT_NOW if outcome == "decline" else DeclineReason.NONE,
        )
        found = await self.stores.outcomes.record_outcome(key, write, deadline=soon())
        assert found.state is OutcomeState.RECORDED
