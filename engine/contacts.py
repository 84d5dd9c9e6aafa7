"""The contact history: every offer that reached a customer or is reserved for them, 16 bytes each.

The bytes are what the store keeps; the engine reads them as `Contact` tuples, oldest first, and the shell appends
what `pack` returns.
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import repeat
from typing import Final, NamedTuple

_LAYOUT: Final = struct.Struct("<IIIBBBB")
SIZE: Final = _LAYOUT.size
SESSION_GAP_S: Final = 30 * 60
"""Without a session id, contacts on one channel within this time are one session."""


class ContactState(IntEnum):
    """How far a contact went; a later state replaces an earlier one, a pending one lapses at `valid_until`."""

    PENDING = 0
    SHOWN = 1
    """An impression is confirmed; the customer did not answer."""
    CLICKED = 2
    LATER = 3
    DECLINED = 4
    ACCEPTED = 5
    CONVERTED = 6


class DeclineReason(IntEnum):
    """Why a customer declined; the wire and the rule files use the lower-case names."""

    NONE = 0
    NOT_NOW = 1
    NOT_INTERESTED = 2
    NEVER = 3
    ALREADY_HAVE = 4
    TOO_EXPENSIVE = 5
    OTHER = 6


class Contact(NamedTuple):
    """One action in one session; `at` is in seconds since the epoch."""

    at: int
    action_hash: int
    session_hash: int
    channel: int
    """Position of the channel in the plan's channel codes: atm 0, web 1, branch 2, phone 3, pc 4, others after."""
    state: int
    reason: int
    validity: int
    """How long the reservation holds, as `validity_code` writes it."""

    @property
    def valid_until(self) -> int:
        """The instant at which the reservation lapses."""
        return self.at + 60 * validity_minutes(self.validity)

    def lapsed(self, now_s: int) -> bool:
        """Whether this is a reservation that nobody confirmed in time."""
        return self.state == ContactState.PENDING and now_s >= self.valid_until


_FINE: Final = 120
MAX_VALID_MINUTES: Final = _FINE + 60 * (255 - _FINE)


def validity_code(minutes: int) -> int:
    """A reservation's length in one byte: up to two hours in minutes, beyond that in whole hours, rounded up.

    Raises:
        ValueError: longer than MAX_VALID_MINUTES, or not positive.
    """
    if not 0 < minutes <= MAX_VALID_MINUTES:
        raise ValueError(f"a reservation holds 1 to {MAX_VALID_MINUTES} minutes, not {minutes}")
    return minutes if minutes <= _FINE else _FINE + -(-(minutes - _FINE) // 60)


def validity_minutes(code: int) -> int:
    """The length that a byte stands for."""
    return code if code <= _FINE else _FINE + 60 * (code - _FINE)


def unpack(history: bytes) -> list[Contact]:
    """Read a stored history.

    Raises:
        ValueError: the length is not a whole number of contacts.
    """
    if len(history) % SIZE:
        raise ValueError(f"a contact history has {SIZE} bytes a contact, not {len(history)} in all")
    return list(map(tuple.__new__, repeat(Contact), _LAYOUT.iter_unpack(history)))  # as Contact._make, without a frame


def pack(contacts: Iterable[Contact]) -> bytes:
    """The stored form of contacts."""
    return b"".join(_LAYOUT.pack(*contact) for contact in contacts)


def hash32(text: str) -> int:
    """32 bits that name an action or a session in a contact; collisions between actions are refused when compiling."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little")


_WORTH_COMPACTING: Final = 64


def compaction(contacts: Sequence[Contact], *, shown_since: int, answered_since: int) -> tuple[int, Sequence[Contact]]:
    """What to drop of a history that has grown, and what to put back of it: (number dropped from the front, kept).

    Impressions and clicks before `shown_since` and answers before `answered_since` matter to nothing. Nothing is
    dropped until there are enough of them.
    """
    if len(contacts) < _WORTH_COMPACTING:
        return 0, ()
    kept = [
        each for each in contacts if each.at >= (answered_since if each.state >= ContactState.LATER else shown_since)
    ]
    return (len(contacts), kept) if len(contacts) - len(kept) >= _WORTH_COMPACTING // 2 else (0, ())
