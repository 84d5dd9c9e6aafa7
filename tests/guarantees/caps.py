"""No cap is exceeded: 64 clients at once ask about one customer whose day allows three offers; workers are killed."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from api.bootstrap import Stores
from api.ports import key_of
from bench.report import CaseResult, Figure, Target
from engine.contacts import unpack
from tests.guarantees.answers import Ledger, ask
from tests.guarantees.house import PATIENCE_S, client_of, house
from tests.guarantees.killing import WORKERS, api_workers, event_worker
from tests.guarantees.outcomes import apply_for_mortgages

CLIENTS: Final = 64
LIMIT: Final = 3
"""Of `atm_daily` in rules/policy/contact.yaml."""
_KILLED_EACH: Final = 3
"""In every third round a worker is killed."""


@dataclass(slots=True)
class Tally:
    """What all rounds came to."""

    offered: Counter[int] = field(default_factory=Counter)
    """Rounds by offers that were answered."""
    held: Counter[int] = field(default_factory=Counter)
    """Rounds by contacts in the customer's record afterwards."""
    answers: int = 0
    kills: int = 0


def run(folder: Path, *, quick: bool) -> CaseResult:
    """Each round has a customer of its own; in some of them a worker is killed on the way."""
    customers = tuple(f"C{number:07}" for number in range(1, (6 if quick else 200) + 1))
    tally = Tally()
    with house(folder, customers) as home, home.server(workers=WORKERS) as server, client_of(server) as client:
        with event_worker(home):
            asyncio.run(_applied(str(client.base_url), customers))
        asyncio.run(_rounds(str(client.base_url), server.pid, customers, tally))
        held = home.with_stores(lambda stores: _contacts(stores, customers))
        tally.held.update(held)
    return _result(tally, len(customers))


async def _applied(url: str, customers: Sequence[str]) -> None:
    """Everybody has a reason to be offered something."""
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
        await apply_for_mortgages(client, customers)
        give_up_at = time.monotonic() + PATIENCE_S
        for customer in customers:
            while not await _has_reason(client, customer):
                assert time.monotonic() < give_up_at, "no offers are made"


async def _has_reason(client: httpx.AsyncClient, customer: str) -> bool:
    """Whether an offer would be made; asking so has no effect."""
    question = {
        "identity": {"scheme": "customer_id", "value": customer},
        "channel": "atm",
        "placements": [{"id": "idle_screen"}],
    }
    answer = await client.post("/v1/explanations", json=question)
    return any(each["options"] for each in answer.json()["propositions"])


async def _rounds(url: str, pid: int, customers: Sequence[str], tally: Tally) -> None:
    chance = random.Random(5)
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S, limits=limits) as client:
        for number, customer in enumerate(customers):
            ledger = Ledger()
            asking = asyncio.gather(
                *(ask(client, customer, "atm", "idle_screen", f"session-{each}", ledger) for each in range(CLIENTS))
            )
            if number % _KILLED_EACH == 0:
                await asyncio.sleep(chance.uniform(0.0, 0.05))
                tally.kills += _kill_one(pid, chance)
            offers = await asking
            tally.offered[sum(map(len, offers))] += 1
            tally.answers += len(ledger.decisions)


def _kill_one(pid: int, chance: random.Random) -> int:
    serving = api_workers(pid)
    if len(serving) < WORKERS:
        return 0  # the last one is spared, so that somebody answers
    with suppress(ProcessLookupError):
        os.kill(chance.choice(serving), signal.SIGKILL)
        return 1
    return 0


async def _contacts(stores: Stores, customers: Sequence[str]) -> list[int]:
    held = []
    for customer in customers:
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        gathered = await stores.customers.gather(key_of(customer), None, deadline=deadline)
        held.append(len(unpack(gathered.record.contacts or b"")))
    return held


def _result(tally: Tally, rounds: int) -> CaseResult:
    return CaseResult(
        case="caps",
        title=f"no cap is exceeded: {CLIENTS} clients at once on one customer, {LIMIT} offers a day, {rounds} rounds",
        figures=(
            Figure(what="decisions answered whole", value=tally.answers, unit=""),
            Figure(what="workers killed", value=tally.kills, unit=""),
            Figure(what="rounds in which all offers of the day were answered", value=tally.offered[LIMIT], unit=""),
            Figure(what="rounds in which all were reserved", value=tally.held[LIMIT], unit=""),
        ),
        targets=(
            Target(
                what="offers beyond the cap that were answered",
                bound="at most",
                target=0,
                measured=_beyond(tally.offered),
            ),
            Target(
                what="contacts beyond the cap in the records", bound="at most", target=0, measured=_beyond(tally.held)
            ),
            Target(
                what="rounds in which something was offered",
                bound="at least",
                target=1,
                measured=rounds - tally.offered[0],
            ),
        ),
    )


def _beyond(rounds_by_count: Counter[int]) -> int:
    return sum((count - LIMIT) * rounds for count, rounds in rounds_by_count.items() if count > LIMIT)
