"""What recorded decisions say of the model that served: the price of exploration, calibration on what was chosen, and
what protected groups were offered among the customers who could have been.

Every decision is made again by what made it, away from the requests. Calibration is judged on confirmed impressions:
the winner's curse shows there, where an overestimated score was chosen because it was overestimated.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec
import numpy as np

from api import decision_record, replay
from api.archiving.exploring import price_of
from api.archiving.makers import Makers, NotHere
from api.decision_record import DecisionRecord
from api.entries import OutcomeEntry
from api.experiments.drifting import Drifting
from api.serving import RecordUnreadable
from engine.decision import Candidate
from engine.facts import Held
from engine.ids import ActionId
from engine.plan import Plan
from models.arrays import Flags, Floats
from models.artefact import Learned, read_manifest
from models.errors import ModelRefused
from models.evaluation.drift import Drift, told
from models.evaluation.fairness import Fairness, Ratio, ratios
from models.lift import Counted
from models.logistic import logit_of
from models.report import ENOUGH_POSITIVES, RATIO_RANGE

MOST_EXPLORED: Final = 0.03
"""Of the expected value: what exploration may give up."""
_WEEK_S: Final = 7 * 86_400
_ANSWER_S: Final = 7 * 86_400
_SEEN: Final = "impression"
_decode_outcome: Final = msgspec.msgpack.Decoder(OutcomeEntry).decode
LearnedBy = Callable[[str], Learned | None]
"""From a model's version to what it learned; None where it is not kept."""


class Remade(NamedTuple):
    """A decision made again, as far as it is watched."""

    scored: Sequence[Candidate]
    profile: Sequence[Held]


class Watching(Protocol):
    """Makes recorded decisions again."""

    def plan(self, record: DecisionRecord) -> Plan:
        """The rules that made a decision.

        Raises:
            NotHere: they or their model are not kept.
        """

    def again(self, record: DecisionRecord) -> Remade:
        """The decision by what made it, and the profile that it read."""


class Shown(NamedTuple):
    """An option that was chosen by its score."""

    at_s: int
    expected: float
    """Probability of a positive answer where and at which rank it was shown."""
    positive: str
    """The outcome that counts on its channel."""
    model: str


@dataclass(slots=True)
class Admitted:
    """A customer who could have been offered something of a group of actions, once or often."""

    held: tuple[int, ...]
    """The position of the customer's value in each protected attribute; -1 where it is missing."""
    options: list[tuple[str, str]] = field(default_factory=list)
    """Decision and action wherever something of the group was shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Impressions with about the same score, or of one week."""

    name: str
    expected: float
    counted: Counted

    @property
    def ratio(self) -> float:
        """Observed over expected positive answers."""
        return self.counted.converted / self.expected if self.expected else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """All that was found."""

    decisions: int
    impressions: int
    price: float | None
    """The share of the expected value that exploration gave up; None where nothing was drawn."""
    explored: int
    """Slots in which something was drawn."""
    by_decile: tuple[Part, ...]
    """On what was chosen, the lowest scores first."""
    by_week: tuple[Part, ...]
    fairness: Fairness
    drift: Drift | None
    """Of the customers who were admitted; None where they are too few, or nothing is kept of the training."""
    missing: dict[str, int]

    def findings(self) -> tuple[str, ...]:
        """A sentence for everything outside its range."""
        sentences = [
            f"{part.name}: {part.counted.converted} positive answers where {part.expected:.0f} were expected"
            for part in (*self.by_week, *self.by_decile)
            if part.counted.converted >= ENOUGH_POSITIVES and not RATIO_RANGE[0] <= part.ratio <= RATIO_RANGE[1]
        ]
        if self.price is not None and self.price > MOST_EXPLORED:
            sentences.append(f"exploration gives up {self.price:.1%} of the expected value, over {MOST_EXPLORED:.0%}")
        moved = told(self.drift.of_features) if self.drift is not None else ()
        return (*sentences, *moved, *self.fairness.findings())


@dataclass(slots=True)
class Watch:
    """Watches while decisions and outcomes come in."""

    watching: Watching
    learned: LearnedBy
    drifting: Drifting | None = None
    """Of the model that serves."""
    decisions: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    _prices: list[float] = field(default_factory=list)
    _shown: dict[tuple[str, str], Shown] = field(default_factory=dict)
    """By decision and action."""
    _answers: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    """By decision and action the first instant of each outcome, in seconds."""
    _admitted: dict[str, dict[str, Admitted]] = field(default_factory=dict)
    """By group of actions and customer."""
    _attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Protected attributes and their values."""

    def see(self, kind: str, body: bytes) -> None:
        """Take one entry of a decision stream."""
        try:
            if kind == "r":
                self._decision(decision_record.decode(body))
            elif kind == "o":
                self._outcome(_decode_outcome(body))
        except NotHere as gone:
            self.missing[gone.missing] += 1
        except (KeyError, ValueError, msgspec.DecodeError, RecordUnreadable):
            self.missing["unreadable"] += 1

    def _outcome(self, entry: OutcomeEntry) -> None:
        answers = self._answers.setdefault((entry.decision_id, entry.action), {})
        at_s = entry.occurred_ms // 1_000
        answers[entry.outcome] = min(at_s, answers.get(entry.outcome, at_s))

    def _decision(self, record: DecisionRecord) -> None:
        plan, remade = self.watching.plan(record), self.watching.again(record)
        self.decisions += 1
        names = [str(action.id) for action in plan.actions]
        priority = {names[each.action]: each.priority for each in remade.scored}
        self._prices += [price_of(actions, weights, priority) for _, _, _, actions, weights in record.draws]
        learned = self.learned(record.model)
        scores = dict(record.scores)
        groups = {str(action.id): action.group for action in plan.actions}
        if learned is not None:
            for placement, actions in record.fill:
                for rank, action in enumerate(actions, start=1):
                    if action in scores and learned.effect_of(action) is None:
                        self._note(record, learned, plan, placement, rank, action, scores[action])
        self._admit(record, plan, remade.profile, {groups[action] for action in scores}, groups)
        if self.drifting is not None and scores and record.model == self.drifting.version:
            self.drifting.see(record.record, plan, remade.profile)

    def _note(
        self,
        record: DecisionRecord,
        learned: Learned,
        plan: Plan,
        placement: str,
        rank: int,
        action: str,
        score: float,
    ) -> None:
        self._shown[record.decision_id, action] = Shown(
            at_s=record.decided_at_us // 1_000_000,
            expected=expected_answer(learned, plan, f"{record.channel}.{placement}", rank, action, score),
            positive=plan.catalogue.positives.get(record.channel, "accept"),
            model=record.model,
        )

    def _admit(
        self, record: DecisionRecord, plan: Plan, profile: Sequence[Held], about: set[str], groups: dict[str, str]
    ) -> None:
        protected = [spec for spec in plan.profile_schema.columns if spec.protected and spec.values]
        self._attributes |= {str(spec.name): spec.values for spec in protected}
        positions = [plan.profile_schema.position_by_name[spec.name] for spec in protected]
        held = tuple(value if isinstance(value := profile[at], int) else -1 for at in positions)
        shown = {groups[action]: action for _, actions in record.fill for action in actions if action in groups}
        for group in about:
            admitted = self._admitted.setdefault(group, {}).setdefault(record.record, Admitted(held))
            if group in shown:
                admitted.options.append((record.decision_id, shown[group]))

    def found(self) -> Watched:
        """What was found so far."""
        seen = [(option, shown) for option, shown in self._shown.items() if _SEEN in self._answers.get(option, {})]
        expected = np.array([shown.expected for _, shown in seen])
        positive = np.array([self._is_positive(option, shown) for option, shown in seen], dtype=bool)
        week = np.array([shown.at_s // _WEEK_S for _, shown in seen], dtype=np.int64)
        order = np.argsort(expected, kind="stable")
        deciles = [part for part in np.array_split(order, 10) if len(part)] if len(seen) >= 10 else []
        return Watched(
            decisions=self.decisions,
            impressions=len(seen),
            price=float(np.mean(self._prices)) if self._prices else None,
            explored=len(self._prices),
            by_decile=tuple(
                _part(f"tenth {number} of what was chosen", expected[part], positive[part])
                for number, part in enumerate(deciles, start=1)
            ),
            by_week=tuple(
                _part(f"week {number - week.min() + 1}", expected[week == number], positive[week == number])
                for number in np.unique(week).tolist()
            ),
            fairness=Fairness(ratios=tuple(self._ratios()), proxies=()),
            drift=self._drift([shown for _, shown in seen], expected, positive),
            missing=dict(self.missing),
        )

    def _drift(self, seen: Sequence[Shown], expected: Floats, positive: Flags) -> Drift | None:
        if self.drifting is None:
            return None
        mine = np.array([shown.model == self.drifting.version for shown in seen], dtype=bool)
        return self.drifting.found(expected[mine], positive[mine])

    def _is_positive(self, option: tuple[str, str], shown: Shown) -> bool:
        answered = self._answers.get(option, {}).get(shown.positive)
        return answered is not None and answered <= shown.at_s + _ANSWER_S

    def _ratios(self) -> list[Ratio]:
        found: list[Ratio] = []
        for place, (attribute, values) in enumerate(self._attributes.items()):
            for about, by_customer in sorted(self._admitted.items()):
                mine = [each for each in by_customer.values() if place < len(each.held)]
                group = np.array([each.held[place] for each in mine], dtype=np.int64)
                chosen = np.array([bool(each.options) for each in mine], dtype=bool)
                accepted = np.array([any(map(self._accepted, each.options)) for each in mine], dtype=bool)
                every = np.ones(len(mine), dtype=bool)
                found += ratios(attribute, values, group, about, "selection", every, chosen)
                found += ratios(attribute, values, group, about, "acceptance", chosen, accepted)
        return found

    def _accepted(self, option: tuple[str, str]) -> bool:
        shown = self._shown.get(option)
        return shown is not None and self._is_positive(option, shown)


def expected_answer(learned: Learned, plan: Plan, place: str, rank: int, action: str, score: float) -> float:
    """How likely a positive answer was at a place (`channel.placement`) and rank, by the score of the action."""
    offered = plan.actions[plan.position_by_action[ActionId(action)]]
    channel = place.partition(".")[0]
    rates, exposure = learned.rates, learned.exposure
    converts = rates.conversion_of(action, offered.group, channel) if offered.gives else 1.0
    positive = min(max(score / converts, 1e-9), 1.0 - 1e-9)
    by_rank = exposure.offset_by_rank
    offset = exposure.offset_by_placement.get(place, 0.0) + by_rank[min(rank, len(by_rank)) - 1]
    return float(1.0 / (1.0 + np.exp(-(logit_of(positive) + offset))))


class KeptWatching:
    """Makes decisions again by what the data folder keeps of rules and models."""

    def __init__(self, makers: Makers) -> None:
        self._makers = makers

    def plan(self, record: DecisionRecord) -> Plan:
        """See `Watching.plan`."""
        return self._makers.serving(record).plan

    def again(self, record: DecisionRecord) -> Remade:
        """See `Watching.again`."""
        serving = self._makers.serving(record)
        _, decision = replay.decide_again(serving, record, self._makers.exploration_key)
        profile = serving.reader.read(replay.stored_of(record)).profile
        return Remade(scored=decision.scored, profile=profile or serving.plan.profile_schema.empty())


def learned_in(models_dir: Path) -> LearnedBy:
    """What the models of a folder learned; a baseline learned nothing that scores are made of."""

    @cache
    def learned(version: str) -> Learned | None:
        try:
            return read_manifest(models_dir / version).learned
        except ModelRefused:
            return None

    return learned


def _part(name: str, expected: Floats, positive: Flags) -> Part:
    return Part(
        name=name,
        expected=float(expected.sum()),
        counted=Counted(customers=len(expected), converted=int(positive.sum())),
    )
