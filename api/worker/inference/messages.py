"""What the worker and the process that infers needs tell each other: frames of msgpack, each behind its length."""

from typing import Any, BinaryIO, Final

import msgspec

LENGTH_BYTES: Final = 4


class Chain(msgspec.Struct, frozen=True, array_like=True):
    """The first frame: the rules, and what they conclude."""

    strata: list[list[tuple[dict[str, Any], list[str]]]]
    """For each stratum its rule sets: rules in durable-rules' own form by name, and the numbers that they read."""
    field_by_rule: dict[str, str]


Facts = dict[str, int]
"""A question: the numbers of one customer. The answer is the list of the rules that hold."""

_encode: Final = msgspec.msgpack.Encoder().encode
decode_chain: Final = msgspec.msgpack.Decoder(Chain).decode
decode_facts: Final = msgspec.msgpack.Decoder(Facts).decode
decode_rules: Final = msgspec.msgpack.Decoder(list[str]).decode


def frame(message: Chain | Facts | list[str]) -> bytes:
    """A message as it crosses the pipe."""
    body = _encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def read_frame(pipe: BinaryIO) -> bytes | None:
    """The next message; None where the other side is gone."""
    head = pipe.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    size = int.from_bytes(head, "big")
    body = pipe.read(size)
    return body if len(body) == size else None
