"""The few steps between ASGI and bytes that every route shares: a bounded body, a checked content type, an answer."""

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from time import monotonic
from typing import Any, Final

from api.problems import Problem, ProblemType

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ARRIVED_AT: Final = "nextbest.arrived_at"
"""Where in a scope `server.py` notes the instant at which the request's first bytes arrived."""
CYCLE: Final = "nextbest.cycle"
"""Where in a scope `server.py` puts uvicorn's own account of the request and its answer."""
JSON: Final = (b"application/json",)
_JSON_HEADERS: Final = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
_OK: Final = b"HTTP/1.1 200 OK\r\n"
_JSON_HEAD: Final = b"".join(b"%b: %b\r\n" % header for header in _JSON_HEADERS)


class ClientGone(Exception):
    """The caller hung up before the request was whole; nobody waits for an answer."""


def arrived_at(scope: Scope) -> float:
    """When the request arrived, as `time.monotonic` counts."""
    return scope.get(ARRIVED_AT) or monotonic()


async def read_body(scope: Scope, receive: Receive, limit: int, media_types: Collection[bytes] = JSON) -> bytes:
    """The whole body.

    Raises:
        Problem: it is longer than `limit`, or its content type is not one of `media_types`.
        ClientGone: it never came.
    """
    media_type = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            media_type = value
        elif name == b"content-length" and not _is_at_most(value, limit):
            raise _too_large(limit)
    if media_type not in media_types and media_type.partition(b";")[0].strip().lower() not in media_types:
        wanted = " or ".join(kind.decode() for kind in media_types)
        raise Problem(ProblemType.UNSUPPORTED_MEDIA_TYPE, f"send `content-type: {wanted}`")
    cycle = scope.get(CYCLE)
    if cycle is not None and not cycle.more_body and not cycle.disconnected:
        body = bytes(cycle.body)
    else:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body = message.get("body", b"")
        if message.get("more_body"):
            body = await _rest(body, receive, limit)
    if len(body) > limit:
        raise _too_large(limit)
    return body


async def _rest(first: bytes, receive: Receive, limit: int) -> bytes:
    parts, size, more = [first], len(first), True
    while more and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    return b"".join(parts)


def _is_at_most(content_length: bytes, limit: int) -> bool:
    try:
        return int(content_length) <= limit
    except ValueError:
        return False


def _too_large(limit: int) -> Problem:
    return Problem(ProblemType.BODY_TOO_LARGE, f"at most {limit} bytes are taken")


async def send_json(scope: Scope, send: Send, body: bytes) -> None:
    """Answer 200 with JSON."""
    # It refers to the scope, which refers to it: left there, every request would be garbage to search for.
    cycle = scope.pop(CYCLE, None)
    if cycle is not None and _write_whole(cycle, body):
        return
    headers = (*_JSON_HEADERS, (b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _write_whole(cycle: Any, body: bytes) -> bool:
    """Write a whole answer at once, where uvicorn sends head and body apart and checks headers that never change.

    Returns False, with nothing written, where the usual way has to be taken: the client reads too slowly or is gone.
    """
    if cycle.flow.write_paused or cycle.disconnected or cycle.response_started:
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    keep_alive: bool = cycle.keep_alive
    parts: list[bytes] = [_OK]
    for name, value in cycle.default_headers:
        parts += (name, b": ", value, b"\r\n")
    if not keep_alive:
        parts.append(b"connection: close\r\n")
    parts += (_JSON_HEAD, b"content-length: %d\r\n\r\n" % len(body), body)
    cycle.transport.write(b"".join(parts))
    cycle.message_event.set()
    if not keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


async def send_problem(send: Send, problem: Problem) -> None:
    """Answer with a problem."""
    body = problem.render()
    headers = [(name.encode(), value.encode()) for name, value in problem.headers().items()]
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
