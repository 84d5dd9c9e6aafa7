"""What customers answered, sent again and again in any order while processes die, and what the store holds of it."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

import httpx
import msgspec

from api.adapters.records import decode_consent
from api.bootstrap import Stores
from api.entries import OutcomeEntry, decode_order
from api.ports import FIRST, PARTITIONS, Entry, Stream, key_of
from api.recording import STATE_BY_OUTCOME
from engine.contacts import ContactState, hash32, unpack
from tests.guarantees.house import question
from tests.integration.api.installations import EVERYWHERE

AT_ONCE: Final = 16
MOST_COPIES: Final = 5
_READ_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One option of a decision that was answered whole."""

    customer: str
    decision_id: str
    action: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One outcome, however often it is sent."""

    offer: Offer
    body: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its own id."""
        outcome_id: str = self.body["outcome_id"]
        return outcome_id

    @property
    def state(self) -> ContactState:
        """What it raises the contact to."""
        return STATE_BY_OUTCOME[self.body["outcome"]]


@dataclass(slots=True)
class Ledger:
    """Who was told what."""

    statuses: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By outcome id, how each copy was answered; `none` where nobody answered, or not with success."""
    decisions: set[str] = field(default_factory=set)
    """Ids of decisions answered whole."""

    consents: dict[str, int] = field(default_factory=dict)
    """By customer, the latest version that was acknowledged."""
    consents_acknowledged: int = 0

    def is_acknowledged(self, outcome: Sent) -> bool:
        """Whether any copy of it was."""
        return bool(set(self.statuses[outcome.id]) - {"none"})


async def ask(
    client: httpx.AsyncClient, customer: str, channel: str, place: str, session: str, ledger: Ledger
) -> list[Offer]:
    """The options of one decision; none where it was not answered whole."""
    changes = {"channel": channel, "placements": [{"id": place}], "session_id": session, "budget_ms": 1_000}
    asked = {name: value for name, value in question(customer, **changes).items() if name != "moment"}
    try:
        answer = await client.post("/v1/decisions", json=asked)
    except httpx.TransportError:
        return []
    decision = answer.json()
    if decision["degraded"]:
        return []
    ledger.decisions.add(decision["decision_id"])
    return [
        Offer(
            customer=customer,
            decision_id=decision["decision_id"],
            action=option["action"],
            token=option["tracking_token"],
        )
        for proposition in decision["propositions"]
        for option in proposition["options"]
    ]


def outcomes_of(offer: Offer, chance: random.Random) -> list[Sent]:
    """What one customer answers to one offer, accepted perhaps twice over."""
    kinds = ["impression", *(["click"] if chance.random() < 0.5 else []), *(["later"] if chance.random() < 0.3 else [])]
    kinds += ["decline"] if chance.random() < 0.3 else ["accept", *(["accept"] if chance.random() < 0.5 else [])]
    kinds += ["convert"] if chance.random() < 0.2 else []
    return [
        Sent(
            offer=offer,
            body={
                "outcome_id": f"{offer.decision_id}-{offer.action}-{number}",
                "tracking_token": offer.token,
                "outcome": kind,
                "occurred_at": datetime.now(UTC).isoformat(),
            },
        )
        for number, kind in enumerate(kinds)
    ]


async def send(client: httpx.AsyncClient, outcomes: Sequence[Sent], ledger: Ledger) -> None:
    """Send them in their order, some at a time, each once."""
    waiting = iter(outcomes)

    async def one_after_another() -> None:
        for outcome in waiting:
            try:
                answer = await client.post("/v1/outcomes", json=outcome.body)
                status = answer.json()["status"] if answer.status_code == 202 else "none"
            except httpx.TransportError:
                status = "none"
            if status == "none":
                await asyncio.sleep(0.1)
            ledger.statuses[outcome.id][status] += 1

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))


async def consent_again_and_again(
    client: httpx.AsyncClient, customers: Sequence[str], ledger: Ledger, over: asyncio.Event
) -> None:
    """Set every customer's consent, a later version each time, until it is over."""
    for version in count(2):
        for customer in customers:
            if over.is_set():
                return
            body = {"version": version, "purposes": EVERYWHERE, "profiling_objection": False}
            try:
                answer = await client.put(f"/v1/customers/{customer}/consent", json=body)
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code == 200:
                ledger.consents[customer] = version
                ledger.consents_acknowledged += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the store holds."""

    outcomes: Counter[str]
    """Entries by outcome id."""
    decisions: set[str]
    orders: Counter[str]
    """By order id, waiting or not."""
    states: Mapping[tuple[str, str], ContactState]
    """The furthest contact by customer and action."""
    answered: Mapping[str, int]
    """Outcomes beyond impressions, as the customer's record counts them."""
    consents: Mapping[str, int]
    """The version in force, by customer."""

    @classmethod
    async def of(cls, stores: Stores, customers: Sequence[str]) -> "Held":
        """Read everything."""
        entries = await _everything(stores, Stream.DECISIONS)
        outcomes = [msgspec.msgpack.decode(each.body, type=OutcomeEntry) for each in entries if each.kind in {"o", "l"}]
        loop = asyncio.get_running_loop()
        states: dict[tuple[str, str], ContactState] = {}
        answered: dict[str, int] = {}
        consents: dict[str, int] = {}
        actions = {outcome.action for outcome in outcomes}
        for customer in customers:
            gathered = await stores.customers.gather(key_of(customer), None, deadline=loop.time() + 5)
            contacts = unpack(gathered.record.contacts or b"")
            answered[customer] = gathered.record.outcome_count
            consents[customer] = decode_consent(gathered.record.consent).version
            for action in actions:
                found = [ContactState(each.state) for each in contacts if each.action_hash == hash32(action)]
                if found:
                    states[customer, action] = max(found)
        return cls(
            outcomes=Counter(outcome.outcome_id for outcome in outcomes),
            decisions={msgspec.msgpack.decode(each.body)[1] for each in entries if each.kind == "r"},
            orders=Counter(decode_order(each.body).order_id for each in await _everything(stores, Stream.FULFILMENT)),
            states=states,
            answered=answered,
            consents=consents,
        )


async def _everything(stores: Stores, stream: Stream) -> list[Entry]:
    """All entries of all partitions; a reply holds some of them at a time."""
    entries: list[Entry] = []
    after = dict.fromkeys(range(PARTITIONS), FIRST)
    while found := await stores.journal.read(stream, after, count=_READ_AT_ONCE):
        for partition, read in found.items():
            entries += read
            after[partition] = read[-1].id
    return entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What the store holds and should not, or should and does not."""

    lost: list[str]
    """Outcomes that were acknowledged and are not there."""
    repeated: list[str]
    """Outcomes that took effect more than once, or were answered `recorded` more than once."""
    consents_lost: list[str]
    """Customers whose consent is an older one than was acknowledged."""
    decisions_lost: list[str]
    orders_wrong: list[str]
    """Orders that an acknowledged accept did not place, or placed twice."""
    records_wrong: list[str]
    """Customers whose record says something else than the outcomes that the store holds."""

    @classmethod
    def between(cls, outcomes: Sequence[Sent], ledger: Ledger, held: Held) -> "Faults":
        """Compare what was told with what is held."""
        acknowledged = [each for each in outcomes if ledger.is_acknowledged(each)]
        wanted = {f"{each.offer.decision_id}:{each.offer.action}" for each in acknowledged if _accepts(each)}
        return cls(
            lost=[each.id for each in acknowledged if not held.outcomes[each.id]],
            repeated=[
                each.id for each in outcomes if held.outcomes[each.id] > 1 or ledger.statuses[each.id]["recorded"] > 1
            ],
            consents_lost=[
                customer for customer, version in ledger.consents.items() if held.consents[customer] < version
            ],
            decisions_lost=sorted(ledger.decisions - held.decisions),
            orders_wrong=[
                *(order for order in wanted if held.orders[order] != 1),
                *(order for order, count in held.orders.items() if count > 1),
            ],
            records_wrong=_records_wrong(outcomes, held),
        )


def _accepts(outcome: Sent) -> bool:
    return outcome.state is ContactState.ACCEPTED


def _records_wrong(outcomes: Sequence[Sent], held: Held) -> list[str]:
    states: dict[tuple[str, str], list[ContactState]] = defaultdict(list)
    answered: Counter[str] = Counter()
    for each in outcomes:
        if held.outcomes[each.id]:
            states[each.offer.customer, each.offer.action].append(each.state)
            answered[each.offer.customer] += each.state > ContactState.SHOWN
    wrong = [customer for customer, count in answered.items() if held.answered[customer] != count]
    return [
        *wrong,
        *(customer for (customer, action), found in states.items() if held.states[customer, action] != max(found)),
    ]
