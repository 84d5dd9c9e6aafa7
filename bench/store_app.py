"""An otherwise empty endpoint: reads a customer's record, appends a kilobyte durably, through the product's flights.

What a decision's tail is compared with: same server, same store, nothing decided. Once as FastAPI with models in and
out, once as plain ASGI; every other path is answered at once: what HTTP alone costs.
"""

import asyncio
import os
from typing import Any

import msgspec
from fastapi import FastAPI

from api.adapters import keys
from api.adapters.commands import checked, pack
from api.adapters.customer_store import RedisCustomerStore
from api.adapters.nodes import SingleNode
from api.asgi import Receive, Scope, Send, read_body, send_json
from api.ports import StoreUnavailable, Stream, key_of
from bench.empty_app import Answer, Question

PATH, PLAIN_PATH, BARE_PATH = "/v1/store", "/v1/plain-store", "/v1/bare"
URL = "BENCH_STORE_URL"
_PATIENCE_S = 1.0
_APPENDED = bytes(1_000)
_MOST_BYTES = 65_536
_DONE = b'{"ok":true}'
_NOT_DONE = b'{"ok":false}'


class _PlainQuestion(msgspec.Struct):
    customer: str


_decode = msgspec.json.Decoder(_PlainQuestion).decode


class App:
    """A plain ASGI application, and FastAPI behind it."""

    def __init__(self) -> None:
        self._fastapi = FastAPI(openapi_url=None)
        self._fastapi.post(PATH)(self._post)
        self._nodes: SingleNode | None = None
        self._store: RedisCustomerStore | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == PATH:
            await self._fastapi(scope, receive, send)
        elif scope["path"] == PLAIN_PATH:
            customer = _decode(await read_body(scope, receive, _MOST_BYTES)).customer
            await send_json(send, _DONE if await self._keep(customer) else _NOT_DONE)
        else:
            await send_json(send, _DONE)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message: dict[str, Any] = dict(await receive())
            if message["type"] == "lifespan.startup":
                self._nodes = SingleNode(os.environ[URL])
                await self._nodes.start()
                self._store = RedisCustomerStore(self._nodes)
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._nodes is not None:
                    await self._nodes.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _post(self, question: Question) -> Answer:
        return Answer(customer=question.customer, ok=await self._keep(question.customer))

    async def _keep(self, customer: str) -> bool:
        """Whether the store was there: as the product answers with a fallback, the load counts the rest as not good."""
        assert self._nodes is not None
        assert self._store is not None
        key = key_of(customer)
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        append = pack("XADD", keys.stream(Stream.DECISIONS, key.partition), "*", "b", _APPENDED)
        try:
            await self._store.gather(key, None, deadline=deadline)
            checked(await self._nodes.of_partition(key.partition).call(append, 1, deadline))
        except StoreUnavailable:
            return False
        return True


app = App()
