"""Events of somebody whom nobody knows yet are theirs once they are known."""

import asyncio

import pytest

from api.ports import FIRST, Identity, Stream, key_of_unknown
from api.worker import newcomers
from engine.ids import CustomerId
from tests.integration.api.installations import Installation, until
from tests.integration.api.test_worker import DEEP, instants

VISITOR = Identity("web_visitor", "v1")
KEY = key_of_unknown(VISITOR)


async def waiting(house: Installation) -> list[str]:
    """Whose records somebody waits for."""
    found = await house.stores.journal.read(Stream.UNKNOWN, {KEY.partition: FIRST}, count=10)
    return [entry.body.decode() for entry in found.get(KEY.partition, ())]


async def test_events_of_a_visitor_are_the_customer_s_once_it_is_known_who_that_is(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept until then; what comes later under the same identity goes to the customer at once."""
    monkeypatch.setattr(newcomers, "ROUND_S", 0.1)
    monkeypatch.setattr(newcomers, "AT_ONCE", 1_024)
    async with house.working():
        answer = await house.tell(DEEP.event, subject="web_visitor:v1", id="before")
        assert answer.status_code == 202

        async def noted() -> bool:
            return await waiting(house) == [KEY.record]

        await until(noted, "nobody waits for the visitor")
        assert await instants(house, "C0000001") == []
        await house.stores.records.identify({VISITOR: [CustomerId("C0000001")]})

        async def known() -> bool:
            return len(await instants(house, "C0000001")) == 1

        await until(known, "the visitor's events never reach the customer")
        await until(lambda: _nobody(house), "somebody still waits")
    (record,) = await house.stores.events.records([KEY], deadline=asyncio.get_running_loop().time() + 5)
    assert record.record.moved_to == b"C0000001"


async def _nobody(house: Installation) -> bool:
    return not await waiting(house)
