"""Screens for staff on a store in memory, with the real decisions of the starter rules behind them."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from time import time
from typing import Any

from api.adapters.memory import Kept, MemoryCustomerStore, MemoryState
from api.adapters.memory_budgets import MemoryBudgetStore
from api.adapters.record_reader import RecordReader
from api.adapters.records import encode_consent, encode_customers, encode_events, encode_profile
from api.leases import Leases
from api.ports import Identity, StoredRecord, key_of
from api.scorers import open_scorers
from api.service import Service
from api.serving import Serving
from api.settings import Settings
from api.telemetry import Metrics
from api.tokens import TokenCodec
from engine import Plan, compile_bundle
from engine.contacts import Contact, pack
from engine.events import Event
from engine.facts import Consent
from engine.ids import CustomerId, EventName
from tests.integration.api.installations import ADA, EVERYWHERE
from tests.unit.api.shells import KEYS, ROOT, Running, running

CUSTOMER = "C0000001"
DAY_S = 86_400
COMFORTABLE: Mapping[str, Any] = {
    **ADA,
    "household.children": 1,
    "balance.current": 2_400,
    "balance.savings": 14_000,
    "savings.accounts_count": 0,
    "investments.balance": 0,
    "spend.monthly": 1_800,
    "salary.regularity": 1,
    "overdraft.days_90d": 0,
    "credit.utilisation": 0.1,
    "loan.balance": 0,
    "foreign.transactions_90d": 3,
    "spend.travel_90d": 900,
    "spend.fuel_90d": 240,
    "digital.logins_30d": 12,
    "phone.verified": True,
    "statement.paperless": False,
}
"""Somebody to whom several things may be offered."""


@cache
def patient_plan() -> Plan:
    """The starter rules, with ten seconds for a decision: a busy machine is no reason for a screen without cards."""
    rules = ROOT / "rules"
    files = {str(path.relative_to(rules)): path.read_bytes() for path in rules.rglob("*.yaml")}
    channels = files["channels.yaml"].replace(b"budget_ms: 100", b"budget_ms: 10000")
    assert channels != files["channels.yaml"]
    return compile_bundle(files | {"channels.yaml": channels}).plan


def a_service(state: MemoryState, metrics: Metrics, tokens: TokenCodec, data_dir: Path) -> Service:
    """Decides by the starter rules, without a model."""
    plan = patient_plan()
    scorers = open_scorers(Settings(data_dir=data_dir), plan)
    serving = Serving(
        plan=plan,
        scorer=scorers.baseline,
        baseline=scorers.baseline,
        reader=RecordReader(plan.profile_schema, plan.event_layout),
        tokens=tokens,
        release="release",
    )
    leases = Leases(MemoryBudgetStore(state), "w1", metrics)
    return Service(serving=serving, store=MemoryCustomerStore(state), secrets=KEYS, metrics=metrics, leases=leases)


def has(
    state: MemoryState,
    customer: str = CUSTOMER,
    *,
    facts: dict[str, Any] | None = None,
    happened: dict[str, int] | None = None,
    contacts: tuple[Contact, ...] = (),
    identities: tuple[Identity, ...] = (),
) -> None:
    """Store a customer like Ada; `happened` says how many days ago events were."""
    plan, now_s = patient_plan(), int(time())
    layout = plan.event_layout
    events = layout.empty(0)
    for name, days in (happened or {}).items():
        fields = plan.catalogue.events[EventName(name)].hold({})
        events = layout.fold(events, Event(name=EventName(name), at=now_s - days * DAY_S, fields=fields))
    profile = plan.profile_schema.encode({**COMFORTABLE, **(facts or {})})
    record = StoredRecord(
        profile=encode_profile(plan.profile_schema, profile),
        events=encode_events((layout, events)),
        consent=encode_consent(Consent(version=1, allowed_by_purpose=EVERYWHERE, profiling_objection=False)),
        contacts=pack(contacts),
        owner=customer.encode(),
    )
    state.keep(key_of(customer), Kept(record))
    for identity in identities:
        state.identities[identity] = encode_customers([CustomerId(customer)])


@asynccontextmanager
async def staffed(data_dir: Path, **settings: Any) -> AsyncIterator[Running]:
    """An installation with a screen for staff, and Ada as its customer."""

    def deciding(state: MemoryState, metrics: Metrics, tokens: TokenCodec) -> Service:
        return a_service(state, metrics, tokens, data_dir)

    async with running(deciding=deciding, data_dir=data_dir, demonstration=True, **settings) as house:
        house.client.headers["accept"] = "text/html"
        has(house.state)
        yield house


def field(page: str, name: str, at: int = 0) -> str:
    """A hidden field's value; of several, by its number."""
    return str(re.findall(rf'name="{name}" value="([^"]*)"', page)[at])


def cards(page: str) -> list[str]:
    """The titles of the cards."""
    return re.findall(r'<h3 id="offer-\d">([^<]*)</h3>', page)
