"""Decides again from a decision's record: the same facts, scores, instant and key give the same decision."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from api import decision_record
from api.decision_record import DecisionRecord
from api.ports import CustomerStore, StoredRecord
from api.serving import Serving
from engine.decision import Decision, Request
from engine.ids import ActionId
from engine.pipeline import decide
from engine.ports import Scorer, ScoringContext

_CLOCKS_APART_MS: Final = 10_000
"""An id carries our clock, a stream the server's; beyond this difference a decision is not found."""


class RecordedScorer:
    """Gives the scores that a decision recorded."""

    def __init__(self, scores: dict[int, float], scorer: Scorer) -> None:
        self._scores = scores
        self._scorer = scorer

    @property
    def version(self) -> str:
        """See `Scorer.version`."""
        return self._scorer.version

    def score(self, _context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        """See `Scorer.score`; an action without a recorded score makes the answer unusable, and so visible."""
        return [self._scores.get(candidate, -1.0) for candidate in candidates]

    def positives(self, channel: int) -> Sequence[int]:
        """See `Scorer.positives`."""
        return self._scorer.positives(channel)


async def find(store: CustomerStore, decision_id: str, *, deadline: float) -> DecisionRecord | None:
    """The record of a decision, None where none is kept.

    Raises:
        StoreUnavailable: nobody can tell.
    """
    place = decision_record.place_of(decision_id)
    if place is None:
        return None
    partition, at_ms = place
    first, last = at_ms - _CLOCKS_APART_MS, at_ms + _CLOCKS_APART_MS
    marker = decision_id.encode()
    for stored in await store.decisions_between(partition, first, last, deadline=deadline):
        if marker in stored[:64]:
            return decision_record.decode(stored)
    return None


def was_made_by(serving: Serving, record: DecisionRecord) -> bool:
    """Whether a decision was made with the very rules and model that serve now."""
    return (record.ruleset, record.model) == (serving.origin.ruleset, serving.origin.model)


def decide_again(serving: Serving, record: DecisionRecord, exploration_key: bytes) -> tuple[Request, Decision]:
    """The question and the decision of a record that `was_made_by` what serves."""
    plan = serving.plan
    question = serving.questions.recorded(record)
    stored = StoredRecord(
        profile=record.profile,
        events=record.events,
        needs=record.needs,
        contacts=record.contacts,
        consent=record.consent,
        outcome_count=record.outcome_count,
        owner=record.record.encode() if record.known else None,
    )
    scores = {plan.position_by_action[ActionId(action)]: score for action, score in record.scores}
    decision = decide(
        plan=plan,
        request=question,
        snapshot=serving.reader.read(stored),
        scorer=RecordedScorer(scores, serving.scorer),
        baseline=serving.baseline,
        now=datetime.fromtimestamp(record.decided_at_us / 1_000_000, UTC),
        exploration_key=exploration_key,
    )
    return question, replace(decision, degraded=record.degraded)
