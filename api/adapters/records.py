"""What the fields of a customer's record say, as bytes and back; pure functions, for all who read or write a record.

Profile: `[schema hash, held values...]`. Event state: `[layout hash, kept since, instants...]`, or a list of such lists
while two bundles are served. Needs: `{need: instant it last held}`. Consent: `{"p": {purpose: {channel: bool}},
"o": objection or nil, "v": the source's version}`. All are MessagePack; the contact history is in `engine.contacts`,
and the terms quoted in `api.quotes`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.events import EventFilter, EventLayout
from engine.facts import EMPTY_CONSENT, Consent, FactSpec, FactType, Held, ProfileSchema
from engine.ids import CustomerId, EventName, FactName
from engine.running import Running

_FACT: Final = 0
"""Depth that tells a running fact from a filter in a stored layout."""
_encode: Final = msgspec.msgpack.Encoder(order="sorted").encode
_decode_array: Final = msgspec.msgpack.Decoder(list[Any]).decode
_decode_needs: Final = msgspec.msgpack.Decoder(dict[FactName, int]).decode
_decode_customers: Final = msgspec.msgpack.Decoder(tuple[CustomerId, ...]).decode


class _Consent(msgspec.Struct, frozen=True, gc=False):
    p: dict[str, dict[str, bool]] = {}
    o: bool | None = None
    v: int = 0


_decode_consent: Final = msgspec.msgpack.Decoder(_Consent).decode


def encode_profile(schema: ProfileSchema, profile: Sequence[Held]) -> bytes:
    """Field `p`; `profile` in held form, as `ProfileSchema.encode` gives it."""
    return _encode((schema.hash, *profile))


def encode_events(*states: tuple[EventLayout, Sequence[int]]) -> bytes:
    """Field `e`: the state under one layout, or under each of several."""
    arrays = [[layout.hash, *state] for layout, state in states]
    return _encode(arrays[0] if len(arrays) == 1 else arrays)


def encode_needs(last_held_by_need: Mapping[FactName, int]) -> bytes:
    """Field `n`."""
    return _encode(last_held_by_need)


def encode_consent(consent: Consent) -> bytes:
    """Field `k`; equal consents give equal bytes."""
    allowed = {purpose: dict(channels) for purpose, channels in consent.allowed_by_purpose.items()}
    return _encode(_Consent(allowed, consent.profiling_objection, consent.version))


def decode_profile(stored: bytes) -> tuple[int, list[Held]]:
    """Field `p`: the hash of its schema, and the held values.

    Raises:
        ValueError: the bytes are no profile.
    """
    profile = _decode_array(stored)
    if not profile or type(profile[0]) is not int:
        raise ValueError("a profile begins with the hash of its schema")
    schema_hash = profile[0]
    del profile[0]
    return schema_hash, profile


def decode_events(stored: bytes, layout: EventLayout) -> list[int] | None:
    """Field `e`: the state under a layout; None where it was folded under others only.

    Raises:
        ValueError: the bytes are no event state.
    """
    state = _decode_array(stored)
    if state and type(state[0]) is list:
        state = next((each for each in state if each and each[0] == layout.hash), state[0])
    if not state:
        raise ValueError("an event state begins with the hash of its layout")
    if state[0] != layout.hash:
        return None
    del state[0]
    if len(state) != layout.width and not layout.fits(state):
        raise ValueError("an event state has the width of its layout")
    return state


def layout_of_events(stored: bytes) -> int:
    """Field `e`: the hash of the layout under which it was folded, the first of several."""
    state = _decode_array(stored)
    return int(state[0][0] if type(state[0]) is list else state[0])


def encode_names(records: Sequence[str]) -> bytes:
    """The records that an entry of a stream names."""
    return _encode(list(records))


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


def encode_layout(layout: EventLayout) -> bytes:
    """A layout's filters and running facts as JSON, the facts with depth 0: all that reading a state of it takes."""
    filters = [[kept.event, kept.text, kept.depth] for kept in layout.filters]
    return msgspec.json.encode([*filters, *([fact.event, fact.text, _FACT] for fact in layout.running)])


def decode_layout(filters: bytes) -> EventLayout:
    """The layout that `encode_layout` wrote, for reading states; it folds nothing."""
    listed = msgspec.json.decode(filters, type=list[tuple[str, str, int]])
    return EventLayout(
        tuple(EventFilter(event=EventName(event), text=text, depth=depth) for event, text, depth in listed if depth),
        tuple(Running(event=EventName(event), text=text) for event, text, depth in listed if depth == _FACT),
    )


def decode_consent(stored: bytes | None) -> Consent:
    """Field `k`; absent means no answer to anything."""
    if not stored:
        return EMPTY_CONSENT
    held = _decode_consent(stored)
    return Consent(version=held.v, allowed_by_purpose=held.p, profiling_objection=held.o)


def decode_needs(stored: bytes | None) -> dict[FactName, int]:
    """Field `n`."""
    return _decode_needs(stored) if stored else {}
