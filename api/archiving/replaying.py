"""Replays recorded decisions: byte for byte the same record again, or the first field in which it is another."""

from collections.abc import Iterable
from typing import NamedTuple

from api import decision_record, replay
from api.archiving.makers import Makers, NotHere
from api.bootstrap import release
from api.decision_record import DecisionRecord
from api.ports import key_of
from api.rendering import Answered
from api.schemas import TimingsBody
from api.serving import RecordUnreadable


class Replayed(NamedTuple):
    """How the replay of a decision ended."""

    decision_id: str
    problem: str | None
    """Why it is not identical; None where it is, to the last byte."""
    difference: replay.Difference | None = None


def replayed(makers: Makers, recorded: bytes, *, rescored: bool = True) -> Replayed:
    """Decide again from a record, with the scores found again, or those of the record."""
    try:
        record = decision_record.decode(recorded)
    except ValueError as error:
        return Replayed("", f"the record cannot be read: {error}")
    try:
        serving = makers.serving(record)
        question, decision = replay.decide_again(serving, record, makers.exploration_key, rescored=rescored)
        again = replay.record_again(serving, record, question, decision)
    except (NotHere, RecordUnreadable) as error:
        return Replayed(record.decision_id, _of_other_release(record) or str(error))
    except (KeyError, ValueError) as error:
        return Replayed(record.decision_id, _of_other_release(record) or f"the record names what is not there: {error}")
    difference = replay.first_difference(recorded, again)
    if difference is None:
        return Replayed(record.decision_id, None)
    return Replayed(record.decision_id, _of_other_release(record) or str(difference), difference)


def _of_other_release(record: DecisionRecord) -> str | None:
    if record.release == release():
        return None
    return f"it was made by release {record.release}: replay it with that one (this is {release()})"


def explained(makers: Makers, recorded: bytes) -> bytes:
    """The JSON in which staff are told of a decision: every action, why or why not.

    Raises:
        NotHere: what made it is not in the data folder.
        RecordUnreadable: what it read of the customer cannot be read any more.
        ValueError: it is no record.
    """
    record = decision_record.decode(recorded)
    serving = makers.serving(record)
    question, decision = replay.decide_again(serving, record, makers.exploration_key)
    return serving.renderer.answer(
        Answered(
            decision_id=record.decision_id,
            decided_at_us=record.decided_at_us,
            key=key_of(record.record),
            request=question,
            decision=decision,
            timings=TimingsBody(0, 0, 0, 0),
            staff=True,
            everything=True,
            committed=False,
            known=record.known,
        )
    )


def all_replayed(makers: Makers, records: Iterable[bytes]) -> tuple[int, list[Replayed]]:
    """How many are identical, and all that are not."""
    identical, others = 0, []
    for recorded in records:
        found = replayed(makers, recorded)
        if found.problem is None:
            identical += 1
        else:
            others.append(found)
    return identical, others
