"""What the fields of a customer's record say, as bytes and back; pure functions, used by everyone who reads or writes one.

Profile: `[schema hash, held values...]`. Event state: `[layout hash, kept since, instants...]`, or a list of such lists
while two bundles are served. Needs: `{need: instant it last held}`. Consent: `{"p": {purpose: {channel: bool}},
"o": objection or nil, "v": the source's version}`. Terms: `{product: [terms, until]}`. All are MessagePack; the contact
history is in `engine.contacts`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from api.ports import StoredRecord
from engine.contacts import Contact, unpack
from engine.events import EventLayout
from engine.facts import EMPTY_CONSENT, Consent, FactSpec, FactType, Held, ProfileSchema
from engine.ids import CustomerId, FactName

_encode: Final = msgspec.msgpack.Encoder(order="sorted").encode
_decode_array: Final = msgspec.msgpack.Decoder(list[Any]).decode
_decode_needs: Final = msgspec.msgpack.Decoder(dict[str, int]).decode
_decode_terms: Final = msgspec.msgpack.Decoder(dict[str, tuple[dict[str, float], int]]).decode
_decode_customers: Final = msgspec.msgpack.Decoder(tuple[CustomerId, ...]).decode


class _Consent(msgspec.Struct, frozen=True, gc=False):
    p: dict[str, dict[str, bool]] = {}
    o: bool | None = None
    v: int = 0


_decode_consent: Final = msgspec.msgpack.Decoder(_Consent).decode


class Terms(NamedTuple):
    """What was quoted to a customer for a product, and until when (seconds since the epoch) it is repeated."""

    terms: Mapping[str, float]
    until_s: int


class UnknownSchema(Exception):
    """A profile of a schema that this reader has not met: `schema` of the record store gives its columns."""

    def __init__(self, schema_hash: int) -> None:
        self.schema_hash = schema_hash
        super().__init__(f"a profile of the unknown schema {schema_hash:08x}")


class BrokenRecord(Exception):
    """A field holds bytes that nobody of ours wrote."""


class Snapshot(NamedTuple):
    """A record as the engine takes it."""

    profile: list[Held]
    """One held value per column of the plan's schema."""
    events: list[int]
    """In the order of the plan's event layout."""
    needs: Mapping[str, int]
    """For each need the instant it last held."""
    contacts: list[Contact]
    consent: Consent
    terms: Mapping[str, Terms]
    known: bool
    """Whether this is a customer of the bank."""
    events_current: bool
    """False when the event state belongs to another layout: history is unknown until it is folded again."""


def encode_profile(schema: ProfileSchema, profile: Sequence[Held]) -> bytes:
    """Field `p`; `profile` in held form, as `ProfileSchema.encode` gives it."""
    return _encode((schema.hash, *profile))


def encode_events(*states: tuple[EventLayout, Sequence[int]]) -> bytes:
    """Field `e`: the state under one layout, or under each of several."""
    arrays = [[layout.hash, *state] for layout, state in states]
    return _encode(arrays[0] if len(arrays) == 1 else arrays)


def encode_needs(last_held_by_need: Mapping[str, int]) -> bytes:
    """Field `n`."""
    return _encode(last_held_by_need)


def encode_consent(consent: Consent) -> bytes:
    """Field `k`; equal consents give equal bytes."""
    allowed = {purpose: dict(channels) for purpose, channels in consent.allowed_by_purpose.items()}
    return _encode(_Consent(allowed, consent.profiling_objection, consent.version))


def encode_terms(terms_by_product: Mapping[str, Terms]) -> bytes:
    """Field `t`."""
    return _encode(terms_by_product)


def encode_customers(customers: Sequence[CustomerId]) -> bytes:
    """Value of an identity: whom it means."""
    return _encode(customers)


def decode_customers(stored: bytes) -> tuple[CustomerId, ...]:
    """Whom an identity means."""
    return _decode_customers(stored)


def encode_schema(schema: ProfileSchema) -> bytes:
    """A schema's columns as JSON: all that reading a profile of it takes."""
    return msgspec.json.encode([[c.name, c.type, c.decimals, c.values] for c in schema.columns])


def decode_schema(columns: bytes) -> ProfileSchema:
    """The schema that `encode_schema` wrote; titles, ranges and defaults are not part of it."""
    listed = msgspec.json.decode(columns, type=list[tuple[str, FactType, int, tuple[str, ...]]])
    return ProfileSchema(
        tuple(
            FactSpec(name=FactName(name), type=kind, decimals=decimals, values=values)
            for name, kind, decimals, values in listed
        )
    )


def decode_consent(stored: bytes | None) -> Consent:
    """Field `k`; absent means no answer to anything."""
    if not stored:
        return EMPTY_CONSENT
    held = _decode_consent(stored)
    return Consent(version=held.v, allowed_by_purpose=held.p, profiling_objection=held.o)


def decode_needs(stored: bytes | None) -> dict[str, int]:
    """Field `n`."""
    return _decode_needs(stored) if stored else {}


def decode_terms(stored: bytes | None) -> dict[str, Terms]:
    """Field `t`."""
    return {product: Terms(*quoted) for product, quoted in _decode_terms(stored).items()} if stored else {}


@dataclass(slots=True)
class RecordReader:
    """Reads records for one plan: by position where a field was written under the plan's own schema and layout."""

    schema: ProfileSchema
    layout: EventLayout
    _others: dict[int, ProfileSchema]

    def __init__(self, schema: ProfileSchema, layout: EventLayout) -> None:
        self.schema = schema
        self.layout = layout
        self._others = {}

    def learn(self, schema: ProfileSchema) -> None:
        """Be able to read profiles of another schema."""
        self._others[schema.hash] = schema

    def read(self, record: StoredRecord, now_s: int) -> Snapshot:
        """The record at an instant.

        Raises:
            UnknownSchema: the profile's schema has to be learned first.
            BrokenRecord: a field cannot be read.
        """
        try:
            events, events_current = self.events(record.events, now_s)
            return Snapshot(
                self.profile(record.profile),
                events,
                decode_needs(record.needs),
                unpack(record.contacts) if record.contacts else [],
                decode_consent(record.consent),
                decode_terms(record.terms),
                record.owner is not None,
                events_current,
            )
        except (ValueError, IndexError, TypeError) as error:
            raise BrokenRecord(type(error).__name__) from error

    def profile(self, stored: bytes | None) -> list[Held]:
        """Field `p`; absent means that nothing is known."""
        if not stored:
            return self.schema.empty()
        profile = _decode_array(stored)
        schema_hash = profile[0]
        del profile[0]
        schema = self.schema
        if schema_hash == schema.hash:
            if len(profile) != len(schema.columns):
                raise ValueError("a profile has one value a column")
            return profile
        other = self._others.get(schema_hash)
        if other is None:
            raise UnknownSchema(schema_hash)
        return schema.convert(profile, other)

    def events(self, stored: bytes | None, now_s: int) -> tuple[list[int], bool]:
        """Field `e`, and whether it is of this layout; history that cannot be read is kept since now."""
        layout = self.layout
        if stored:
            state = _decode_array(stored)
            if type(state[0]) is list:
                state = next((each for each in state if each[0] == layout.hash), state[0])
            if state[0] == layout.hash:
                del state[0]
                if len(state) != layout.width:
                    raise ValueError("an event state has the width of its layout")
                return state, True
            return layout.empty(now_s), False
        return layout.empty(0), True
