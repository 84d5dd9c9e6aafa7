"""What the partitions' streams hold besides decisions: events, outcomes, consents, orders and what was put aside.

Entries are read by the worker, the archiver and the back office, perhaps by another release: fields are only ever
added, at the end, with a default.
"""

from typing import Any, Final, Literal

import msgspec


class EventEntry(msgspec.Struct, frozen=True, array_like=True):
    """An event as it was taken in; `data` as the source sent it, in natural form."""

    record: str
    """Whose: a customer id, or `scheme:value` of somebody not known."""
    source: str
    id: str
    type: str
    at_ms: int
    received_ms: int
    data: dict[str, Any] = {}


class OutcomeEntry(msgspec.Struct, frozen=True, array_like=True):
    """What a customer did with an offer."""

    outcome_id: str
    decision_id: str
    record: str
    action: str
    outcome: str
    reason: str | None
    occurred_ms: int
    received_ms: int
    channel: int
    """Position of the channel, as contacts hold it."""
    placement: str
    rank: int
    treatment: str


class ConsentEntry(msgspec.Struct, frozen=True, array_like=True):
    """A customer's consent as it was put in force."""

    record: str
    version: int
    purposes: dict[str, dict[str, bool]]
    profiling_objection: bool | None
    received_ms: int


class FulfilmentOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that a person or the back office has to do now, as JSON: an accepted offer, or a call."""

    order_id: str
    kind: Literal["offer", "callback"]
    record: str
    channel: str
    """Where the customer asked for it."""
    placed_at_ms: int
    decision_id: str | None = None
    action: str | None = None
    gives: str | None = None
    """The product that the customer gets."""
    treatment: str | None = None
    leads_to: dict[str, str] | None = None
    """The activity on another channel that comes first, such as an appointment in the branch."""
    page: str | None = None
    phone_number: str | None = None
    """Where to call, where the customer gave a number."""
    call_after_ms: int | None = None
    appointment_at_ms: int | None = None
    """When the customer wants to come to the branch."""
    branch: str | None = None


class ReportEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the back office says of an order, as JSON that begins with the status."""

    status: str
    at_ms: int
    note: str | None = None
    reference: str | None = None
    """What the back office calls the order itself."""


class QuarantineEntry(msgspec.Struct, frozen=True, array_like=True):
    """An event that is put aside, with the reason; a person decides what becomes of it."""

    reason: str
    body: bytes
    """An encoded `EventEntry`, or whatever could not be read as one."""
    put_aside_ms: int
    taken: bool = False
    """Whether it was in its stream before, so that its source and id are known already."""


class ArchivedPast(msgspec.Struct, frozen=True, array_like=True):
    """What the archive knows of a record's events, for the worker that rebuilds its state."""

    through: int
    """How many entries of the partition are archived: it joins a stream from which no more are gone."""
    since_s: int
    """Since when nothing is missing."""
    whole: bool
    """Whether nothing was ever dropped from the archive."""
    bodies: list[bytes]
    """Encoded `EventEntry`s."""


_encode: Final = msgspec.msgpack.Encoder().encode
_encode_json: Final = msgspec.json.Encoder().encode
_decode_order: Final = msgspec.json.Decoder(FulfilmentOrder).decode
_decode_report: Final = msgspec.json.Decoder(ReportEntry).decode
_decode_quarantine: Final = msgspec.msgpack.Decoder(QuarantineEntry).decode
_decode_past: Final = msgspec.msgpack.Decoder(ArchivedPast).decode
_decode_event: Final = msgspec.msgpack.Decoder(EventEntry).decode


def encode_entry(entry: EventEntry | OutcomeEntry | ConsentEntry | QuarantineEntry | ArchivedPast) -> bytes:
    """The bytes that a stream holds, or what is laid beside one."""
    return _encode(entry)


def encode_order(order: FulfilmentOrder) -> bytes:
    """The bytes that the fulfilment stream holds: JSON, since other systems read it."""
    return _encode_json(order)


def beginning_of_order(order_id: str) -> bytes:
    """How the bytes of an order with this id begin: `order_id` is its first field."""
    return b'{"order_id":%b,' % _encode_json(order_id)


def decode_order(body: bytes) -> FulfilmentOrder:
    """Read an order back."""
    return _decode_order(body)


def encode_report(report: ReportEntry) -> bytes:
    """The bytes that are kept beside an order."""
    return _encode_json(report)


def decode_report(body: bytes) -> ReportEntry:
    """Read a report back."""
    return _decode_report(body)


def decode_event(body: bytes) -> EventEntry:
    """Read an event back.

    Raises:
        ValueError: the bytes are no event.
    """
    try:
        return _decode_event(body)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


def decode_past(laid: bytes) -> ArchivedPast:
    """Read back what was laid beside a record.

    Raises:
        ValueError: the bytes are no such thing.
    """
    try:
        return _decode_past(laid)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


def decode_quarantine(body: bytes) -> QuarantineEntry:
    """Read back what was put aside."""
    return _decode_quarantine(body)
