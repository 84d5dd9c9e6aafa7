"""Writes the record of a decision and mints its id."""

import time
from collections.abc import Sequence
from random import SystemRandom
from typing import Final, NamedTuple

import msgspec

from api.decision_record import FORMAT
from api.ports import CustomerKey, StoredRecord
from engine.decision import Decision, Request

_encode: Final = msgspec.msgpack.Encoder().encode


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
    experiments: tuple[str, ...] = (),
    budgets: Sequence[tuple[str, int]] = (),
    terms: bytes | None = None,
) -> bytes:
    """The record of a decision. `actions` and `experiments` name those of the plan by position; `budgets` says what was
    left of those that might not carry the whole answer, and `terms` is the record's own field where terms are held."""
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
            [(experiments[at], arm) for at, arm in decision.arms.items()] if decision.arms else (),
            _ghosts(decision, actions) if decision.ghosts else (),
            budgets,
            terms,
        )
    )


def _ghosts(decision: Decision, actions: tuple[str, ...]) -> list[tuple[str, list[str], list[float]]]:
    return [
        (
            filled.placement.id,
            [actions[option.candidate.action] for option in filled.options],
            [option.chance for option in filled.options],
        )
        for filled in decision.ghosts
    ]


def now_us() -> int:
    """The wall clock, in microseconds since the epoch."""
    return time.time_ns() // 1_000
