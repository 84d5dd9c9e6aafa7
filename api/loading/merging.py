"""Joins what a bank's files say of a customer with what the store already holds: loading again changes nothing.

A file is older than what happened since: it adds to histories and never takes anything away from them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from api.adapters.records import decode_consent, decode_events, encode_consent, encode_events
from engine.contacts import Contact, pack, unpack
from engine.events import KEPT_SINCE, EventLayout
from engine.facts import Consent
from engine.running import blocks_of

FROM_FILES = 0
"""The version of a consent that came from files; what customers say themselves carries a higher one."""


def merge_events(layout: EventLayout, stored: bytes, loaded: bytes) -> bytes:
    """Event states joined instant by instant; a state of another layout gives way.

    Each instant counts as often as in that of the two states where it stands more often; of each bucket of a running
    fact that of the two counts which holds more.
    """
    if not stored or stored == loaded:
        return loaded
    ours, theirs = decode_events(loaded, layout), decode_events(stored, layout)
    if theirs is None or ours is None:
        return loaded
    end = layout.width
    own = [min(pair) for pair in zip(ours[layout.own_offset : end], theirs[layout.own_offset : end], strict=True)]
    kept_since = min(ours[KEPT_SINCE], theirs[KEPT_SINCE])
    pairs = zip(layout.running, blocks_of(ours, end), blocks_of(theirs, end), strict=True)
    blocks = chain.from_iterable(fact.joined(loaded_one, stored_one) for fact, loaded_one, stored_one in pairs)
    return encode_events((layout, [kept_since, *_instants(layout, ours, theirs), *own, *blocks]))


def _instants(layout: EventLayout, ours: Sequence[int], theirs: Sequence[int]) -> Iterator[int]:
    for offset, kept in zip(layout.offsets, layout.filters, strict=True):
        end = offset + kept.depth
        if ours[offset:end] == theirs[offset:end]:
            yield from ours[offset:end]
        else:
            either = Counter(ours[offset:end]) | Counter(theirs[offset:end])
            yield from sorted(either.elements(), reverse=True)[: kept.depth]


def merge_contacts(stored: bytes, loaded: bytes) -> bytes:
    """Contact histories joined, oldest first; of one contact that both hold the further state stands."""
    if not stored or stored == loaded:
        return loaded
    by_contact: dict[tuple[int, int, int, int], Contact] = {}
    for contact in (*unpack(stored), *unpack(loaded)):
        named = contact[:4]
        if named not in by_contact or by_contact[named].state < contact.state:
            by_contact[named] = contact
    return pack(sorted(by_contact.values()))


def merge_consent(stored: bytes, loaded: bytes) -> bytes:
    """The files' consent; where the customer has spoken since, the stricter of both under the customer's version."""
    theirs = decode_consent(stored)
    if not stored or theirs.version <= FROM_FILES:
        return loaded
    ours = decode_consent(loaded)
    allowed = {purpose: dict(channels) for purpose, channels in theirs.allowed_by_purpose.items()}
    for purpose, channels in ours.allowed_by_purpose.items():
        refused = {channel: False for channel, allows in channels.items() if not allows}
        allowed[purpose] = {**allowed.get(purpose, {}), **refused}
    return encode_consent(
        Consent(
            version=theirs.version,
            allowed_by_purpose=allowed,
            profiling_objection=True if ours.profiling_objection else theirs.profiling_objection,
        )
    )
