"""Joins what a bank's files say of a customer with what the store already holds: loading again changes nothing.

A file is older than what happened since: it adds to histories and never takes anything away from them.
"""

from api.adapters.records import decode_consent, encode_consent
from engine.contacts import Contact, pack, unpack
from engine.facts import Consent

FROM_FILES = 0
"""The version of a consent that came from files; what customers say themselves carries a higher one."""


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
