"""The errors that callers see: RFC 9457 problem+json, every type in one table.

A problem carries names from the contract and the rule files, and positions in the body; never a value that the caller
sent, since a value may be about a person.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:nextbest:problem:"


class ProblemType(StrEnum):
    """The stable last part of a problem's `type`."""

    MALFORMED_BODY = "malformed_body"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_FOUND = "not_found"
    INVALID_BODY = "invalid_body"
    INVALID_REQUEST = "invalid_request"
    UNKNOWN_CHANNEL = "unknown_channel"
    UNKNOWN_PLACEMENT = "unknown_placement"
    DUPLICATE_PLACEMENT = "duplicate_placement"
    UNKNOWN_MOMENT = "unknown_moment"
    UNKNOWN_CONTEXT_FACT = "unknown_context_fact"
    INVALID_CONTEXT_FACT = "invalid_context_fact"
    UNKNOWN_ACTION = "unknown_action"
    UNKNOWN_GROUP = "unknown_group"
    REQUEST_ID_REUSED = "request_id_reused"
    UNKNOWN_CUSTOMER_GROUP = "unknown_customer_group"
    UNKNOWN_DECISION = "unknown_decision"
    OTHER_BUNDLE = "other_bundle"
    UNKNOWN_CUSTOMER = "unknown_customer"
    MERGE_REFUSED = "merge_refused"
    INVALID_TRACKING_TOKEN = "invalid_tracking_token"  # noqa: S105 - the name of a problem
    EXPIRED_TRACKING_TOKEN = "expired_tracking_token"  # noqa: S105 - the name of a problem
    UNKNOWN_EVENT_TYPE = "unknown_event_type"
    INVALID_EVENT = "invalid_event"
    UNKNOWN_PURPOSE = "unknown_purpose"
    CONSENT_VERSION = "consent_version"
    UNKNOWN_ORDER = "unknown_order"
    ORDER_CLOSED = "order_closed"
    APPOINTMENT_TAKEN = "appointment_taken"
    STORE_UNAVAILABLE = "store_unavailable"
    RATE_LIMITED = "rate_limited"
    LOOK_NOT_NOTED = "look_not_noted"
    OVERLOADED = "overloaded"
    INTERNAL = "internal"


class _Kind(NamedTuple):
    status: int
    title: str


KINDS: Final[Mapping[ProblemType, _Kind]] = {
    ProblemType.MALFORMED_BODY: _Kind(400, "the body is not valid JSON"),
    ProblemType.BODY_TOO_LARGE: _Kind(413, "the body is too large"),
    ProblemType.UNSUPPORTED_MEDIA_TYPE: _Kind(415, "the content type is not supported here"),
    ProblemType.UNAUTHENTICATED: _Kind(401, "we do not know who calls"),
    ProblemType.FORBIDDEN: _Kind(403, "the caller may not do this"),
    ProblemType.METHOD_NOT_ALLOWED: _Kind(405, "the method is not allowed here"),
    ProblemType.NOT_FOUND: _Kind(404, "there is nothing at this address"),
    ProblemType.INVALID_BODY: _Kind(422, "the body does not have the expected shape"),
    ProblemType.INVALID_REQUEST: _Kind(422, "a parameter of the request is not valid"),
    ProblemType.UNKNOWN_CHANNEL: _Kind(422, "the channel is unknown"),
    ProblemType.UNKNOWN_PLACEMENT: _Kind(422, "the placement is unknown on this channel"),
    ProblemType.DUPLICATE_PLACEMENT: _Kind(422, "a placement is asked for twice"),
    ProblemType.UNKNOWN_MOMENT: _Kind(422, "the moment is unknown on this channel"),
    ProblemType.UNKNOWN_CONTEXT_FACT: _Kind(422, "the context fact is not in the catalogue"),
    ProblemType.INVALID_CONTEXT_FACT: _Kind(422, "the context fact does not fit its declaration"),
    ProblemType.UNKNOWN_ACTION: _Kind(422, "the action is unknown"),
    ProblemType.UNKNOWN_GROUP: _Kind(422, "the group of actions is unknown"),
    ProblemType.UNKNOWN_CUSTOMER_GROUP: _Kind(404, "there is no such group of customers"),
    ProblemType.REQUEST_ID_REUSED: _Kind(422, "the request id was used with another body"),
    ProblemType.UNKNOWN_DECISION: _Kind(404, "there is no such decision"),
    ProblemType.OTHER_BUNDLE: _Kind(409, "the decision was made with other rules or another model"),
    ProblemType.UNKNOWN_CUSTOMER: _Kind(404, "there is no such customer"),
    ProblemType.MERGE_REFUSED: _Kind(409, "these records cannot be merged or separated"),
    ProblemType.INVALID_TRACKING_TOKEN: _Kind(422, "the tracking token is not one of ours"),
    ProblemType.EXPIRED_TRACKING_TOKEN: _Kind(422, "the tracking token has expired"),
    ProblemType.UNKNOWN_EVENT_TYPE: _Kind(422, "the event type is not in the catalogue"),
    ProblemType.INVALID_EVENT: _Kind(422, "the event does not fit its declaration"),
    ProblemType.UNKNOWN_PURPOSE: _Kind(422, "the consent purpose is not in the catalogue"),
    ProblemType.CONSENT_VERSION: _Kind(409, "consent has changed since this version"),
    ProblemType.UNKNOWN_ORDER: _Kind(404, "there is no such order"),
    ProblemType.ORDER_CLOSED: _Kind(409, "the order has ended otherwise"),
    ProblemType.APPOINTMENT_TAKEN: _Kind(409, "the time is no longer free, or the offer has another one"),
    ProblemType.STORE_UNAVAILABLE: _Kind(503, "the store does not answer; nothing was acknowledged"),
    ProblemType.RATE_LIMITED: _Kind(429, "this caller asks too often"),
    ProblemType.LOOK_NOT_NOTED: _Kind(503, "the look at a customer cannot be noted down; nothing was shown"),
    ProblemType.OVERLOADED: _Kind(503, "too much is in flight"),
    ProblemType.INTERNAL: _Kind(500, "something went wrong on our side"),
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong at one place of the body; `pointer` is a JSON Pointer (RFC 6901), empty for the body itself."""

    pointer: str
    detail: str


class Problem(Exception):
    """An error to be told to the caller."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str = "",
        *,
        pointer: str | None = None,
        errors: tuple[FieldError, ...] = (),
        allow: str = "",
        retry_after_s: int = 1,
    ) -> None:
        """`allow`: the methods that are allowed, where another was used; `retry_after_s`: when to come back."""
        self.retry_after_s = retry_after_s
        self.kind = kind
        self.allow = allow
        self.detail = detail
        self.errors = errors or (() if pointer is None else (FieldError(pointer, detail),))
        super().__init__(f"{kind}: {detail}")

    @property
    def status(self) -> int:
        """The HTTP status that goes with the kind."""
        return KINDS[self.kind].status

    def members(self) -> dict[str, object]:
        """The problem as RFC 9457 names its parts; `detail` and `errors` only where there is something to say."""
        kind = KINDS[self.kind]
        members: dict[str, object] = {"type": TYPE_PREFIX + self.kind, "title": kind.title, "status": kind.status}
        if self.detail:
            members["detail"] = self.detail
        if self.errors:
            members["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in self.errors]
        return members

    def render(self) -> bytes:
        """The body of the answer."""
        return msgspec.json.encode(self.members())

    def headers(self) -> dict[str, str]:
        """The headers of the answer; a caller may try again where we are at fault for a moment."""
        headers = {"content-type": MEDIA_TYPE, "cache-control": "no-store"}
        if self.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
            headers["retry-after"] = str(self.retry_after_s)
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = 'Bearer realm="nextbest"'
        if self.allow:
            headers["allow"] = self.allow
        return headers


DECODE_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All that a msgspec decoder raises for a body that it cannot take."""

_PLACE: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_NAMED: Final = re.compile(r"(?:missing required|contains unknown) field `(?P<field>[^`]{1,64})`$")
_QUOTES_VALUE: Final = re.compile(r"^Invalid (?:enum )?value ")


def from_decode_error(error: Exception) -> Problem:
    """The problem with a body that msgspec refused: malformed, or of another shape, naming the field."""
    if isinstance(error, RecursionError):
        return Problem(ProblemType.MALFORMED_BODY, "the body is nested too deeply")
    if not isinstance(error, msgspec.ValidationError):
        return Problem(ProblemType.MALFORMED_BODY)
    text = str(error)
    place = _PLACE.search(text)
    said = text[: place.start()] if place else text
    pointer = _pointer(place["path"]) if place else ""
    named = _NAMED.search(said)
    if named:
        pointer += "/" + escaped(named["field"])
    detail = "is not one of the allowed values" if _QUOTES_VALUE.match(said) else said[:1].lower() + said[1:]
    return Problem(ProblemType.INVALID_BODY, f"{field_name(pointer)}: {detail}", errors=(FieldError(pointer, detail),))


def _pointer(path: str) -> str:
    return "".join("/" + ("*" if step[1] == "..." else escaped(step[0] or step[1])) for step in _STEP.findall(path))


def escaped(name: str) -> str:
    """One step of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def field_name(pointer: str) -> str:
    """A place as a sentence names it."""
    return f"`{pointer[1:].replace('/', '.')}`" if pointer else "the body"
