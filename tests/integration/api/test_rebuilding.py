"""Event states that are lost in a real store come back while a worker runs, one customer's or everybody's."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from api.adapters import keys
from api.adapters.cluster import nodes_at
from api.adapters.commands import checked, pack
from api.adapters.records import decode_events
from api.bootstrap import store_url
from api.ports import FoldRecord, key_of
from api.rebuilding import rebuild
from tests.integration.api.installations import PATIENCE_S, Installation, load
from tests.unit.api.shells import starter_plan

CUSTOMERS = [f"C{number:07}" for number in range(1, 41)]


async def records(house: Installation) -> Sequence[FoldRecord]:
    """Everybody's record."""
    deadline = asyncio.get_running_loop().time() + 5
    return await house.stores.events.records([key_of(each) for each in CUSTOMERS], deadline=deadline)


async def kept(house: Installation) -> list[list[int]]:
    """What is kept of everybody's events, since when apart: that they were known before came from a file."""
    layout = starter_plan().event_layout
    states = [decode_events(each.record.events or b"", layout) for each in await records(house)]
    return [(state or [])[1:] for state in states]


async def lose_all(url: str) -> None:
    """Somebody removes the event state of everybody."""
    nodes = nodes_at(url)
    await nodes.start()
    for customer in CUSTOMERS:
        key = key_of(customer)
        command = pack(b"HDEL", keys.record(key), b"e")
        deadline = asyncio.get_running_loop().time() + 5
        checked(await nodes.of_partition(key.partition).call(command, 1, deadline))
    await nodes.close()


async def test_everybody_is_rebuilt_as_they_were(house: Installation) -> None:
    """By the worker that runs, and told when it is done."""
    await load(house.stores, *CUSTOMERS)
    now_s, url = int(time.time()), store_url(house.settings)
    events = [
        {
            "specversion": "1.0",
            "id": f"{customer}-{at}",
            "source": "test",
            "type": "branch_visit" if at % 2 else "loan_refused",
            "subject": f"customer_id:{customer}",
            "time": datetime.fromtimestamp(now_s - 3_600 * at, UTC).isoformat(),
        }
        for customer in CUSTOMERS
        for at in range(1, 6)
    ]
    for start in range(0, len(events), 50):
        answer = await house.client.post("/v1/events", json=events[start : start + 50])
        assert answer.status_code == 202
    async with house.working():
        assert (await rebuild(url, None, PATIENCE_S)).places == {}
        before = await kept(house)
        assert all(any(state) for state in before)
        await lose_all(url)
        assert not any(each.record.events for each in await records(house))
        done = await rebuild(url, CUSTOMERS[0], PATIENCE_S)
        assert (done.asked, done.places) == (1, {})
        (first, *_) = await records(house)
        assert decode_events(first.record.events or b"", starter_plan().event_layout) is not None
        done = await rebuild(url, None, PATIENCE_S)
        assert (done.asked, done.places) == (len(CUSTOMERS), {})
    assert await kept(house) == before


async def test_nobody_is_rebuilt_who_is_not_there(house: Installation) -> None:
    """And without a worker the wish waits."""
    url = store_url(house.settings)
    with pytest.raises(LookupError):
        await rebuild(url, "C9999999", 0.0)
    await load(house.stores, CUSTOMERS[0])
    assert len((await rebuild(url, CUSTOMERS[0], 0.0)).places) == 1
