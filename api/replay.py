"""Decides again from a decision's record: the same facts, scores, instant and key give the same decision."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from api import decision_log, decision_record
from api.decision_log import Origin
from api.decision_record import DecisionRecord
from api.ports import CustomerStore, StoredRecord, key_of
from api.serving import Serving
from engine.budgets import NO_LIMITS, Left
from engine.decision import Decision, Request
from engine.ids import ActionId
from engine.pipeline import decide
from engine.plan import Plan
from engine.ports import Outlook, Scorer, ScorerFailed, ScoringContext

_CLOCKS_APART_MS: Final = 10_000
"""An id carries our clock, a stream the server's; beyond this difference a decision is not found."""
_SCORE: Final = "score"


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

    def outlook(self) -> Outlook:
        """See `Scorer.outlook`."""
        return self._scorer.outlook()


class _FailedScorer(RecordedScorer):
    """Fails as the scorer of a decision did that was degraded by it."""

    def score(self, _context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        raise ScorerFailed


async def find(store: CustomerStore, decision_id: str, *, deadline: float) -> DecisionRecord | None:
    """The record of a decision, None where none is kept.

    Raises:
        StoreUnavailable: nobody can tell.
    """
    stored = await find_stored(store, decision_id, deadline=deadline)
    return None if stored is None else decision_record.decode(stored)


async def find_stored(store: CustomerStore, decision_id: str, *, deadline: float) -> bytes | None:
    """The very bytes of a decision's record, None where the stream keeps none.

    Raises:
        StoreUnavailable: nobody can tell.
    """
    place = decision_record.place_of(decision_id)
    if place is None:
        return None
    partition, at_ms = place
    first, last = max(0, at_ms - _CLOCKS_APART_MS), at_ms + _CLOCKS_APART_MS
    marker = decision_id.encode()
    for stored in await store.decisions_between(partition, first, last, deadline=deadline):
        if marker in stored[:64]:
            return stored
    return None


def was_made_by(serving: Serving, record: DecisionRecord) -> bool:
    """Whether a decision was made with the very rules and model that serve now."""
    return (record.ruleset, record.model) == (serving.origin.ruleset, serving.origin.model)


def decide_again(
    serving: Serving,
    record: DecisionRecord,
    exploration_key: bytes,
    *,
    rescored: bool = False,
    plan: Plan | None = None,
) -> tuple[Request, Decision]:
    """The question and the decision of a record that `was_made_by` what serves.

    Scores are those of the record, unless they are to be found again: `rescored`. `plan` is what to decide with
    instead: the same rules, and some of them left out.

    Raises:
        RecordUnreadable: what it read of the customer cannot be read any more.
    """
    plan = plan or serving.plan
    question = serving.questions.recorded(record)
    scorer, baseline = _scorers(serving, record, rescored=rescored)
    decision = decide(
        plan=plan,
        request=question,
        snapshot=serving.reader.read(stored_of(record)),
        scorer=scorer,
        baseline=baseline,
        now=datetime.fromtimestamp(record.decided_at_us / 1_000_000, UTC),
        exploration_key=exploration_key,
        budget_left=_budget_left(plan, record),
    )
    return question, replace(decision, degraded=record.degraded)


def _budget_left(plan: Plan, record: DecisionRecord) -> Left:
    if not record.budgets:
        return NO_LIMITS
    left = dict(record.budgets)
    return {at: left[budget.id] for at, budget in enumerate(plan.contact.budgets) if budget.id in left}


def _scorers(serving: Serving, record: DecisionRecord, *, rescored: bool) -> tuple[Scorer, Scorer]:
    positions = serving.plan.position_by_action
    scores = {positions[ActionId(action)]: score for action, score in record.scores}
    scorer: Scorer = serving.scorer if rescored else RecordedScorer(scores, serving.scorer)
    if _SCORE in record.degraded:
        scorer = _FailedScorer(scores, serving.scorer)
    return scorer, serving.baseline if rescored else RecordedScorer(scores, serving.baseline)


def stored_of(record: DecisionRecord) -> StoredRecord:
    """What was stored of the customer when the decision was made."""
    return StoredRecord(
        profile=record.profile,
        events=record.events,
        needs=record.needs,
        contacts=record.contacts,
        consent=record.consent,
        outcome_count=record.outcome_count,
        terms=record.terms,
        owner=record.record.encode() if record.known else None,
    )


def record_again(serving: Serving, record: DecisionRecord, question: Request, decision: Decision) -> bytes:
    """The record that a decision gives when it is made again: byte for byte the one it was made from."""
    return decision_log.encode(
        decision_id=record.decision_id,
        decided_at_us=record.decided_at_us,
        origin=Origin(release=record.release, ruleset=serving.origin.ruleset, model=serving.origin.model),
        key=key_of(record.record),
        request=question,
        moment=record.moment,
        stored=stored_of(record),
        known=record.known,
        decision=decision,
        actions=serving.action_ids,
        experiments=serving.experiment_ids,
        budgets=record.budgets,
        terms=record.terms,
    )


class Difference(NamedTuple):
    """Where a decision made again first departs from its record."""

    field: str
    recorded: object
    found: object

    def __str__(self) -> str:
        return f"`{self.field}`: recorded {self.recorded!r}, found {self.found!r}"


def first_difference(recorded: bytes, found: bytes) -> Difference | None:
    """The first field in which two records differ; None where they are the same bytes."""
    if recorded == found:
        return None
    before, after = decision_record.decode(recorded), decision_record.decode(found)
    for name in DecisionRecord.__struct_fields__:
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            return _within(name, was, now)
    return Difference("bytes", len(recorded), len(found))


def _within(name: str, was: object, now: object) -> Difference:
    """The first member of a field that differs, by its name where it has one."""
    if isinstance(was, tuple) and isinstance(now, tuple):
        for at, (one, other) in enumerate(zip(was, now, strict=False)):
            if one != other:
                pair = isinstance(one, tuple) and isinstance(other, tuple) and one[:1] == other[:1] and len(one) == 2
                return _within(f"{name}[{one[0]}]", one[1], other[1]) if pair else _within(f"{name}[{at}]", one, other)
        at = min(len(was), len(now))
        return Difference(f"{name}[{at}]", was[at] if at < len(was) else None, now[at] if at < len(now) else None)
    return Difference(name, was, now)
