"""What recorded decisions showed, and what became of it: who saw it, when, and how they answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from api.decision_record import DecisionRecord
from api.entries import OutcomeEntry
from api.experiments.recorded import Account
from engine.contacts import SESSION_GAP_S, ContactState, DeclineReason
from engine.ids import ActionId, ChannelId
from engine.plan import Plan
from models.errors import TrainingRefused
from models.impressions import Impressions

Option = tuple[str, str]
"""A decision's id, and an action that it showed."""
_SEEN: Final = "impression"
_RISING: Final = ("click", "accept", "convert")
"""Outcomes that may count as a positive answer; a later one implies those before it."""
_NOT_WHOLE: Final = frozenset({"record", "contacts", "consent"})
"""What a decision may have been made without: such a row is not what the customer was."""
_STATES: Final[Mapping[str, ContactState]] = {
    "impression": ContactState.SHOWN,
    "click": ContactState.CLICKED,
    "later": ContactState.LATER,
    "decline": ContactState.DECLINED,
    "accept": ContactState.ACCEPTED,
    "convert": ContactState.CONVERTED,
}


class Shown(NamedTuple):
    """An option of a recorded decision; `action` and `channel` are positions in the plan."""

    at_s: int
    record: str
    action: int
    channel: int
    placement: str
    rank: int
    session: str | None


class Told(NamedTuple):
    """An outcome as it reached the contact history."""

    at_ms: int
    decision: str
    action: str
    state: ContactState
    reason: int


@dataclass(slots=True)
class Heard(Account):
    """The first walk: what was shown, seen and answered."""

    plan: Plan
    told: dict[str, list[Told]] = field(default_factory=dict)
    """By customer, as it was received."""
    _shown: dict[Option, Shown] = field(default_factory=dict)
    _answers: dict[Option, dict[str, int]] = field(default_factory=dict)
    """The first instant of each outcome, in seconds."""

    def decision(self, record: DecisionRecord) -> None:
        channel = self.plan.channel_by_id.get(ChannelId(record.channel))
        if channel is None or not _NOT_WHOLE.isdisjoint(record.degraded):
            return
        for placement, actions in record.fill:
            for rank, action in enumerate(actions, start=1):
                position = self.plan.position_by_action.get(ActionId(action))
                if position is not None:
                    at_s = record.decided_at_us // 1_000_000
                    self._shown[record.decision_id, action] = Shown(
                        at_s, record.record, position, channel.position, placement, rank, record.session_id
                    )

    def outcome(self, entry: OutcomeEntry) -> None:
        answers = self._answers.setdefault((entry.decision_id, entry.action), {})
        at_s = entry.occurred_ms // 1_000
        answers[entry.outcome] = min(at_s, answers.get(entry.outcome, at_s))
        state = _STATES.get(entry.outcome)
        if state is not None:
            reason = DeclineReason[entry.reason.upper()] if entry.reason else DeclineReason.NONE
            told = Told(entry.received_ms, entry.decision_id, entry.action, state, int(reason))
            self.told.setdefault(entry.record, []).append(told)

    def impressions(self) -> tuple[Impressions, tuple[Option, ...]]:
        """What customers saw, one impression for an action in a session, and the option that each was.

        Raises:
            TrainingRefused: nothing was seen.
        """
        answers = self._by_first()
        if not answers:
            raise TrainingRefused("no recorded decision has a confirmed impression of an action of these rules")
        options = sorted(answers, key=lambda option: self._order(self._shown[option]))
        shown = [self._shown[option] for option in options]
        customers = {name: code for code, name in enumerate(sorted({each.record for each in shown}))}
        named = [f"{self.plan.channels[each.channel].id}.{each.placement}" for each in shown]
        placements = sorted(set(named))
        impressions = Impressions(
            code_by_customer=customers,
            placements=tuple(placements),
            customer=np.array([customers[each.record] for each in shown]),
            at_s=np.array([each.at_s for each in shown]),
            action=np.array([each.action for each in shown]),
            channel=np.array([each.channel for each in shown]),
            placement=np.searchsorted(placements, named).astype(np.int64),
            rank=np.array([each.rank for each in shown]),
            positive_at_s=np.array([self._positive_at(self._shown[each], answers[each]) for each in options]),
            declined_at_s=np.array([self._at(self._shown[each], answers[each], ("decline",)) for each in options]),
            converted_at_s=np.array([self._converted_at(self._shown[each], answers[each]) for each in options]),
            uniform=np.zeros(len(options), dtype=bool),
        )
        return impressions, tuple(options)

    @staticmethod
    def _order(shown: Shown) -> tuple[str, int, int, int]:
        return (shown.record, shown.at_s, shown.rank, shown.action)

    def _by_first(self) -> dict[Option, dict[str, int]]:
        """Answers by the first option of each session that was seen; looking again is no other impression."""
        seen = [option for option in self._shown if _SEEN in self._answers.get(option, {})]
        seen.sort(key=lambda option: self._order(self._shown[option]))
        latest: dict[tuple[str, int, int], Option] = {}
        joined: dict[Option, dict[str, int]] = {}
        for option in seen:
            shown = self._shown[option]
            place = (shown.record, shown.channel, shown.action)
            first = latest.get(place)
            if first is None or not _one_session(self._shown[first], shown):
                first = latest[place] = option
                joined[first] = {}
            for outcome, at_s in self._answers[option].items():
                joined[first][outcome] = min(at_s, joined[first].get(outcome, at_s))
        return joined

    def _positive_at(self, shown: Shown, answers: Mapping[str, int]) -> int:
        needed = self.plan.catalogue.positives.get(str(self.plan.channels[shown.channel].id), "accept")
        return self._at(shown, answers, _RISING[_RISING.index(needed) :])

    def _converted_at(self, shown: Shown, answers: Mapping[str, int]) -> int:
        """When the customer said so, or the core systems reported the product that the action gives."""
        gives = self.plan.actions[shown.action].gives
        opened = [at_s for at_s, product in self.openings.get(shown.record, ()) if product == gives]
        told = [each for each in (self._at(shown, answers, ("convert",)), *opened) if each >= shown.at_s]
        return min(told, default=0)

    @staticmethod
    def _at(shown: Shown, answers: Mapping[str, int], outcomes: Sequence[str]) -> int:
        """The first of some answers, never before the decision; 0: there is none."""
        found = [answers[outcome] for outcome in outcomes if outcome in answers]
        return max(shown.at_s, min(found)) if found else 0


def _one_session(first: Shown, later: Shown) -> bool:
    if first.session is not None or later.session is not None:
        return first.session == later.session
    return later.at_s < first.at_s + SESSION_GAP_S
