"""A part of a body as a form, or the problem that names every field that does not fit."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from api.problems import DECODE_ERRORS, FieldError, Problem, ProblemType, escaped, field_name, from_decode_error

AForm = TypeVar("AForm", bound=BaseModel)
_read_raw: Final = msgspec.json.Decoder(msgspec.Raw).decode


def as_json(body: bytes) -> msgspec.Raw:
    """A body that is JSON, and nothing but JSON: no NaN, no bytes that are no text.

    Raises:
        Problem: it is not.
    """
    try:
        return _read_raw(body)
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
