"""Decisions of several days on a real store: decided, committed and answered, by a clock that a test sets."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from api.adapters.bundle_files import read_rules
from api.adapters.record_reader import RecordReader
from api.adapters.records import encode_consent, encode_events, encode_profile
from api.bootstrap import Stores, bundles_of, compile_rules, release
from api.entries import ConsentEntry, OutcomeEntry, encode_entry
from api.ports import (
    ConsentState,
    ConsentWrite,
    CustomerKey,
    LoadedRecord,
    OutcomeWrite,
    StoredRecord,
    key_of,
)
from api.security import open_secrets
from api.serving import Serving
from api.settings import Settings
from api.tokens import TokenCodec
from engine.compiler.carry import pack_plan
from engine.contacts import ContactState, DeclineReason, hash32
from engine.decision import PlacementRequest, Request
from engine.facts import Consent
from engine.ids import CustomerId
from models.baseline import Baseline
from tests.integration.api.installations import ADA, EVERYWHERE
from tests.integration.committing import Committer, soon

FIRST_DAY: Final = datetime(2031, 3, 3, 9, tzinfo=UTC)
"""Later than any run, so that the store's own clock refuses no commit as late."""


@dataclass(slots=True)
class Desk:
    """Decides for customers on channels drawn from a seed."""

    settings: Settings
    stores: Stores
    serving: Serving
    committer: Committer
    chance: random.Random = field(default_factory=lambda: random.Random(11))
    answered: float = 0.2
    """The share of offers that the customer is seen to see."""

    @classmethod
    def opened(cls, settings: Settings, stores: Stores) -> "Desk":
        """A desk with the rules of an installation and no model."""
        keys = open_secrets(settings)
        plan = compile_rules(settings.rules)
        bundles = bundles_of(settings, keys)
        bundles.keep(plan.hash, read_rules(settings.rules))
        bundles.stage(plan.hash, pack_plan(plan))
        serving = Serving(
            plan=plan,
            scorer=Baseline(plan),
            baseline=Baseline(plan),
            reader=RecordReader(plan.profile_schema, plan.event_layout),
            tokens=TokenCodec(keys),
            release=release(),
        )
        return cls(settings, stores, serving, Committer.on(stores, serving, keys.exploration))

    async def load(self, count: int) -> list[str]:
        """Customers of whom some answer one fact or another differently."""
        names = [f"C{number:07}" for number in range(1, count + 1)]
        await self.stores.records.load([self._customer(name) for name in names])
        return names

    def _customer(self, name: str) -> LoadedRecord:
        plan, chance = self.serving.plan, self.chance
        facts = {
            **ADA,
            "age": chance.randrange(16, 90),
            "employment": chance.choice(["employed", "student", "retired"]),
            "holds": chance.sample(["current_account", "savings_account", "credit_card"], 2),
        }
        allowed = EVERYWHERE if chance.random() < 0.9 else {}
        return LoadedRecord(
            customer=CustomerId(name),
            profile=encode_profile(plan.profile_schema, plan.profile_schema.encode(facts)),
            events=encode_events((plan.event_layout, self._happened())),
            consent=encode_consent(
                Consent(version=1, allowed_by_purpose=allowed, profiling_objection=chance.random() < 0.1)
            ),
        )

    def _happened(self) -> list[int]:
        """An event history in which some things happened of late."""
        layout, now_s = self.serving.plan.event_layout, int(FIRST_DAY.timestamp())
        state = layout.empty(0)
        for offset in layout.offsets:
            if self.chance.random() < 0.2:
                state[offset] = now_s - 86_400 * self.chance.randrange(1, 40)
        return state

    async def decide(self, customer: str, at: datetime) -> str:
        """Decide for a customer, commit it, and answer it now and then; the decision's id."""
        key = key_of(customer)
        gathered = await self.stores.customers.gather(key, None, deadline=soon())
        request = self._request(customer)
        return await self._commit(key, request, gathered.record, at)

    def _request(self, customer: str) -> Request:
        plan = self.serving.plan
        channel = self.chance.choice(plan.channels)
        placements = sorted(channel.placements.values(), key=lambda each: each.precedence)
        return Request(
            customer=customer,
            channel=channel,
            moment=None,
            bank_initiated=False,
            placements=tuple(PlacementRequest(placement=each, count=each.items) for each in placements[:2]),
            context={},
            locale=plan.locale,
            session_id=f"s{self.chance.randrange(10)}",
        )

    async def _commit(self, key: CustomerKey, request: Request, stored: StoredRecord, at: datetime) -> str:
        decision_id, decision = await self.committer.commit(key, request, stored, at)
        if decision.new_contacts and self.chance.random() < self.answered:
            await self._answer(key, decision_id, int(at.timestamp() * 1_000), decision.new_contacts[0].action_hash)
        return decision_id

    async def _answer(self, key: CustomerKey, decision_id: str, at_ms: int, action_hash: int) -> None:
        action = self.serving.plan.actions[self.serving.plan.position_by_hash[action_hash]].id
        entry = OutcomeEntry(
            outcome_id=f"o-{decision_id}",
            decision_id=decision_id,
            record=key.record,
            action=action,
            outcome="impression",
            reason=None,
            occurred_ms=at_ms + 2_000,
            received_ms=at_ms + 3_000,
            channel=0,
            placement="somewhere",
            rank=1,
            treatment="some",
        )
        await self.stores.outcomes.record_outcome(
            key,
            OutcomeWrite(
                deadline_ms=at_ms + 10_000,
                outcome_id=entry.outcome_id,
                decision_id=decision_id,
                decided_at_ms=at_ms,
                action=action,
                action_hash=action_hash,
                session_hash=hash32("s"),
                channel=0,
                state=ContactState.SHOWN,
                occurred_at_ms=at_ms,
                valid_until_ms=at_ms + 60_000,
                entry=encode_entry(entry),
                reason=DeclineReason.NONE,
            ),
            deadline=soon(),
        )

    async def consent(self, customer: str, version: int, at: datetime) -> None:
        """Another version of a customer's consent, which allows as much."""
        consent = Consent(version=version, allowed_by_purpose=EVERYWHERE, profiling_objection=False)
        at_ms = int(at.timestamp() * 1_000)
        entry = ConsentEntry(
            record=customer, version=version, purposes=EVERYWHERE, profiling_objection=False, received_ms=at_ms
        )
        write = ConsentWrite(
            deadline_ms=at_ms + 10_000, consent=encode_consent(consent), version=version, entry=encode_entry(entry)
        )
        set_ = await self.stores.outcomes.set_consent(key_of(customer), write, deadline=soon())
        assert set_.state is ConsentState.APPLIED

    async def days(self, count: int, *, decisions: int, customers: int = 400) -> dict[str, str]:
        """So many decisions, spread over some days; for each id the day."""
        names = await self.load(customers)
        step = timedelta(days=count) / decisions
        found = {}
        for number in range(decisions):
            at = FIRST_DAY + number * step
            found[await self.decide(names[number % customers], at)] = at.date().isoformat()
        return found
