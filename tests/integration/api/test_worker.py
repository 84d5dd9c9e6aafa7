"""The worker against a real store, killed again and again: every acknowledged event counts once."""

import asyncio
import random
import time
from datetime import UTC, datetime
from pathlib import Path

import redis

from api.adapters.records import decode_events
from api.ports import key_of
from api.security import read_or_mint_secrets
from api.worker.run import work
from tests.contract.clusters import a_cluster
from tests.integration.api.installations import PATIENCE_S, Installation, installed, load
from tests.unit.api.shells import starter_plan

CUSTOMERS = [f"C{number:07}" for number in range(1, 21)]
DEEP = max(starter_plan().event_layout.filters, key=lambda kept: kept.depth if kept.matches is None else 0)


async def instants(house: Installation, customer: str) -> list[int]:
    """What the deepest filter keeps of a customer, latest first."""
    layout = starter_plan().event_layout
    (held,) = await house.stores.events.records([key_of(customer)], deadline=asyncio.get_running_loop().time() + 5)
    state = decode_events(held.record.events or b"", layout)
    assert state is not None
    offset = layout.offsets[layout.filters.index(DEEP)]
    return [at for at in state[offset : offset + DEEP.depth] if at]


async def test_events_count_once_though_the_worker_is_killed_again_and_again(house: Installation) -> None:
    """Each is sent one to three times, out of order; the worker dies at any moment and another takes over."""
    await _count_once_though_workers_die(house)


async def test_events_count_once_on_a_cluster_too(tmp_path: Path) -> None:
    """Streams, records and leases lie on three nodes then, and no command spans them."""
    with a_cluster(tmp_path) as ports:
        for port in ports:
            with redis.Redis(port=port) as node:
                node.config_set("appendonly", "yes")
        secrets = tmp_path / "secrets.json"
        read_or_mint_secrets(secrets)
        url = f"redis://127.0.0.1:{ports[0]}?cluster=true"
        async with installed(tmp_path, redis_url=url, secrets=secrets) as house:
            await _count_once_though_workers_die(house)


async def _count_once_though_workers_die(house: Installation) -> None:
    chance = random.Random(7)
    await load(house.stores, *CUSTOMERS)
    now_s = int(time.time())
    sent = {customer: [now_s - 60 * (number + 1) for number in range(DEEP.depth)] for customer in CUSTOMERS}
    events = [
        {
            "specversion": "1.0",
            "id": f"{customer}-{at_s}",
            "source": "test",
            "type": DEEP.event,
            "subject": f"customer_id:{customer}",
            "time": datetime.fromtimestamp(at_s, UTC).isoformat(),
        }
        for customer, at_all in sent.items()
        for at_s in at_all
        for _ in range(chance.randint(1, 3))
    ]
    chance.shuffle(events)

    async def crash_again_and_again() -> None:
        while True:
            working = asyncio.create_task(work(house.settings, starter_plan(), house.stores, asyncio.Event()))
            try:
                await asyncio.wait([working], timeout=chance.uniform(0.05, 0.5))
            finally:
                working.cancel()
                await asyncio.wait([working])

    crashing = asyncio.create_task(crash_again_and_again())
    for start in range(0, len(events), 10):
        answer = await house.client.post("/v1/events", json=events[start : start + 10])
        assert answer.status_code == 202
    await asyncio.sleep(1)
    crashing.cancel()
    await asyncio.wait([crashing])
    async with house.working():
        give_up_at = time.monotonic() + PATIENCE_S
        while [await instants(house, customer) for customer in CUSTOMERS] != list(sent.values()):
            assert time.monotonic() < give_up_at
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)
    assert [await instants(house, customer) for customer in CUSTOMERS] == list(sent.values())
