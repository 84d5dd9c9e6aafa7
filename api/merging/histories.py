"""Histories of two records that turn out to be one person's, joined and taken apart again: contacts, needs, quotes."""

from collections.abc import Sequence

from api.adapters.records import decode_needs, encode_needs
from api.merging.entries import Image
from api.quotes import decode_quotes, encode_quotes
from engine.contacts import Contact, pack, unpack

Mark = tuple[int, int, int, int]
"""What tells a contact from all others: at, action, session, channel."""


def mark(contact: Contact) -> Mark:
    """The contact's mark."""
    return contact[:4]


def marks(contacts: bytes | None) -> set[Mark]:
    """The marks of a history."""
    return {mark(each) for each in unpack(contacts or b"")}


def join_contacts(ours: bytes | None, theirs: bytes | None) -> bytes:
    """Both histories, oldest first; of a contact that stands in both, the further state."""
    by_mark: dict[Mark, Contact] = {}
    for contact in (*unpack(ours or b""), *unpack(theirs or b"")):
        known = by_mark.get(mark(contact))
        if known is None or known.state < contact.state:
            by_mark[mark(contact)] = contact
    return pack(sorted(by_mark.values()))


def loser_contacts(now: bytes | None, given: Image, before: Image, others: Sequence[Image]) -> bytes:
    """The loser's own history with how its contacts went on, and with what happened while both were one."""
    foreign = marks(before.contacts).union(*(marks(each.contacts) for each in others)) - marks(given.contacts)
    shared = [each for each in unpack(now or b"") if mark(each) not in foreign]
    return join_contacts(given.contacts, pack(shared))


def winner_contacts(now: bytes | None, given: Image, before: Image, others: Sequence[Image]) -> bytes:
    """The winner's history without what only the loser brought."""
    kept = marks(before.contacts).union(*(marks(each.contacts) for each in others))
    gone = marks(given.contacts) - kept
    return pack(each for each in unpack(now or b"") if mark(each) not in gone)


def join_needs(ours: bytes | None, theirs: bytes | None) -> bytes | None:
    """When each need last held for either."""
    if ours is None or theirs is None:
        return ours or theirs
    joined = decode_needs(ours)
    for need, at in decode_needs(theirs).items():
        joined[need] = max(at, joined.get(need, 0))
    return encode_needs(joined)


def part_needs(now: bytes | None, given: Image, before: Image) -> bytes | None:
    """Needs without the instants that only the loser brought."""
    brought, own = decode_needs(given.needs), decode_needs(before.needs)
    parted = dict(decode_needs(now))
    for need, at in brought.items():
        if parted.get(need) == at and own.get(need, 0) < at:
            parted.pop(need)
            if need in own:
                parted[need] = own[need]
    return encode_needs(parted) if parted or now is not None else None


def join_terms(ours: bytes | None, theirs: bytes | None) -> bytes | None:
    """What was quoted to either; of an action quoted to both, what the winner was told."""
    if ours is None or theirs is None:
        return ours or theirs
    return encode_quotes(decode_quotes(theirs) | decode_quotes(ours))


def part_terms(now: bytes | None, given: Image, before: Image) -> bytes | None:
    """What is quoted without what only the loser was told."""
    if now is None:
        return None
    brought, own = decode_quotes(given.terms), decode_quotes(before.terms)
    quoted = decode_quotes(now).items()
    return encode_quotes({action: quote for action, quote in quoted if action in own or brought.get(action) != quote})
