"""What is noted of merges beside the records of both sides: what happened when, why, and what it takes to reverse it.

Entries are read by later releases: fields are only ever added, at the end, with a default.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from api.ports import StoredRecord


class MergeState(StrEnum):
    """How far a merge went on one side."""

    BEGUN = "begun"
    """The loser's side: nothing has moved yet."""
    FROZEN = "frozen"
    """The loser's side: its record leads to the winner's, and nobody writes it any more."""
    MERGED = "merged"
    """The loser's side: done."""
    SEPARATING = "separating"
    """The loser's side: being reversed."""
    RESTORED = "restored"
    """The loser's side: its record is its own again."""
    JOINED = "joined"
    """The winner's side: consent and contacts hold for both."""
    COPIED = "copied"
    """The winner's side: everything holds for both."""
    SEPARATED = "separated"
    """Either side: reversed."""


UNFINISHED: Final = frozenset({MergeState.BEGUN, MergeState.FROZEN, MergeState.SEPARATING, MergeState.RESTORED})
STANDING: Final = frozenset({MergeState.JOINED, MergeState.COPIED})


class Image(msgspec.Struct, frozen=True, array_like=True):
    """What a record held of what merging joins."""

    events: bytes | None = None
    needs: bytes | None = None
    contacts: bytes | None = None
    consent: bytes | None = None
    outcome_count: int = 0
    terms: bytes | None = None
    known: bool = True
    """Whether it was a customer's record; otherwise that of somebody not known yet, such as a visitor."""
    ties: bytes | None = None

    @classmethod
    def of(cls, record: StoredRecord) -> "Image":
        """What a record holds."""
        return cls(
            record.events,
            record.needs,
            record.contacts,
            record.consent,
            record.outcome_count,
            record.terms,
            record.owner is not None,
            record.ties,
        )


class Merge(msgspec.Struct, frozen=True, array_like=True):
    """One merge as one side sees it; on the winner's side with what both sides held before."""

    merge_id: str
    loser: str
    winner: str
    state: MergeState
    steps: tuple[tuple[MergeState, int], ...]
    """Each state that it reached, and when, in milliseconds since the epoch."""
    by: str = ""
    why: str = ""
    given: Image | None = None
    """What the loser brought."""
    before: Image | None = None
    """What the winner held."""
    joined_consent: bytes | None = None
    """The consent that came of both."""

    def at(self, state: MergeState, now_ms: int) -> "Merge":
        """The merge after a step."""
        return msgspec.structs.replace(self, state=state, steps=(*self.steps, (state, now_ms)))


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[Merge, ...]).decode


def encode_merges(merges: Sequence[Merge]) -> bytes:
    """What is kept beside a record, oldest first."""
    return _encode(tuple(merges))


def decode_merges(stored: bytes | None) -> tuple[Merge, ...]:
    """The merges beside a record, oldest first."""
    return _decode(stored) if stored else ()


def with_merge(merges: Sequence[Merge], changed: Merge) -> bytes:
    """What is kept after one merge went on; a new one comes last."""
    if all(each.merge_id != changed.merge_id for each in merges):
        return encode_merges((*merges, changed))
    return encode_merges([changed if each.merge_id == changed.merge_id else each for each in merges])
