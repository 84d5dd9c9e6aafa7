"""Requests that a page of another site makes: answered for the sites that a key names, and for no other (CORS)."""

from collections.abc import Iterable
from typing import Final

from api.asgi import Message, Scope, Send

PATHS: Final = frozenset({"/v1/appointments", "/v1/callbacks", "/v1/decisions", "/v1/outcomes"})
"""What a page may need."""
_BEACONS: Final = "/v1/outcomes"
"""Beacons go out with credentials whether or not there are any; cookies say nothing here."""
_ALLOWED: Final = (
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"authorization, content-type"),
    (b"access-control-max-age", b"600"),
)


def origin_of(scope: Scope) -> bytes | None:
    """The site whose page made a request; None where it is our own, or no page."""
    origin = host = None
    for name, value in scope["headers"]:
        if name == b"origin":
            origin = value
        elif name == b"host":
            host = value
    return None if origin is None or (host is not None and origin.endswith(b"//" + host)) else origin


async def answer_preflight(scope: Scope, send: Send, origin: bytes, origins: Iterable[str]) -> None:
    """Tell a browser whether it may send what a page of a site wants to send."""
    is_known = origin.decode("latin-1") in origins
    headers = [*_allowed(scope["path"], origin), *_ALLOWED] if is_known else [(b"vary", b"origin")]
    await send({"type": "http.response.start", "status": 204 if is_known else 403, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def letting_read(path: str, origin: bytes, send: Send) -> Send:
    """Lets the page read the answer."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_allowed(path, origin)]
        await send(message)

    return told


def _allowed(path: str, origin: bytes) -> list[tuple[bytes, bytes]]:
    allowed = [(b"access-control-allow-origin", origin), (b"vary", b"origin")]
    return [*allowed, (b"access-control-allow-credentials", b"true")] if path == _BEACONS else allowed
