"""Field `g` of a record: the groups that the customer belongs to for a time, and what rules read of relations.

The bytes are MessagePack: an array of memberships; where there are relations, a map of both. The facts `groups.<id>` of
a customer are those of the profile, which a load replaces, and those of memberships that run.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from api.adapters.records import encode_profile
from api.ports import StoredRecord
from engine.facts import GROUPS, Held, ProfileSchema, is_missing, related_count, related_holds

FIXED: Final = "fixed"
"""Who says so: a person or a file; otherwise the need by which the group is inferred."""
_MAP: Final = 0x80
_KIND_OF_BYTE: Final = 0xF0


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


class Related(msgspec.Struct, frozen=True, array_like=True):
    """So many relations of one kind that begin and end together; a count of 0 says that somebody told of the kind."""

    kind: str
    start_s: int
    end_s: int | None
    count: int | None
    """None: they change too often to be kept."""
    holds: tuple[str, ...] | None
    """The products that those hold to whom they lead; None: of one of them nobody knows, or they object."""

    def runs(self, now_s: int) -> bool:
        """Whether they are relations now."""
        return self.start_s <= now_s and (self.end_s is None or now_s < self.end_s)


class Ties(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that the field says."""

    g: tuple[Membership, ...] = ()
    r: tuple[Related, ...] = ()


_encode: Final = msgspec.msgpack.Encoder().encode
_decode_memberships: Final = msgspec.msgpack.Decoder(tuple[Membership, ...]).decode
_decode_both: Final = msgspec.msgpack.Decoder(Ties).decode


def encode_memberships(memberships: Iterable[Membership], related: tuple[Related, ...] = ()) -> bytes | None:
    """The field's bytes, by group and start; None where there is nothing to say."""
    ordered = tuple(sorted(memberships, key=lambda each: (each.group, each.start_s, each.by)))
    if related:
        return _encode(Ties(ordered, related))
    return _encode(ordered) if ordered else None


def decode_ties(stored: bytes | None) -> Ties:
    """What the field says.

    Raises:
        msgspec.MsgspecError: the bytes are no such field.
    """
    if not stored:
        return Ties()
    return _decode_both(stored) if stored[0] & _KIND_OF_BYTE == _MAP else Ties(_decode_memberships(stored))


def decode_memberships(stored: bytes | None) -> tuple[Membership, ...]:
    """The memberships alone. Raises as `decode_ties` does."""
    return decode_ties(stored).g


def with_ties(stored: StoredRecord, profile: Sequence[Held] | None, schema: ProfileSchema, now_s: int) -> StoredRecord:
    """The record whose profile also holds the groups and relations that run now, of those that the rules know."""
    held = list(profile) if profile is not None else schema.empty()
    ties = decode_ties(stored.ties)
    if ties.g:
        position = schema.position_by_name[GROUPS]
        mask = _mask(
            [each.group for each in ties.g if each.runs(now_s)], schema.columns[position].values, held[position]
        )
        held[position] = mask
    for kind in dict.fromkeys(each.kind for each in ties.r):
        _put_relations(held, schema, kind, [each for each in ties.r if each.kind == kind], now_s)
    return stored._replace(profile=encode_profile(schema, held))


def _put_relations(held: list[Held], schema: ProfileSchema, kind: str, related: Sequence[Related], now_s: int) -> None:
    at_count, at_holds = (schema.position_by_name.get(name) for name in (related_count(kind), related_holds(kind)))
    if at_count is None or at_holds is None:
        return
    running = [each for each in related if each.runs(now_s) and each.count != 0]
    counts = [each.count for each in running if each.count is not None]
    products = [each.holds for each in running if each.holds is not None]
    missing = schema.columns[at_count].missing
    held[at_count] = sum(counts) if len(counts) == len(running) else missing
    names = [product for each in products for product in each]
    held[at_holds] = _mask(names, schema.columns[at_holds].values, 0) if len(products) == len(running) else None


def _mask(names: Iterable[str], values: Sequence[str], held: Held) -> int:
    mask = 0 if is_missing(held) else held
    assert isinstance(mask, int)
    for name in names:
        if name in values:
            mask |= 1 << values.index(name)
    return mask


def joined(ours: bytes | None, theirs: bytes | None) -> bytes | None:
    """The memberships of both; of relations ours, until they are told anew of whom both are."""
    own = decode_ties(ours)
    return encode_memberships({*own.g, *decode_memberships(theirs)}, own.r)


def parted(now: bytes | None, given: bytes | None, before: bytes | None) -> bytes | None:
    """The ties without the memberships that only one side brought."""
    brought = set(decode_memberships(given)) - set(decode_memberships(before))
    held = decode_ties(now)
    return encode_memberships((each for each in held.g if each not in brought), held.r)
