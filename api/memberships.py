"""Field `g` of a record: the groups that the customer belongs to for a time, as MessagePack.

The facts `groups.<id>` of a customer are those of the profile, which a load replaces, and those of memberships that
run.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from api.adapters.records import encode_profile
from api.ports import StoredRecord
from engine.facts import GROUPS, Held, ProfileSchema, is_missing

FIXED: Final = "fixed"
"""Who says so: a person or a file; otherwise the need by which the group is inferred."""


class Membership(msgspec.Struct, frozen=True, array_like=True, order=True):
    """One customer's time in one group, in seconds since the epoch."""

    group: str
    start_s: int
    end_s: int | None = None
    """From then on no more; None: until somebody ends it."""
    by: str = FIXED

    def runs(self, now_s: int) -> bool:
        """Whether the customer is in the group."""
        return self.start_s <= now_s and (self.end_s is None or now_s < self.end_s)


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[Membership, ...]).decode


def encode_memberships(memberships: Iterable[Membership]) -> bytes | None:
    """The field's bytes, by group and start; None where there is none."""
    ordered = sorted(memberships, key=lambda each: (each.group, each.start_s, each.by))
    return _encode(tuple(ordered)) if ordered else None


def decode_memberships(stored: bytes | None) -> tuple[Membership, ...]:
    """What the field says.

    Raises:
        msgspec.MsgspecError: the bytes are no such field.
    """
    return _decode(stored) if stored else ()


def with_groups(
    stored: StoredRecord, profile: Sequence[Held] | None, schema: ProfileSchema, now_s: int
) -> StoredRecord:
    """The record whose profile also holds the groups that run now, of those that the rules know."""
    position = schema.position_by_name[GROUPS]
    names = schema.columns[position].values
    held = list(profile) if profile is not None else schema.empty()
    mask = 0 if is_missing(held[position]) else held[position]
    assert isinstance(mask, int)
    for each in decode_memberships(stored.memberships):
        if each.group in names and each.runs(now_s):
            mask |= 1 << names.index(each.group)
    held[position] = mask
    return stored._replace(profile=encode_profile(schema, held))


def joined(ours: bytes | None, theirs: bytes | None) -> bytes | None:
    """The memberships of both."""
    return encode_memberships({*decode_memberships(ours), *decode_memberships(theirs)})


def parted(now: bytes | None, given: bytes | None, before: bytes | None) -> bytes | None:
    """The memberships without those that only one side brought."""
    brought = set(decode_memberships(given)) - set(decode_memberships(before))
    return encode_memberships(each for each in decode_memberships(now) if each not in brought)
