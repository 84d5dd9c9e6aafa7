"""`python -m tests.guarantees.spender STORE`: clients of one process that ask until there is nothing more to be had.

A line on standard input names what is asked for: `budget ROUND` is asked of any customer, `cap ROUND` of one. When a
round is dry, a line says how many offers were made. Whoever started it kills it whenever it likes.
"""

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from api.adapters.budget_store import RedisBudgetStore
from api.adapters.cluster import nodes_at
from api.adapters.customer_store import RedisCustomerStore
from api.leases import Leases
from api.schemas import DecisionRequest, IdentityBody, PlacementBody
from api.service import Service
from api.telemetry import Metrics
from engine.plan import Plan
from tests.builders import a_plan, an_action
from tests.unit.api.budgeted import actions_of, serving_of
from tests.unit.api.shells import KEYS

CLIENTS: Final = 16
CUSTOMERS: Final = tuple(f"C{number:04}" for number in range(400))
TOTAL: Final = 1_000
CAP: Final = 3
LEASE_S: Final = 4.0
"""Short leases end while they are spent, and those of the dead come back soon."""
DRY_S: Final = 0.8
BUDGET_MS: Final = 2_000


def plan_of(kind: str, number: int) -> Plan:
    """A card with a budget, or a cap, of its own for every round, and something else to offer."""
    limit = f"budget: {{total: {TOTAL}}}" if kind == "budget" else f"per_customer: {CAP} per 30d"
    return a_plan(an_action(card_of(kind, number), f"contact: {{{limit}}}", value=300), an_action("loan"))


def card_of(kind: str, number: int) -> str:
    """The action of a round."""
    return f"card_{kind}_{number}"


def asked_about(kind: str, number: int) -> tuple[str, ...]:
    """The customers of a round."""
    return CUSTOMERS if kind == "budget" else (f"K{number:04}",)


@asynccontextmanager
async def _service(url: str, plan: Plan) -> AsyncIterator[Service]:
    nodes, metrics = nodes_at(url), Metrics()
    await nodes.start()
    leases = Leases(RedisBudgetStore(nodes), f"spender-{os.getpid()}", metrics, length_s=LEASE_S)
    try:
        async with leases.running():
            yield Service(
                serving=serving_of(plan),
                store=RedisCustomerStore(nodes),
                secrets=KEYS,
                metrics=metrics,
                leases=leases,
            )
    finally:
        await nodes.close()


async def _round(url: str, kind: str, number: int) -> int:
    card, customers = card_of(kind, number), asked_about(kind, number)
    offers, offered_at = 0, monotonic()

    async def ask_until_dry(service: Service) -> None:
        nonlocal offers, offered_at
        while monotonic() < offered_at + DRY_S:
            asked = DecisionRequest(
                identity=IdentityBody(scheme="customer_id", value=random.choice(customers)),
                channel="web",
                placements=(PlacementBody(id="hero"),),
                session_id=f"{os.getpid()}-{random.getrandbits(48)}",
                budget_ms=BUDGET_MS,
            )
            if card in actions_of(json.loads(await service.decide(asked, monotonic()))):
                offers, offered_at = offers + 1, monotonic()

    async with _service(url, plan_of(kind, number)) as service:
        await asyncio.gather(*(ask_until_dry(service) for _ in range(CLIENTS)))
    return offers


def main(url: str) -> None:
    """Take one round after the other until standard input ends."""
    for line in sys.stdin:
        kind, _, number = line.strip().partition(" ")
        sys.stdout.write(f"{asyncio.run(_round(url, kind, int(number)))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
