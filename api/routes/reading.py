"""How the FastAPI routes read: a bounded body, and one form or a batch of them."""

from collections.abc import Awaitable, Collection
from typing import Final, TypeVar

import msgspec
from fastapi import Request, Response
from pydantic import BaseModel

from api.asgi import JSON, read_body
from api.parsing import as_form, as_json
from api.ports import StoreUnavailable
from api.problems import DECODE_ERRORS, Problem, ProblemType, from_decode_error
from api.service_port import Shell
from api.tokens import TokenFault, TokenRefused, Tracked

AForm = TypeVar("AForm", bound=BaseModel)
Answer = TypeVar("Answer")
_read_batch: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def shell_of(request: Request) -> Shell:
    """What the routes stand on."""
    shell: Shell = request.app.state.shell
    return shell


async def read_one(request: Request, form: type[AForm]) -> AForm:
    """The body as one form."""
    body = await read_body(request.scope, request.receive, shell_of(request).settings.max_body_bytes)
    return as_form(form, as_json(body))


async def read_batch(request: Request, media_types: Collection[bytes] = JSON) -> tuple[list[msgspec.Raw], bool]:
    """The body's parts, and whether it is a batch: a JSON array is one, anything else is a single part.

    Raises:
        Problem: the body is no JSON, too long, or has too many parts.
    """
    settings = shell_of(request).settings
    body = await read_body(request.scope, request.receive, settings.max_batch_bytes, media_types)
    if not body.lstrip(b" \t\r\n").startswith(b"["):
        return [as_json(body)], False
    parts = _parts(body)
    if not 0 < len(parts) <= settings.max_batch:
        raise Problem(ProblemType.INVALID_BODY, f"a batch has 1 to {settings.max_batch} parts", pointer="")
    return parts, True


def _parts(body: bytes) -> list[msgspec.Raw]:
    try:
        return _read_batch(body)
    except DECODE_ERRORS as error:
        raise from_decode_error(error) from error


def tracked(shell: Shell, token: str, now_s: float) -> Tracked:
    """The offer that a tracking token names.

    Raises:
        Problem: the token is not ours, or too old.
    """
    try:
        return shell.tokens.read(token, now_s)
    except TokenRefused as refused:
        if refused.fault is TokenFault.EXPIRED:
            kind, detail = ProblemType.EXPIRED_TRACKING_TOKEN, "the offer is too long ago"
        else:
            kind, detail = ProblemType.INVALID_TRACKING_TOKEN, "`tracking_token` was not made by this installation"
        raise Problem(kind, detail, pointer="/tracking_token") from refused


async def unless_unavailable(shell: Shell, operation: str, call: Awaitable[Answer]) -> Answer:
    """A store's answer, or the problem that it gave none.

    Raises:
        Problem: the store did not answer in time; the caller may send the same again.
    """
    try:
        return await call
    except StoreUnavailable as error:
        shell.metrics.store_failures.add((operation,))
        raise Problem(ProblemType.STORE_UNAVAILABLE, "send it again; what was recorded counts once") from error


def answer(body: BaseModel, status: int = 200) -> Response:
    """An answer in JSON that nobody between us and the caller may keep."""
    return Response(
        body.model_dump_json(exclude_none=True),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )
