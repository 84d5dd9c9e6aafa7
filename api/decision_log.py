"""The record of a decision, as the stream keeps it: all that is needed to decide again, byte for byte.

What was read of the customer stands in it as the stored bytes themselves, the scores as they were given.
"""

import time
from random import SystemRandom
from typing import Final, NamedTuple

import msgspec

from api.ports import CustomerKey, StoredRecord
from engine.decision import Decision, Request
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


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(DecisionRecord).decode


class Origin(NamedTuple):
    """Which software and rules made a decision."""

    release: str
    ruleset: str
    model: str


class DecisionIds:
    """Mints decision ids: 3 hex digits of partition, 11 of milliseconds, 10 of chance. Nobody guesses the next."""

    def __init__(self) -> None:
        self._chance = SystemRandom()
        self._pool: list[str] = []

    def mint(self, partition: int, at_ms: int) -> str:
        """A new id."""
        if not self._pool:
            drawn = self._chance.randbytes(5 * 256).hex()
            self._pool = [drawn[at : at + 10] for at in range(0, len(drawn), 10)]
        return f"{partition:03x}{at_ms:011x}{self._pool.pop()}"


def place_of(decision_id: str) -> tuple[int, int] | None:
    """Partition and milliseconds of an id; None for what is no id."""
    head = _ID_PARTITION + _ID_MILLISECONDS
    try:
        return int(decision_id[:_ID_PARTITION], 16), int(decision_id[_ID_PARTITION:head], 16)
    except ValueError:
        return None


def encode(
    *,
    decision_id: str,
    decided_at_us: int,
    origin: Origin,
    key: CustomerKey,
    request: Request,
    moment: str | None,
    stored: StoredRecord,
    known: bool,
    decision: Decision,
    actions: tuple[str, ...],
) -> bytes:
    """The record of a decision. `actions` names the plan's actions by position."""
    return _encode(
        (
            FORMAT,
            decision_id,
            decided_at_us,
            origin.release,
            origin.ruleset,
            origin.model,
            key.record,
            request.channel.id,
            moment,
            [(asked.placement.id, asked.count) for asked in request.placements],
            request.context,
            request.locale,
            request.session_id,
            None if request.only is None else [actions[at] for at in sorted(request.only)],
            [actions[at] for at in sorted(request.exclude)] if request.exclude else (),
            request.prefetch,
            request.retry,
            known,
            stored.profile,
            stored.events,
            stored.needs,
            stored.contacts,
            stored.consent,
            stored.outcome_count,
            [(actions[each.action], each.propensity) for each in decision.scored],
            [
                (filled.placement.id, option.rank - 1, draw.drawn, [actions[at] for at in draw.actions], draw.weights)
                for filled in decision.filled
                for option in filled.options
                if (draw := option.draw) is not None
            ],
            [
                (filled.placement.id, [actions[option.candidate.action] for option in filled.options])
                for filled in decision.filled
            ],
            decision.degraded,
        )
    )


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


def now_us() -> int:
    """The wall clock, in microseconds since the epoch."""
    return time.time_ns() // 1_000
