"""A Kafka message as a CloudEvent in JSON, of either content mode of the CloudEvents binding for Kafka."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

_PREFIX: Final = "ce_"
_JSON: Final = ("application/json", "text/json")
_read_raw: Final = msgspec.json.Decoder(msgspec.Raw).decode
_write: Final = msgspec.json.Encoder().encode


class Message(NamedTuple):
    """What a topic holds at one place."""

    topic: str
    partition: int
    offset: int
    value: bytes
    headers: Sequence[tuple[str, bytes | None]] = ()


def as_cloudevent(message: Message) -> bytes:
    """The event as structured JSON; what cannot be read as one stays as it is, to be refused like any other.

    A message with the header `ce_specversion` is in binary mode: attributes in headers, the data as its value. Every
    other is in structured mode: the whole event as its value.
    """
    headers = {name.lower(): (value or b"").decode("utf-8", "replace") for name, value in message.headers}
    if _PREFIX + "specversion" not in headers:
        return message.value
    event: dict[str, object] = {
        name.removeprefix(_PREFIX): value for name, value in headers.items() if name.startswith(_PREFIX)
    }
    kind = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    event["datacontenttype"] = "application/json" if kind in _JSON else kind
    if message.value:
        try:
            event["data"] = _read_raw(message.value)
        except msgspec.DecodeError:
            return message.value
    return _write(event)
