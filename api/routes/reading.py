"""How the FastAPI routes read: a bounded body, one form or a batch of them, and the deadline of a write."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from time import time
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from fastapi import Request, Response
from pydantic import BaseModel, ValidationError

from api.asgi import JSON, read_body
from api.ports import StoreUnavailable
from api.problems import DECODE_ERRORS, FieldError, Problem, ProblemType, escaped, field_name, from_decode_error
from api.service_port import Shell
from api.tokens import TokenFault, TokenRefused, Tracked

FUTURE_S: Final = 300
"""A source's clock may be ahead of ours by so much."""

AForm = TypeVar("AForm", bound=BaseModel)
Answer = TypeVar("Answer")
_read_batch: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_raw: Final = msgspec.json.Decoder(msgspec.Raw).decode


class Deadline(NamedTuple):
    """When a write has to be done, on the clocks that need to know."""

    now_ms: int
    deadline_ms: int
    """Milliseconds since the epoch."""
    deadline: float
    """The event loop's clock."""

    @classmethod
    def of(cls, shell: Shell) -> "Deadline":
        """The deadline of a write that begins now."""
        left_ms = shell.settings.write_timeout_ms
        now_ms = int(time() * 1_000)
        return cls(now_ms, now_ms + left_ms, asyncio.get_running_loop().time() + left_ms / 1_000)


def shell_of(request: Request) -> Shell:
    """What the routes stand on."""
    shell: Shell = request.app.state.shell
    return shell


async def read_one(request: Request, form: type[AForm]) -> AForm:
    """The body as one form."""
    body = await read_body(request.scope, request.receive, shell_of(request).settings.max_body_bytes)
    return as_form(form, _raw(_read_raw, body))


async def read_batch(request: Request, media_types: Collection[bytes] = JSON) -> tuple[list[msgspec.Raw], bool]:
    """The body's parts, and whether it is a batch: a JSON array is one, anything else is a single part.

    Raises:
        Problem: the body is no JSON, too long, or has too many parts.
    """
    settings = shell_of(request).settings
    body = await read_body(request.scope, request.receive, settings.max_batch_bytes, media_types)
    if not body.lstrip(b" \t\r\n").startswith(b"["):
        return [_raw(_read_raw, body)], False
    parts = _raw(_read_batch, body)
    if not 0 < len(parts) <= settings.max_batch:
        raise Problem(ProblemType.INVALID_BODY, f"a batch has 1 to {settings.max_batch} parts", pointer="")
    return parts, True


def _raw(read: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return read(body)
    except DECODE_ERRORS as error:
        raise from_decode_error(error) from error


def as_form(form: type[AForm], raw: msgspec.Raw) -> AForm:
    """A part of a body as a form.

    Raises:
        Problem: it does not fit; names every field that does not.
    """
    try:
        return form.model_validate_json(bytes(raw))
    except ValidationError as error:
        raise from_validation_error(
            error.errors(include_url=False, include_context=False, include_input=False)
        ) from error


def from_validation_error(found: Sequence[Any], kind: ProblemType = ProblemType.INVALID_BODY) -> Problem:
    """The problem with a form that pydantic refused, without the values that it refused."""
    if any(each["type"] == "json_invalid" for each in found):
        return Problem(ProblemType.MALFORMED_BODY)
    errors = tuple(
        FieldError("".join(f"/{escaped(str(step))}" for step in each["loc"]), _plain(each["msg"])) for each in found
    )
    first = errors[0]
    return Problem(kind, f"{field_name(first.pointer)}: {first.detail}", errors=errors)


def _plain(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


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
