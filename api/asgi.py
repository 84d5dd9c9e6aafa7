"""The few steps between ASGI and bytes that every route shares: a bounded body, a checked content type, an answer."""

from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping, Sequence
from time import monotonic
from typing import Any, Final

from api.problems import Problem, ProblemType

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ARRIVED_AT: Final = "nextbest.arrived_at"
"""Where in a scope `lane.py` notes the instant at which the request's first bytes arrived."""
_UNUSUAL: Final = (b"transfer-encoding", b"expect", b"upgrade")
JSON: Final = (b"application/json",)
JSON_HEADERS: Final = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))


class ClientGone(Exception):
    """The caller hung up before the request was whole; nobody waits for an answer."""


def arrived_at(scope: Scope) -> float:
    """When the request arrived, as `time.monotonic` counts."""
    return scope.get(ARRIVED_AT) or monotonic()


def check_head(headers: Iterable[tuple[bytes, bytes]], limit: int, media_types: Collection[bytes] = JSON) -> None:
    """Look at what the headers say of the body.

    Raises:
        Problem: it is longer than `limit`, or its content type is not one of `media_types`.
    """
    media_type = b""
    for name, value in headers:
        if name == b"content-type":
            media_type = value
        elif name == b"content-length" and not _is_at_most(value, limit):
            raise _too_large(limit)
    if media_type not in media_types and media_type.partition(b";")[0].strip().lower() not in media_types:
        wanted = " or ".join(kind.decode() for kind in media_types)
        raise Problem(ProblemType.UNSUPPORTED_MEDIA_TYPE, f"send `content-type: {wanted}`")


def is_plain(headers: Sequence[tuple[bytes, bytes]], limit: int) -> bool:
    """Whether a request says in advance how long its body is, not longer than `limit`, and asks for nothing unusual.

    Nor does it come from a page of another site, which is answered with headers that let it read the answer.
    """
    length = origin = host = b""
    for name, value in headers:
        if name == b"content-length":
            length = value
        elif name == b"host":
            host = value
        elif name == b"origin":
            origin = value
        elif name in _UNUSUAL:
            return False
    return length.isdigit() and int(length) <= limit and (not origin or origin.endswith(b"//" + host))


async def read_body(scope: Scope, receive: Receive, limit: int, media_types: Collection[bytes] = JSON) -> bytes:
    """The whole body.

    Raises:
        Problem: it is longer than `limit`, or its content type is not one of `media_types`.
        ClientGone: it never came.
    """
    check_head(scope["headers"], limit, media_types)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
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


async def send_json(send: Send, body: bytes) -> None:
    """Answer 200 with JSON."""
    headers = (*JSON_HEADERS, (b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_problem(send: Send, problem: Problem) -> None:
    """Answer with a problem."""
    body = problem.render()
    headers = [(name.encode(), value.encode()) for name, value in problem.headers().items()]
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
