"""The record of a decision, as the stream keeps it: all that is needed to decide again, byte for byte.

What was read of the customer stands in it as the stored bytes themselves, the scores as they were given.
"""

from string import hexdigits
from typing import Final

import msgspec

from api.ports import PARTITIONS
from engine.decision import WHOLE
from engine.facts import Held

FORMAT: Final = 1
_ID_PARTITION: Final = 3
_ID_MILLISECONDS: Final = 11


class DecisionRecord(msgspec.Struct, array_like=True, frozen=True):
    """One decision. Arrays keep it short: names stand here, not in every record."""

    format: int
    decision_id: str
    decided_at_us: int
    """Microseconds since the epoch."""
    release: str
    ruleset: str
    model: str
    record: str
    """The customer id, or `scheme:value`."""
    channel: str
    moment: str | None
    placements: tuple[tuple[str, int], ...]
    context: dict[str, Held]
    locale: str
    session_id: str | None
    only: tuple[str, ...] | None
    exclude: tuple[str, ...]
    prefetch: bool
    retry: int
    known: bool
    profile: bytes | None
    events: bytes | None
    needs: bytes | None
    contacts: bytes | None
    consent: bytes | None
    outcome_count: int
    scores: tuple[tuple[str, float], ...]
    draws: tuple[tuple[str, int, int, tuple[str, ...], tuple[int, ...]], ...]
    """Placement, slot, draw, candidates and their weights."""
    fill: tuple[tuple[str, tuple[str, ...]], ...]
    """Placement and the actions shown, by rank."""
    degraded: tuple[str, ...]
    arms: tuple[tuple[str, str], ...] = ()
    """Experiments that ran here and the customer's arm in each."""
    ghosts: tuple[tuple[str, tuple[str, ...], tuple[float, ...]], ...] = ()
    """What would have been shown if nothing had been held out: placement, actions by rank, and the chance of each."""
    budgets: tuple[tuple[str, int], ...] = ()
    """What was left of budgets that might not carry the whole answer; -1 where nobody could be asked."""
    terms: bytes | None = None
    """The terms quoted before, where terms are held."""

    @property
    def chances(self) -> tuple[tuple[str, tuple[float, ...]], ...]:
        """For each placement the probability with which each option shown was selected, by rank."""
        drawn = {
            (place, slot): weights[actions.index(shown[slot])] / WHOLE
            for place, shown in self.fill
            for drawn_at, slot, _, actions, weights in self.draws
            if drawn_at == place
        }
        return tuple(
            (place, tuple(drawn.get((place, at), 1.0) for at in range(len(shown)))) for place, shown in self.fill
        )


_HEX: Final = frozenset(hexdigits.lower())
_decode: Final = msgspec.msgpack.Decoder(DecisionRecord).decode


def decode(record: bytes) -> DecisionRecord:
    """Read a record.

    Raises:
        ValueError: the bytes are no record of this format.
    """
    try:
        found = _decode(record)
    except msgspec.DecodeError as error:
        raise ValueError("not a decision record") from error
    if found.format != FORMAT:
        raise ValueError(f"a decision record of format {found.format}")
    return found


def place_of(decision_id: str) -> tuple[int, int] | None:
    """Partition and milliseconds of an id; None for what is no id of ours."""
    head = decision_id[: _ID_PARTITION + _ID_MILLISECONDS]
    # `int` would take signs, spaces and underscores for a number as well.
    if len(head) < _ID_PARTITION + _ID_MILLISECONDS or not _HEX.issuperset(head):
        return None
    partition = int(head[:_ID_PARTITION], 16)
    return (partition, int(head[_ID_PARTITION:], 16)) if partition < PARTITIONS else None
