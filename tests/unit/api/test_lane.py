"""The hot route's lane, over real connections, beside the application that answers everything else."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest
import uvicorn

from api.asgi import ARRIVED_AT, Receive, Scope, Send, is_plain, read_body, send_json
from api.lane import LaneProtocol
from api.problems import Problem, ProblemType
from api.routes.decisions import Answer, Asked
from api.schemas import DecisionRequest

BODY = b'{"some":"question"}'
REQUEST = Asked(
    msgspec.json.decode(
        b'{"identity":{"scheme":"customer","value":"C1"},"channel":"web","placements":[{"id":"hero"}]}',
        type=DecisionRequest,
    ),
    sees_reasons=False,
)


class Door:
    """Answers what it was told to, at once or when it is let; keeps the bodies that it was given."""

    def __init__(self, *, at_once: Answer | None = None, later: Answer = b'{"later":1}', most: int = 1_000) -> None:
        self.bodies: list[bytes] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = asyncio.Event()
        self._at_once = at_once
        self._later = later
        self._most = most

    def hold(self) -> None:
        """Ask to be told of the next question, and to answer it only when let."""
        self.may_answer.clear()
        self.asked.clear()

    def takes(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """As the real one."""
        return is_plain(headers, self._most)

    def at_once(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, arrived: float) -> Answer | Asked:
        """What a test wants."""
        self.bodies.append(body)
        self.asked.set()
        return self._at_once if self._at_once is not None else REQUEST

    async def decide(self, asked: Asked, arrived: float) -> Answer:
        """When it is let."""
        assert asked is REQUEST
        await self.may_answer.wait()
        return self._later


class Connection(LaneProtocol):
    """Says when it is lost."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


class App:
    """The application behind: says which way a request came."""

    def __init__(self, door: Door | None) -> None:
        self.door = door
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        body = await read_body(scope, receive, 1_000_000, (b"", b"application/json"))
        await send_json(send, b'{"path":"%b","bytes":%d}' % (scope["path"].encode(), len(body)))


@asynccontextmanager
async def serving(door: Door | None, *, idle_s: int = 5) -> AsyncIterator[tuple[App, list[Connection], int]]:
    """A server; gives its application, its connections and its port."""
    app = App(door)
    config = uvicorn.Config(
        cast("Any", app), lifespan="off", log_config=None, proxy_headers=False, timeout_keep_alive=idle_s
    )
    config.load()
    state = uvicorn.server.ServerState()
    state.default_headers = [(b"date", b"today")]
    made: list[Connection] = []

    def protocol() -> Connection:
        made.append(Connection(config=config, server_state=state, app_state={}))
        return made[-1]

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    try:
        yield app, made, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def asking(body: bytes = BODY, *more: bytes, path: bytes = b"/v1/decisions", method: bytes = b"POST") -> bytes:
    """A request as bytes."""
    head = b"%b %b HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" % (
        method, path, len(body),
    )  # fmt: skip
    return head + b"".join(b"%b\r\n" % line for line in more) + b"\r\n" + body


LAST = b"connection: close"


async def tell(port: int, *pieces: bytes) -> bytes:
    """Everything that comes back, until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


HEAD = b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-type: application/json\r\ncache-control: no-store\r\n"


async def test_answers_of_one_connection_come_in_the_order_of_their_requests() -> None:
    """Whether they take the lane, or wait behind one that does, or are for another route."""
    async with serving(Door()) as (app, _, port):
        said = await tell(port, asking() + asking() + asking(path=b"/other") + asking(BODY, LAST))
    here = b'content-length: 35\r\n%b\r\n{"path":"/v1/decisions","bytes":19}'
    assert said == b"".join(
        (
            HEAD + b'content-length: 11\r\n\r\n{"later":1}',
            HEAD + here % b"",
            HEAD + b'content-length: 28\r\n\r\n{"path":"/other","bytes":19}',
            HEAD + here % b"connection: close\r\n",
        )
    )
    assert [scope["path"] for scope in app.scopes] == ["/v1/decisions", "/other", "/v1/decisions"]


async def test_requests_one_after_another_all_take_the_lane() -> None:
    """The connection stays; the last one ends it."""
    door = Door()
    async with serving(door) as (app, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(3):
            writer.write(asking(b'{"n":%d}' % number))
            assert (await reader.readuntil(b'{"later":1}')).startswith(HEAD)
        writer.write(asking(b"{}", LAST))
        assert b"connection: close" in await reader.read()
        writer.close()
        await writer.wait_closed()
    assert door.bodies == [b'{"n":0}', b'{"n":1}', b'{"n":2}', b"{}"]
    assert app.scopes == []


async def test_body_may_come_byte_by_byte() -> None:
    """It is whole when the door sees it."""
    door = Door()
    whole = asking(BODY, LAST)
    async with serving(door) as (_, _, port):
        said = await tell(port, *(whole[at : at + 1] for at in range(len(whole))))
    assert said.endswith(b'{"later":1}')
    assert door.bodies == [BODY]


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"POST /v1/decisions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
                     b"5\r\nabcde\r\n0\r\n\r\n", id="a body in chunks"),
        pytest.param(asking(BODY, LAST, b"expect: 100-continue"), id="one that expects to be asked for its body"),
        pytest.param(asking(b"x" * 1_001, LAST), id="a body that is too long for the lane"),
        pytest.param(asking(BODY, LAST, path=b"/v1/decisions?x=1"), id="a query"),
        pytest.param(asking(BODY, LAST, method=b"PUT"), id="another method"),
        pytest.param(b"GET /v1/decisions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", id="no body"),
    ],
)  # fmt: skip
async def test_what_is_unusual_goes_through_the_application(request_bytes: bytes) -> None:
    """Which knows every detail of HTTP."""
    door = Door()
    async with serving(door) as (app, _, port):
        assert b'{"path":"/v1/decisions"' in await tell(port, request_bytes)
    assert door.bodies == []
    assert app.scopes[0][ARRIVED_AT] > 0


async def test_everything_goes_through_the_application_until_the_door_is_there() -> None:
    """While it starts."""
    async with serving(None) as (app, _, port):
        assert b'"bytes":19}' in await tell(port, asking(BODY, LAST))
    assert len(app.scopes) == 1


async def test_refusal_is_a_whole_answer_too() -> None:
    """Status, problem headers and body."""
    problem = Problem(ProblemType.BODY_TOO_LARGE, "at most 7 bytes are taken")
    async with serving(Door(at_once=problem)) as (_, _, port):
        said = await tell(port, asking(BODY, LAST))
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in head
    assert b"content-length: %d" % len(body) in head
    assert body == problem.render()


async def test_answer_waits_for_a_client_that_reads_slowly() -> None:
    """More than the socket takes is held back, and every byte arrives."""
    long = b"[" + b"1," * 2_000_000 + b"1]"
    async with serving(Door(at_once=long)) as (_, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asking())
        await reader.readexactly(10)
        writer.write(asking(BODY, LAST))
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert rest.count(long) == 2


async def test_client_that_hangs_up_breaks_nothing() -> None:
    """Its answer goes nowhere, and the next client is served."""
    door = Door()
    door.hold()
    async with serving(door) as (_, made, port):
        _, left = await asyncio.open_connection("127.0.0.1", port)
        left.write(asking())
        await door.asked.wait()
        left.close()
        await left.wait_closed()
        await made[0].lost.wait()
        door.may_answer.set()
        assert (await tell(port, asking(BODY, LAST))).endswith(b'{"later":1}')
        assert made[0].tasks == set()


async def test_server_that_ends_lets_the_answer_out_first() -> None:
    """A connection in the middle of a request is closed behind its answer; an idle one at once."""
    door = Door()
    async with serving(door) as (_, made, port):
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        idle_writer.write(asking())
        await idle.readuntil(b'{"later":1}')
        door.hold()
        busy = asyncio.create_task(tell(port, asking()))
        await door.asked.wait()
        for each in made:
            each.shutdown()
        assert await idle.read() == b""
        door.may_answer.set()
        assert b"connection: close" in await busy
        idle_writer.close()
        await idle_writer.wait_closed()


async def test_connection_that_nobody_uses_is_closed() -> None:
    """After its time; one that waits for an answer is not idle."""
    door = Door()
    async with serving(door, idle_s=1) as (_, made, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asking())
        await reader.readuntil(b'{"later":1}')
        door.hold()
        writer.write(asking())
        await door.asked.wait()
        made[0].timeout_keep_alive_handler()
        door.may_answer.set()
        await reader.readuntil(b'{"later":1}')
        made[0].timeout_keep_alive_handler()
        assert made[0].connections
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
