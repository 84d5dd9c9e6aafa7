"""How uvicorn is asked to serve."""

import asyncio
import socket

import pytest
import uvicorn

from api.asgi import ARRIVED_AT, Receive, Scope, Send
from api.server import StampingProtocol, listen, server_config
from api.settings import Settings


def test_server_is_set_up_for_many_small_requests() -> None:
    """Uvloop and httptools, no access log, five seconds to drain."""
    config = server_config(Settings(workers=2))
    config.load()
    assert config.access_log is False
    assert config.http_protocol_class is StampingProtocol
    assert (config.workers, config.timeout_graceful_shutdown) == (2, 5)


async def test_request_is_stamped_when_its_bytes_arrive() -> None:
    """Before the application runs, so that time in the queue is seen."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, lifespan="off", log_config=None)
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: StampingProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert b"204" in await reader.read()
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    assert 0 < scopes[0][ARRIVED_AT] <= loop.time() + 0.1


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
