"""A challenger in the shadow of what served: recorded decisions are made again with its scores, and what it would have
chosen is held against what was drawn. Nothing of this happens while anybody waits for an answer.

Only the first draw of a decision counts: what was possible later in it depends on what was drawn before.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec
import numpy as np

from api import decision_record, replay
from api.archiving.makers import Makers, NotHere
from api.decision_record import DecisionRecord
from api.entries import OutcomeEntry
from api.serving import RecordUnreadable, Serving
from api.tokens import TokenCodec
from engine.decision import WHOLE
from models.arrays import Floats
from models.errors import ModelRefused
from models.evaluation.off_policy import PolicyComparison, compare, direct_model
from models.evaluation.slots import Slots
from models.lift import Verdict
from models.promotion import Evidence
from models.propensity import PropensityModel

KIND: Final = "shadow"
_RISING: Final = ("click", "accept", "convert")
_DAY_MS: Final = 86_400_000
_decode_outcome: Final = msgspec.msgpack.Decoder(OutcomeEntry).decode
Draw = tuple[str, int, int, tuple[str, ...], tuple[int, ...]]
"""Placement, slot, draw, candidates and their weights."""


class Challenging(Protocol):
    """Makes recorded decisions again with a challenger's scores."""

    def again(self, record: DecisionRecord) -> DecisionRecord:
        """What would have been recorded.

        Raises:
            NotHere: what made the decision is not kept.
            ModelRefused: the challenger does not fit its rules.
        """

    def positive(self, record: DecisionRecord) -> str:
        """The outcome that counts on the decision's channel."""


class KeptChallenging:
    """Makes decisions again by what the data folder keeps, with another model."""

    def __init__(self, makers: Makers, tokens: TokenCodec, challenger: PropensityModel) -> None:
        self._makers = makers
        self._tokens = tokens
        self._challenger = challenger
        self._servings: dict[str, Serving] = {}

    def again(self, record: DecisionRecord) -> DecisionRecord:
        """See `Challenging.again`."""
        serving = self._serving(record)
        question, decision = replay.decide_again(serving, record, self._makers.exploration_key, rescored=True)
        return decision_record.decode(replay.record_again(serving, record, question, decision))

    def positive(self, record: DecisionRecord) -> str:
        """See `Challenging.positive`."""
        return self._makers.serving(record).plan.catalogue.positives.get(record.channel, "accept")

    def _serving(self, record: DecisionRecord) -> Serving:
        made_by = self._makers.serving(record)
        serving = self._servings.get(record.ruleset)
        if serving is None or serving.reader is not made_by.reader:
            scorer = self._challenger.bind(made_by.plan)
            serving = self._servings[record.ruleset] = Serving(
                plan=made_by.plan,
                scorer=scorer,
                baseline=scorer,
                reader=made_by.reader,
                tokens=self._tokens,
                release=record.release,
            )
        return serving


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """The first draw of a decision, and what the challenger would have drawn from."""

    decision_id: str
    customer: str
    at_ms: int
    positive: str
    action: str
    candidates: tuple[str, ...]
    probability: tuple[float, ...]
    score: tuple[float, ...]
    policy: tuple[float, ...]


@dataclass(slots=True)
class Shadow:
    """What a challenger would have chosen, while entries of the decision stream come in."""

    challenging: Challenging
    since_ms: int = 0
    decisions: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    """Decisions that cannot be made again here, by what is not kept: `rules` or `model`."""
    unreadable: int = 0
    refused: str = ""
    """Why the challenger cannot score decisions of some rules."""
    latest_ms: int = 0
    _drawn: list[_Drawn] = field(default_factory=list)
    _keys: set[tuple[str, str, int, int]] = field(default_factory=set)
    _outcomes: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def see(self, kind: str, body: bytes) -> None:
        """Take one entry of a decision stream."""
        try:
            if kind == "r":
                self._see_decision(decision_record.decode(body))
            elif kind == "o":
                outcome = _decode_outcome(body)
                self._outcomes.setdefault((outcome.decision_id, outcome.action), set()).add(outcome.outcome)
        except NotHere as gone:
            self.missing[gone.missing] += 1
        except ModelRefused as refusal:
            self.refused = refusal.reason
        except (KeyError, ValueError, RecordUnreadable, msgspec.DecodeError):
            self.unreadable += 1

    def _see_decision(self, record: DecisionRecord) -> None:
        at_ms = record.decided_at_us // 1_000
        self.latest_ms = max(self.latest_ms, at_ms)
        if at_ms < self.since_ms or not record.draws or "score" in record.degraded:
            return
        self.decisions += 1
        place, slot, draw, candidates, weights = record.draws[0]
        shown = dict(record.fill).get(place, ())
        key = (record.record, place, draw, record.outcome_count)
        if slot >= len(shown) or shown[slot] not in candidates or key in self._keys:
            return
        self._keys.add(key)
        scores = dict(record.scores)
        self._drawn.append(
            _Drawn(
                decision_id=record.decision_id,
                customer=record.record,
                at_ms=at_ms,
                positive=self.challenging.positive(record),
                action=shown[slot],
                candidates=candidates,
                probability=_shares(weights),
                score=tuple(scores.get(action, 0.0) for action in candidates),
                policy=_policy(candidates, place, slot, self.challenging.again(record)),
            )
        )

    def report(self, answer_days: float) -> "ShadowReport":
        """What was found, on decisions that are older than answers take."""
        settled = self.latest_ms - round(answer_days * _DAY_MS)
        drawn = [each for each in self._drawn if each.at_ms <= settled]
        slots, policy, score = _slots(drawn, self._outcomes)
        answered = bool(slots.positive.any())
        moved = [1.0 - sum(map(min, each.policy, each.probability)) for each in drawn]
        return ShadowReport(
            decisions=self.decisions,
            slots=len(drawn),
            moved=float(np.mean(moved)) if moved else 0.0,
            comparison=compare(slots, policy, slots.probability, direct_model(slots, score)) if answered else None,
            missing=dict(self.missing),
            unreadable=self.unreadable,
            refused=self.refused,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowReport:
    """How a challenger would have chosen; it answers "same states, other choice", never what becomes of customers."""

    decisions: int
    slots: int
    """Draws that are settled, each key of a draw once."""
    moved: float
    """The probability that changes hands, on average over slots: 0 chooses alike."""
    comparison: PolicyComparison | None
    """The challenger against what served; None where nobody gave a positive answer."""
    missing: dict[str, int]
    unreadable: int
    refused: str

    def evidence(self, now: datetime) -> Evidence:
        """What promotion has to know of it."""
        against = []
        if self.refused:
            against.append(f"it cannot score decisions that were made: {self.refused}")
        found = self.comparison
        if found is not None and found.verdict is Verdict.LOWER:
            low, high = found.lift.low, found.lift.high
            against.append(
                f"on {self.slots:,} recorded draws it would have been worth {-found.lift.value:.1%} less "
                f"({low:+.1%} to {high:+.1%})"
            )
        return Evidence(
            kind=KIND,
            at=now.astimezone(UTC).isoformat(timespec="seconds"),
            objections=tuple(against),
            figures={
                "slots": self.slots,
                "moved": self.moved,
                "verdict": None if found is None else str(found.verdict),
                "lift": None if found is None else found.lift.value,
            },
        )


def _shares(weights: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(weight / WHOLE for weight in weights)


def _policy(candidates: tuple[str, ...], place: str, slot: int, again: DecisionRecord) -> tuple[float, ...]:
    """The challenger's probability of each candidate; where it would have drawn nothing, its only choice is sure."""
    drawn = next((each for each in again.draws if each[:2] == (place, slot)), None)
    if drawn is not None:
        share = dict(zip(drawn[3], _shares(drawn[4]), strict=True))
        return tuple(share.get(action, 0.0) for action in candidates)
    shown = dict(again.fill).get(place, ())
    return tuple(float(slot < len(shown) and shown[slot] == action) for action in candidates)


def _slots(drawn: list[_Drawn], outcomes: dict[tuple[str, str], set[str]]) -> tuple[Slots, Floats, Floats]:
    customers = {name: at for at, name in enumerate(sorted({each.customer for each in drawn}))}
    actions = {name: at for at, name in enumerate(sorted({name for each in drawn for name in each.candidates}))}
    first = np.cumsum([0, *(len(each.candidates) for each in drawn)])
    slots = Slots(
        customer=np.array([customers[each.customer] for each in drawn], dtype=np.int64),
        first=first.astype(np.int64),
        chosen=np.array(
            [start + each.candidates.index(each.action) for start, each in zip(first.tolist(), drawn, strict=False)],
            dtype=np.int64,
        ),
        positive=np.array([_is_positive(each, outcomes) for each in drawn], dtype=bool),
        action=np.array([actions[name] for each in drawn for name in each.candidates], dtype=np.int64),
        probability=np.array([share for each in drawn for share in each.probability]),
        worth=np.ones(int(first[-1])),
    )
    policy = np.array([share for each in drawn for share in each.policy])
    return slots, policy, np.array([score for each in drawn for score in each.score])


def _is_positive(drawn: _Drawn, outcomes: dict[tuple[str, str], set[str]]) -> bool:
    """Whether what was shown was answered as the channel counts it, or more."""
    enough = _RISING[_RISING.index(drawn.positive) :]
    return not outcomes.get((drawn.decision_id, drawn.action), set()).isdisjoint(enough)
