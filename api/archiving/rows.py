"""Makes rows of the archive out of entries of the decision stream; whatever an entry holds, it gets a row."""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec

from api import decision_record, replay
from api.archiving.chain import Head, link
from api.archiving.exploring import price_of
from api.archiving.factors import Factors, factors_of
from api.archiving.files import day_of
from api.archiving.makers import Makers, NotHere
from api.archiving.tables import CONSENTS, DECISIONS, OTHERS, OUTCOMES, Row, Table
from api.entries import ConsentEntry, OutcomeEntry
from api.faults import log_fault
from api.ports import Entry

IDENTICAL: Final = "identical"
"""Deciding again gave the very record; everything else says why there are no factors."""
_PRICED: Final = 10_000
"""Slots whose exploration is priced together."""
Kind = TypeVar("Kind")
_log = logging.getLogger(__name__)
_decode_outcome: Final = msgspec.msgpack.Decoder(OutcomeEntry).decode
_decode_consent: Final = msgspec.msgpack.Decoder(ConsentEntry).decode
_to_json: Final = msgspec.json.Encoder().encode


class Rows:
    """Makes rows, deciding again for the factors of every action."""

    def __init__(self, makers: Makers) -> None:
        self._makers = makers
        self._models: set[str] = set()
        self._prices: deque[float] = deque(maxlen=_PRICED)

    @property
    def exploration_price(self) -> float | None:
        """The share of the expected value that exploration gave up in the last slots; None where nothing was drawn."""
        return sum(self._prices) / len(self._prices) if self._prices else None

    def row(self, partition: int, head: Head, entry: Entry) -> tuple[Row, str]:
        """The row that follows a partition's head, and the day to whose files it belongs."""
        try:
            table, at_ms, values = self._values(entry)
            day = day_of(at_ms)
        except (ValueError, OverflowError, OSError):
            table, values, day = OTHERS, (entry.kind, entry.body), day_of(int(entry.id.partition("-")[0]))
        values = (partition, head.sequence + 1, entry.id, *values)
        return Row(table, values, link(head.hash, table.name, values)), day

    def _values(self, entry: Entry) -> tuple[Table, int, tuple[object, ...]]:
        match entry.kind:
            case "r":
                return self._decision(entry.body)
            case "o" | "l":
                return _outcome(entry.body, late=entry.kind == "l")
            case "k":
                return _consent(entry.body)
            case _:
                raise ValueError(entry.kind)

    def _decision(self, recorded: bytes) -> tuple[Table, int, tuple[object, ...]]:
        record = decision_record.decode(recorded)
        replayed, factors = self._factors(record, recorded)
        return (
            DECISIONS,
            record.decided_at_us // 1_000,
            (
                record.decision_id,
                record.decided_at_us,
                record.release,
                record.ruleset,
                record.model,
                record.record,
                record.channel,
                record.moment,
                list(record.degraded),
                _to_json(dict(record.arms)).decode(),
                replayed,
                None if factors is None else factors.facts,
                None if factors is None else factors.actions,
                None if factors is None else factors.draws,
                None if factors is None else factors.ghosts,
                recorded,
            ),
        )

    def _factors(self, record: decision_record.DecisionRecord, recorded: bytes) -> tuple[str, Factors | None]:
        """Whether deciding again gives the record, and if so every factor that led to it."""
        try:
            serving = self._makers.serving(record)
            self._keep_model(record.model)
            question, decision = replay.decide_again(serving, record, self._makers.exploration_key)
            if replay.record_again(serving, record, question, decision) == recorded:
                self._price(record, {serving.action_ids[each.action]: each.priority for each in decision.scored})
                return IDENTICAL, factors_of(serving.plan, decision)
        except NotHere as missing:
            return f"{missing.missing}_missing", None
        except Exception as error:  # noqa: BLE001 - a record that cannot be decided again is archived all the same
            log_fault(_log, "deciding again", error)
            return "failed", None
        return "differs" if record.release == serving.origin.release else "other_release", None

    def _price(self, record: decision_record.DecisionRecord, priority: Mapping[str, float]) -> None:
        self._prices += [
            price_of(actions, weights, priority)
            for _, _, _, actions, weights in record.draws
            if priority.keys() >= set(actions)
        ]

    def _keep_model(self, model: str) -> None:
        if model not in self._models and ":" not in model and model != "baseline":
            self._makers.keep_model(model)
            self._models.add(model)


def _outcome(body: bytes, *, late: bool) -> tuple[Table, int, tuple[object, ...]]:
    entry = _decoded(_decode_outcome, body)
    return (
        OUTCOMES,
        entry.received_ms,
        (
            1_000 * entry.received_ms,
            1_000 * entry.occurred_ms,
            entry.outcome_id,
            entry.decision_id,
            entry.record,
            entry.action,
            entry.outcome,
            entry.reason,
            late,
            entry.channel,
            entry.placement,
            entry.rank,
            entry.treatment,
            body,
        ),
    )


def _consent(body: bytes) -> tuple[Table, int, tuple[object, ...]]:
    entry = _decoded(_decode_consent, body)
    return (
        CONSENTS,
        entry.received_ms,
        (
            1_000 * entry.received_ms,
            entry.record,
            entry.version,
            entry.profiling_objection,
            _to_json(entry.purposes).decode(),
            body,
        ),
    )


def _decoded(decode: Callable[[bytes], Kind], body: bytes) -> Kind:
    try:
        return decode(body)
    except msgspec.DecodeError as error:
        raise ValueError("not an entry") from error
