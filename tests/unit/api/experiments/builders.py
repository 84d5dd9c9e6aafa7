"""Recorded decisions, outcomes and openings of Minster Bank, as the streams hold them."""

from datetime import datetime

from api import decision_log, decision_record
from api.adapters.memory import MemoryState
from api.decision_log import Origin
from api.entries import EventEntry, OutcomeEntry, encode_entry
from api.ports import StoredRecord, Stream, key_of
from engine import Decision, Plan, Request


def note_decision(state: MemoryState, plan: Plan, question: Request, decision: Decision, at: datetime) -> bytes:
    """A decision in its partition's stream; says the record."""
    key = key_of(question.customer)
    record = decision_log.encode(
        decision_id=f"{key.partition:03x}{int(at.timestamp() * 1_000):011x}0000000000",
        decided_at_us=int(at.timestamp() * 1_000_000),
        origin=Origin(release="r", ruleset=plan.hash, model="m"),
        key=key,
        request=question,
        moment=None,
        stored=StoredRecord(),
        known=True,
        decision=decision,
        actions=tuple(str(each.id) for each in plan.actions),
        experiments=tuple(each.id for each in plan.experiments),
    )
    state.append(Stream.DECISIONS, key.partition, "r", record)
    return record


def note_outcome(state: MemoryState, record: bytes, action: str, outcome: str, at: datetime) -> bytes:
    """What a customer did with an offer of a decision; says the entry."""
    made = decision_record.decode(record)
    at_ms = int(at.timestamp() * 1_000)
    entry = OutcomeEntry(
        f"{made.decision_id} {outcome}",
        made.decision_id,
        made.record,
        action,
        outcome,
        None,
        at_ms,
        at_ms,
        0,
        "",
        1,
        "",
    )
    state.append(Stream.DECISIONS, key_of(made.record).partition, "o", encode_entry(entry))
    return encode_entry(entry)


def note_opening(state: MemoryState, customer: str, product: str, at: datetime) -> None:
    """A product that the core systems say was opened."""
    at_ms = int(at.timestamp() * 1_000)
    entry = EventEntry(customer, "core", f"{customer} {at_ms}", "product_opened", at_ms, at_ms, {"product": product})
    state.append(Stream.EVENTS, key_of(customer).partition, "r", encode_entry(entry))


def note_convert(state: MemoryState, customer: str, action: str, at: datetime) -> None:
    """An outcome that says that an offer was taken up."""
    at_ms = int(at.timestamp() * 1_000)
    entry = OutcomeEntry("o", "d", customer, action, "convert", None, at_ms, at_ms, 1, "hero", 1, "t")
    state.append(Stream.DECISIONS, key_of(customer).partition, "o", encode_entry(entry))
