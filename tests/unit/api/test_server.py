"""How uvicorn is asked to serve."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn

from api.asgi import ARRIVED_AT, Receive, Scope, Send, send_json
from api.server import DoorProtocol, listen, server_config
from api.settings import Settings


def test_server_is_set_up_for_many_small_requests() -> None:
    """Uvloop and httptools, no access log, five seconds to drain."""
    config = server_config(Settings(workers=2))
    config.load()
    assert config.access_log is False
    assert config.http_protocol_class is DoorProtocol
    assert (config.workers, config.timeout_graceful_shutdown) == (2, 5)


@asynccontextmanager
async def serving(app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> AsyncIterator[tuple[str, int]]:
    """An application behind the protocol that serves decisions; gives its address."""
    config = uvicorn.Config(app, lifespan="off", log_config=None)
    config.load()
    state = uvicorn.server.ServerState()
    state.default_headers = [(b"date", b"today")]
    server = await asyncio.get_running_loop().create_server(
        lambda: DoorProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        await server.wait_closed()


async def test_request_is_stamped_when_its_bytes_arrive() -> None:
    """Before the application runs, so that time in the queue is seen."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with serving(app) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert b"204" in await reader.read()
        writer.close()
        await writer.wait_closed()
    assert 0 < scopes[0][ARRIVED_AT] <= asyncio.get_running_loop().time() + 0.1


async def test_answer_goes_out_whole_and_the_connection_stays() -> None:
    """Requests sent without waiting are answered in their order; the last one asks for the end."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send_json(scope, send, b'{"path":"%b"}' % scope["path"].encode())

    async with serving(app) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\nGET /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answers = (await reader.read()).split(b"HTTP/1.1 ")[1:]
        writer.close()
        await writer.wait_closed()
    head = b"200 OK\r\ndate: today\r\n%bcontent-type: application/json\r\ncache-control: no-store\r\ncontent-length: 13"
    assert answers == [
        head % b"" + b'\r\n\r\n{"path":"/a"}',
        head % b"connection: close\r\n" + b'\r\n\r\n{"path":"/b"}',
    ]


async def test_answer_waits_for_a_client_that_reads_slowly() -> None:
    """More than the socket takes is held back, and every byte arrives."""
    body = b"[" + b"1," * 2_000_000 + b"1]"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send_json(scope, send, body)

    async with serving(app) as address:
        reader, writer = await asyncio.open_connection(*address)
        request = b"GET / HTTP/1.1\r\nhost: x\r\n"
        writer.write(request + b"\r\n" + request + b"connection: close\r\n\r\n")
        received = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert received.count(body) == 2


async def test_client_that_hangs_up_breaks_nothing() -> None:
    """Its answer goes nowhere, and the next client is served."""
    gone = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/gone":
            await receive()
            await receive()
            gone.set()
        await send_json(scope, send, b"{}")

    async with serving(app) as address:
        _, left = await asyncio.open_connection(*address)
        left.write(b"GET /gone HTTP/1.1\r\nhost: x\r\n\r\n")
        await left.drain()
        left.close()
        await left.wait_closed()
        await gone.wait()
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"{}")
        writer.close()
        await writer.wait_closed()


def test_taken_address_is_an_error_and_not_a_second_server() -> None:
    """Two installations on one port would answer each other's customers."""
    first = listen("127.0.0.1", 0)
    first.listen()
    with first, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", first.getsockname()[1])


def test_address_may_be_of_either_kind() -> None:
    """IPv4 and IPv6."""
    with listen("127.0.0.1", 0) as four:
        assert four.family is socket.AF_INET
    if socket.has_dualstack_ipv6():
        with listen("::1", 0) as six:
            assert six.family is socket.AF_INET6
