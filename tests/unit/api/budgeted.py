"""A service on fakes whose bank has a budget: questions are put to it, and clocks and stores are the test's."""

import asyncio
import json
from collections.abc import Mapping
from time import monotonic
from typing import Any

from api.adapters.memory import MemoryCustomerStore, MemoryState
from api.adapters.memory_budgets import MemoryBudgetStore
from api.adapters.record_reader import RecordReader
from api.adapters.records import encode_consent, encode_profile
from api.leases import Leases
from api.ports import CustomerKey, StoredRecord, key_of
from api.schemas import DecisionRequest, IdentityBody, PlacementBody
from api.service import Service
from api.serving import Serving
from api.telemetry import Metrics
from api.tokens import TokenCodec
from engine.facts import Natural
from engine.plan import Plan
from tests.builders import CHANNELS, CONSENTING, SteadyScorer, a_plan, an_action, the_contact_policy
from tests.unit.api.shells import KEYS

PATIENT: Mapping[str, str] = {"channels.yaml": CHANNELS.replace("    cost:", "    budget_ms: 10_000\n    cost:")}
"""A busy machine is no reason for an answer to be late."""


def spring(figures: str = "total: 4", **actions: str) -> Plan:
    """A card with a budget that is called spring, and a loan without any, worth less."""
    return a_plan(
        PATIENT,
        the_contact_policy(f"budgets: [{{budget: spring, {figures}, actions: [card]}}]\n"),
        an_action("card", value=300, **actions),
        an_action("loan"),
    )


def serving_of(plan: Plan) -> Serving:
    """What serves with a plan and a steady scorer."""
    return Serving(
        plan=plan,
        scorer=SteadyScorer(plan),
        baseline=SteadyScorer(plan),
        reader=RecordReader(plan.profile_schema, plan.event_layout),
        tokens=TokenCodec(KEYS),
        release="release",
    )


class BudgetedHouse:
    """A service, its leases, and the state of all its stores."""

    def __init__(self, plan: Plan | None = None, state: MemoryState | None = None, worker: str = "w1") -> None:
        self.plan = plan or spring()
        self.state = state or MemoryState()
        self.metrics = Metrics()
        self.ahead_s = 0
        """How far the process is ahead in days."""
        self.budgets = MemoryBudgetStore(self.state)
        self.customers = MemoryCustomerStore(self.state)
        self.leases = Leases(self.budgets, worker, self.metrics, lambda: self.state.now_ms() / 1_000 + self.ahead_s)
        self.service = Service(
            serving=serving_of(self.plan),
            store=self.customers,
            secrets=KEYS,
            metrics=self.metrics,
            leases=self.leases,
        )

    def know(self, customer: str) -> CustomerKey:
        """Store a customer who consents to everything."""
        key, kept = key_of(customer), self.state.kept(key_of(customer))
        named: dict[str, Natural] = {"holds": [], "groups": [], "segments": []}
        kept.record = StoredRecord(
            profile=encode_profile(self.plan.profile_schema, self.plan.profile_schema.encode(named)),
            consent=encode_consent(CONSENTING),
            owner=customer.encode(),
        )
        self.state.keep(key, kept)
        return key

    async def ask(self, customer: str = "C0000001", **changes: Any) -> Mapping[str, Any]:
        """What the web page shows a customer, who is known from then on."""
        if not self.state.kept(key_of(customer)).record.owner:
            self.know(customer)
        asked: dict[str, Any] = {
            "identity": IdentityBody(scheme="customer_id", value=customer),
            "channel": "web",
            "placements": (PlacementBody(id="hero"),),
            "budget_ms": 10_000,
        }
        answer: dict[str, Any] = json.loads(
            await self.service.decide(DecisionRequest(**(asked | changes)), monotonic())
        )
        return answer

    async def offered(self, customer: str = "C0000001", **changes: Any) -> list[str]:
        """The actions that the answer shows."""
        return actions_of(await self.ask(customer, **changes))

    async def hear_again(self) -> None:
        """Ask the store again for what there was nothing of, as if some time had gone by, and hear it out."""
        for pool in self.leases._pools.values():
            pool.next_ask_at = 0.0
        for channel in self.plan.channels:
            self.leases.prepare(self.service.plan, channel)
        asking = [pool.asking for pool in self.leases._pools.values() if pool.asking is not None]
        await asyncio.gather(*asking)

    def end_leases(self) -> None:
        """For the store, every lease that this process holds ends now."""
        for pool in self.leases._pools.values():
            for lease in pool.leases:
                lease.ends_ms = self.state.now_ms()

    @property
    def taken(self) -> int:
        """What is not left of the budget."""
        return self.state.budgets["spring"].taken


def actions_of(answer: Mapping[str, Any]) -> list[str]:
    """The actions of an answer."""
    return [option["action"] for each in answer["propositions"] for option in each["options"]]
