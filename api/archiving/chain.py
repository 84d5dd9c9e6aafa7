"""The hash chain: every archived record carries the hash of itself and of the record before it in its partition."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from api.ports import FIRST

_encode: Final = msgspec.msgpack.Encoder().encode


class Head(NamedTuple):
    """How far a partition is archived."""

    sequence: int
    """How many of its records there are; the number of the last one."""
    entry_id: str
    """The last one's place in the stream."""
    hash: bytes


START: Final = Head(0, FIRST, bytes(32))


def link(previous: bytes, table: str, values: Sequence[object]) -> bytes:
    """The hash of a record: over the hash before it, the table it stands in, and all its values in column order."""
    return sha256(previous + _encode((table, values))).digest()


def joint(heads: Mapping[int, Head]) -> str:
    """One hash over the heads of all partitions."""
    digest = sha256()
    for partition in sorted(heads):
        head = heads[partition]
        digest.update(f"{partition} {head.sequence} {head.entry_id} {head.hash.hex()}\n".encode())
    return digest.hexdigest()
