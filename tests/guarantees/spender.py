"""`python -m tests.guarantees.spender STORE`: clients of one process that ask until there is nothing more to be had.

A line on standard input is the number of a round, which has a budget of its own. When it is dry, a line says how many
offers were made. Whoever started the process kills it whenever it likes.
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
from tests.unit.api.budgeted import PATIENT, actions_of, serving_of
from tests.unit.api.shells import KEYS

CLIENTS: Final = 16
CUSTOMERS: Final = tuple(f"C{number:04}" for number in range(400))
TOTAL: Final = 1_000
LEASE_S: Final = 4.0
"""Short leases end while they are spent, and those of the dead come back soon."""
DRY_S: Final = 0.8
"""So long without an offer, a client looks at the budget: a machine that stood still is no budget that is spent."""
PATIENCE_S: Final = 30.0
BUDGET_MS: Final = 2_000


def plan_of(number: int) -> Plan:
    """A card with a budget of its own for every round, and something else to offer."""
    card = an_action(card_of(number), f"contact: {{budget: {{total: {TOTAL}}}}}", value=300)
    return a_plan(PATIENT, card, an_action("loan"))


def card_of(number: int) -> str:
    """The action of a round."""
    return f"card_{number}"


@asynccontextmanager
async def _service(url: str, plan: Plan) -> AsyncIterator[tuple[Service, RedisBudgetStore]]:
    nodes, metrics = nodes_at(url), Metrics()
    await nodes.start()
    budgets = RedisBudgetStore(nodes)
    leases = Leases(budgets, f"spender-{os.getpid()}", metrics, length_s=LEASE_S)
    try:
        async with leases.running():
            service = Service(
                serving=serving_of(plan),
                store=RedisCustomerStore(nodes),
                secrets=KEYS,
                metrics=metrics,
                leases=leases,
            )
            yield service, budgets
    finally:
        await nodes.close()


async def _round(url: str, number: int) -> int:
    plan, card, offers, offered_at = plan_of(number), card_of(number), 0, monotonic()

    async def is_dry(budgets: RedisBudgetStore) -> bool:
        quiet_s = monotonic() - offered_at
        if quiet_s < DRY_S:
            return False
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        standing = await budgets.standing(plan.contact.budgets[0].key, deadline=deadline)
        return standing.taken >= TOTAL or quiet_s > PATIENCE_S

    async def ask_until_dry(service: Service, budgets: RedisBudgetStore) -> None:
        nonlocal offers, offered_at
        while not await is_dry(budgets):
            asked = DecisionRequest(
                identity=IdentityBody(scheme="customer_id", value=random.choice(CUSTOMERS)),
                channel="web",
                placements=(PlacementBody(id="hero"),),
                session_id=f"{os.getpid()}-{random.getrandbits(48)}",
                budget_ms=BUDGET_MS,
            )
            if card in actions_of(json.loads(await service.decide(asked, monotonic()))):
                offers, offered_at = offers + 1, monotonic()

    async with _service(url, plan) as (service, budgets):
        await asyncio.gather(*(ask_until_dry(service, budgets) for _ in range(CLIENTS)))
    return offers


def main(url: str) -> None:
    """Take one round after the other until standard input ends."""
    for line in sys.stdin:
        sys.stdout.write(f"{asyncio.run(_round(url, int(line)))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
