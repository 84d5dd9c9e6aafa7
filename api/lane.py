"""The hot route's way through the server: from the parser's last byte to the answer's first without ASGI in between.

Whatever is unusual about a request (a body in chunks, `expect`, another one still unanswered before it) takes the usual
way through the application, which answers the same.
"""

from asyncio import TimerHandle
from collections.abc import Sequence
from time import monotonic
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from api.asgi import ARRIVED_AT, JSON_HEADERS
from api.problems import Problem
from api.routes.decisions import PATH, Asked, DecisionsDoor

_URL: Final = PATH.encode()


class _NobodyWaits:
    """In place of the event by which uvicorn wakes an application that waits for more of its request."""

    def set(self) -> None:
        """Nothing to wake."""


class Exchange:
    """A request on the lane and its answer: as much of uvicorn's own account as its protocol looks at."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete")

    def __init__(self) -> None:
        self.disconnected = False
        self.keep_alive = True
        self.response_complete = True
        self.message_event = _NobodyWaits()


class _Heads:
    """The lines that begin every answer of one second, put together once."""

    def __init__(self) -> None:
        self._of: Sequence[tuple[bytes, bytes]] | None = None
        self._ok = b""

    def ok(self, default_headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Those of a 200 with JSON, up to the number of its bytes."""
        # uvicorn makes a new list whenever the date changes.
        if default_headers is not self._of:
            self._of = default_headers
            self._ok = b"HTTP/1.1 200 OK\r\n%b\r\ncontent-length: " % _lines((*default_headers, *JSON_HEADERS))
        return self._ok


def _lines(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"\r\n".join(b"%b: %b" % header for header in headers)


_heads: Final = _Heads()


class LaneProtocol(HttpToolsProtocol):
    """Stamps each request when its first bytes are read, so that time in the queue counts against its budget, and takes
    the hot route's requests itself."""

    _door: DecisionsDoor | None
    _arrived: float
    _body: bytes

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self._exchange = Exchange()
        self._idle: TimerHandle | None = None
        self._idle_since = 0.0

    # --- the parser's callbacks --------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._arrived = monotonic()
        self._door = None
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        if self.url == _URL and self._takes_lane():
            self._body = b""
            exchange = self._exchange
            exchange.response_complete = False
            exchange.keep_alive = self.parser.should_keep_alive()
            self.cycle = exchange  # type: ignore[assignment]
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        self.scope[ARRIVED_AT] = self._arrived  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()

    def _is_answering(self) -> bool:
        current: RequestResponseCycle | None = self.cycle
        return current is not None and not current.response_complete

    def _takes_lane(self) -> bool:
        door: DecisionsDoor | None = getattr(self.app, "door", None)
        if door is None or self._is_answering() or self.parser.get_method() != b"POST":
            return False
        if not door.takes(self.headers):
            return False
        self._door = door
        return True

    def on_body(self, body: bytes) -> None:
        if self._door is None:
            super().on_body(body)
        else:
            self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        door = self._door
        if door is None:
            super().on_message_complete()
            return
        answer = door.at_once(self.headers, self._body, self._arrived)
        if isinstance(answer, Asked) or self.flow.write_paused:
            task = self.loop.create_task(self._answer(door, answer, self._arrived))
            task.add_done_callback(self.tasks.discard)
            self.tasks.add(task)
        else:
            self._write(answer)

    # --- the answer --------------------------------------------------------------------------------------------------

    async def _answer(self, door: DecisionsDoor, asked: Asked | bytes | Problem, arrived: float) -> None:
        answer = await door.decide(asked, arrived) if isinstance(asked, Asked) else asked
        if self.flow.write_paused and not self._exchange.disconnected:
            await self.flow.drain()
        self._write(answer)

    def _write(self, answer: bytes | Problem) -> None:
        exchange, transport = self._exchange, self.transport
        exchange.response_complete = True
        if not exchange.disconnected and not transport.is_closing():
            default = self.server_state.default_headers
            if isinstance(answer, bytes):
                head, body = _heads.ok(default), answer
            else:
                head, body = _head_of(answer, default), answer.render()
            ending = b"" if exchange.keep_alive else b"connection: close\r\n"
            transport.write(b"%b%d\r\n%b\r\n%b" % (head, len(body), ending, body))
            if not exchange.keep_alive:
                transport.close()
        self.on_response_complete()

    # --- connections that nobody uses --------------------------------------------------------------------------------

    def _unset_keepalive_if_required(self) -> None:
        """One timer looks at the connection from time to time; making one for each request would cost each request."""

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = monotonic()
        if self._idle is None:
            self._idle = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        self._idle = None
        if self.transport.is_closing():
            return
        left = self._idle_since + self.timeout_keep_alive - monotonic()
        if left > 0 or self._is_answering():
            self._idle = self.loop.call_later(max(left, 1.0), self.timeout_keep_alive_handler)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        super().connection_lost(exc)


def _head_of(problem: Problem, default_headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The lines that begin an answer which is a problem, up to the number of its bytes."""
    own = [(name.encode(), value.encode()) for name, value in problem.headers().items()]
    return b"%b%b\r\ncontent-length: " % (STATUS_LINE[problem.status], _lines((*default_headers, *own)))
