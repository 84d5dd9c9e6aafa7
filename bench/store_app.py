"""An endpoint that only reads a customer's record and appends a kilobyte durably, through the product's own flights.

What a decision's tail is compared with: same server, same store, nothing decided. Every other path is answered at once:
what HTTP alone costs.
"""

import asyncio
import os
from typing import Any

import msgspec

from api.adapters import keys
from api.adapters.commands import checked, pack
from api.adapters.customer_store import RedisCustomerStore
from api.adapters.nodes import SingleNode
from api.asgi import Receive, Scope, Send, read_body, send_json
from api.ports import StoreUnavailable, Stream, key_of

PATH, BARE_PATH = "/v1/store", "/v1/bare"
URL = "BENCH_STORE_URL"
_PATIENCE_S = 1.0
_APPENDED = bytes(1_000)
_MOST_BYTES = 65_536
_DONE = b'{"ok":true}'
_NOT_DONE = b'{"ok":false}'


class _Question(msgspec.Struct):
    customer: str


_decode = msgspec.json.Decoder(_Question).decode


class App:
    """A plain ASGI application."""

    def __init__(self) -> None:
        self._nodes: SingleNode | None = None
        self._store: RedisCustomerStore | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == PATH:
            await send_json(send, await self._answer(await read_body(scope, receive, _MOST_BYTES)))
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

    async def _answer(self, body: bytes) -> bytes:
        assert self._nodes is not None
        assert self._store is not None
        key = key_of(_decode(body).customer)
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        append = pack("XADD", keys.stream(Stream.DECISIONS, key.partition), "*", "b", _APPENDED)
        try:
            await self._store.gather(key, None, deadline=deadline)
            checked(await self._nodes.of_partition(key.partition).call(append, 1, deadline))
        except StoreUnavailable:
            return _NOT_DONE  # as the product answers with a fallback; the load counts it as not good
        return _DONE


app = App()
