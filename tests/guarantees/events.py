"""Events sent one to five times in random order, and whether the state that was folded of them counts each once."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from api.adapters.records import decode_events
from api.bootstrap import Stores
from api.ports import key_of
from tests.guarantees.house import PATIENCE_S
from tests.unit.api.shells import starter_plan

MOST_COPIES: Final = 5
_BATCH: Final = 10
_SETTLED_S: Final = 0.5


@dataclass(slots=True, kw_only=True)
class Told:
    """The events of some customers, and which of them are acknowledged."""

    sent: Mapping[str, Sequence[int]]
    """Instants by customer, latest first: as many as the state keeps."""
    events: Mapping[str, Mapping[str, Any]]
    """By id."""
    copies: list[str]
    acknowledged: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, customers: Sequence[str], chance: random.Random) -> "Told":
        """As many events of one kind as are kept, for each customer."""
        kept, now_s = _deepest(), int(time.time())
        sent = {customer: [now_s - 60 * (number + 1) for number in range(kept.depth)] for customer in customers}
        events = {
            f"{customer}-{at_s}": {
                "specversion": "1.0",
                "id": f"{customer}-{at_s}",
                "source": "proof",
                "type": kept.event,
                "subject": f"customer_id:{customer}",
                "time": datetime.fromtimestamp(at_s, UTC).isoformat(),
            }
            for customer, instants in sent.items()
            for at_s in instants
        }
        copies = [each for each in events for _ in range(chance.randint(1, MOST_COPIES))]
        chance.shuffle(copies)
        return cls(sent=sent, events=events, copies=copies)

    @property
    def unacknowledged(self) -> list[str]:
        """Ids of what nobody acknowledged."""
        return [each for each in self.events if each not in self.acknowledged]

    async def wrong(self, stores: Stores) -> int:
        """How many customers' states differ from what was sent, once they had time to settle."""
        give_up_at = time.monotonic() + PATIENCE_S
        while wrong := await self._wrong_now(stores):
            if time.monotonic() > give_up_at:
                return wrong
            await asyncio.sleep(0.1)
        await asyncio.sleep(_SETTLED_S)
        return await self._wrong_now(stores)

    async def _wrong_now(self, stores: Stores) -> int:
        return sum([await _instants(stores, customer) != sent for customer, sent in self.sent.items()])


async def tell(client: httpx.AsyncClient, told: Told) -> None:
    """Send every copy once; when all were sent, what nobody acknowledged."""
    waiting = told.copies or told.unacknowledged
    told.copies = []
    for at in range(0, len(waiting), _BATCH):
        some = waiting[at : at + _BATCH]
        try:
            answer = await client.post("/v1/events", json=[told.events[each] for each in some])
        except httpx.TransportError:
            await asyncio.sleep(0.05)
            continue
        if answer.status_code == 202:
            told.acknowledged.update(some)
        else:
            await asyncio.sleep(0.05)


def _deepest() -> Any:
    return max(starter_plan().event_layout.filters, key=lambda kept: kept.depth if kept.matches is None else 0)


async def _instants(stores: Stores, customer: str) -> list[int]:
    """What the deepest filter keeps of a customer, latest first."""
    layout = starter_plan().event_layout
    kept = _deepest()
    (held,) = await stores.events.records([key_of(customer)], deadline=asyncio.get_running_loop().time() + 5)
    state = decode_events(held.record.events or b"", layout)
    if state is None:
        return []
    offset = layout.offsets[layout.filters.index(kept)]
    return [at for at in state[offset : offset + kept.depth] if at]
