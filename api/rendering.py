"""Renders decisions as the wire's JSON; content that never changes is encoded once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec

from api.ports import CustomerKey
from api.schemas import (
    DecisionResponse,
    Degraded,
    FallbackBody,
    LinkBody,
    OptionBody,
    PropositionBody,
    ReasonBody,
    RejectionBody,
    TimingsBody,
    Truth,
)
from api.tokens import TokenCodec, Tracked
from engine.actions import Treatment
from engine.chain_words import found_behind, tell_chain
from engine.chains import Link
from engine.channels import Placement
from engine.decision import Candidate, Decision, Filled, Option, Request
from engine.explain import Because, Rejection, why, why_not
from engine.generated import Row
from engine.ids import ActionId
from engine.plan import Plan
from engine.teller import facts_of, say, say_not
from engine.terms import terms_of
from engine.wording import render

_encode: Final = msgspec.json.Encoder().encode
_Content = Any
"""A mapping, or its JSON that is encoded already."""


@dataclass(slots=True, init=False)
class Answered:
    """A decision with all that its answer tells; its constructor is written out to be compiled."""

    decision_id: str
    decided_at_us: int
    key: CustomerKey
    request: Request
    decision: Decision
    timings: TimingsBody
    staff: bool
    """Whether factors and reasons are told."""
    everything: bool
    """Whether every rejected action is told."""
    committed: bool
    """Only what was committed can be tracked: an explanation carries no tokens."""
    known: bool
    """Whether the identity leads to a customer."""

    def __init__(
        self,
        *,
        decision_id: str,
        decided_at_us: int,
        key: CustomerKey,
        request: Request,
        decision: Decision,
        timings: TimingsBody,
        staff: bool,
        everything: bool,
        committed: bool,
        known: bool = True,
    ) -> None:
        self.decision_id = decision_id
        self.decided_at_us = decided_at_us
        self.key = key
        self.request = request
        self.decision = decision
        self.timings = timings
        self.staff = staff
        self.everything = everything
        self.committed = committed
        self.known = known


class Renderer:
    """Renders under one plan."""

    def __init__(self, plan: Plan, model: str, tokens: TokenCodec, maturity: Sequence[float] = ()) -> None:
        """`maturity` is one number an action: how well the model knows it; empty where nobody tells."""
        self._plan = plan
        self._maturity: Sequence[float | None] = maturity or [None] * len(plan.actions)
        self._model = model
        self._tokens = tokens
        self._content: dict[str, _Content] = {}
        self._fallbacks: dict[int, FallbackBody] = {}
        self._seconds: tuple[int, str] = (-1, "")
        self._instants: tuple[int, str] = (-1, "")

    def answer(self, answered: Answered) -> bytes:
        """The answer to a request; factors and reasons for staff, every rejected action when everything is asked."""
        decision = answered.decision
        rejected = self._rejected(answered) if answered.staff and answered.everything else None
        return _encode(
            DecisionResponse(
                decision_id=answered.decision_id,
                decided_at=self._decided_at(answered.decided_at_us),
                propositions=tuple([self._proposition(filled, answered) for filled in decision.filled]),
                ruleset=self._plan.hash,
                model=self._model,
                degraded=cast(tuple[Degraded, ...], decision.degraded),
                timings_us=answered.timings,
                rejected=rejected,
                arms=self._arms(decision) if answered.staff and decision.arms else None,
                customer_known=answered.known or not answered.staff,
            )
        )

    def _arms(self, decision: Decision) -> dict[str, str]:
        return {self._plan.experiments[at].id: arm for at, arm in decision.arms.items()}

    def fallback(
        self,
        *,
        decision_id: str,
        decided_at_us: int,
        placements: Sequence[Placement],
        degraded: Sequence[Degraded],
        timings: TimingsBody,
    ) -> bytes:
        """The answer in which every placement shows its own content."""
        return _encode(
            DecisionResponse(
                decision_id=decision_id,
                decided_at=instant_us(decided_at_us),
                propositions=tuple(
                    PropositionBody(placement=each.id, options=(), fallback=self._fallback(each)) for each in placements
                ),
                ruleset=self._plan.hash,
                model=self._model,
                degraded=tuple(degraded),
                timings_us=timings,
            )
        )

    def _proposition(self, filled: Filled, answered: Answered) -> PropositionBody:
        options = tuple([self._option(option, filled, answered) for option in filled.options])
        fallback = None if options else self._fallback(filled.placement)
        return PropositionBody(placement=filled.placement.id, options=options, fallback=fallback)

    def _option(self, option: Option, filled: Filled, answered: Answered) -> OptionBody:
        candidate, treatment = option.candidate, option.treatment
        plan = self._plan
        action = plan.actions[candidate.action]
        common = OptionBody(
            rank=option.rank,
            action=action.id,
            treatment_id=treatment.id,
            treatment=self._treatment(treatment, answered.decision.row),
            leads_to=cast("dict[str, str] | None", treatment.leads_to),
            valid_until=self._instant_s(option.valid_until),
            tracking_token=self._token(option, filled, answered) if answered.committed else "",
            terms=dict(terms_of(plan, action.position, answered.decision.row, answered.decision.quotes)) or None,
        )
        if not answered.staff:
            return common
        because, row = why(plan, answered.request, answered.decision, candidate), answered.decision.row
        return msgspec.structs.replace(
            common,
            theme=plan.themes[candidate.theme].head.rule.partition("/")[2] if candidate.theme is not None else None,
            propensity=candidate.propensity,
            maturity=self._maturity[candidate.action],
            value=candidate.value / 10**plan.minor_digits,
            context_weight=candidate.weight,
            lever=candidate.lever,
            priority=candidate.priority / 10**plan.minor_digits,
            selection_probability=option.chance,
            reasons=tuple(reason_body(plan, row, each) for each in because),
            say=say(plan, candidate, because),
        )

    def _token(self, option: Option, filled: Filled, answered: Answered) -> str:
        action = self._plan.actions[option.candidate.action]
        return self._tokens.mint(
            Tracked(
                valid_until_s=option.valid_until,
                decided_at_ms=answered.decided_at_us // 1_000,
                partition=answered.key.partition,
                record=answered.key.record,
                decision_id=answered.decision_id,
                action=action.id,
                action_hash=action.hash,
                channel=answered.request.channel.position,
                placement=filled.placement.id,
                rank=option.rank,
                treatment=option.treatment.id,
                session_hash=answered.decision.session_hash,
            )
        )

    def _treatment(self, treatment: Treatment, row: Row) -> _Content:
        if treatment.placeholders:
            return dict(render(self._plan, treatment, row))
        content = self._content.get(treatment.id)
        if content is None:
            content = self._content[treatment.id] = _encoded(treatment.content)
        return content

    def _fallback(self, placement: Placement) -> FallbackBody:
        body = self._fallbacks.get(id(placement))
        if body is None:
            content = {key: value for key, value in placement.fallback.items() if key != "id"}
            body = FallbackBody(treatment_id=str(placement.fallback["id"]), treatment=_encoded(content))
            self._fallbacks[id(placement)] = body
        return body

    def _rejected(self, answered: Answered) -> tuple[RejectionBody, ...]:
        decision = answered.decision
        places = {candidate.action: place for place, candidate in enumerate(decision.ranking, start=1)}
        scored = {candidate.action: candidate for candidate in decision.scored}
        return tuple(
            self._rejection(each, answered, scored, places) for each in why_not(self._plan, answered.request, decision)
        )

    def _rejection(
        self, rejection: Rejection, answered: Answered, scored: Mapping[int, Candidate], places: Mapping[int, int]
    ) -> RejectionBody:
        plan, decision = self._plan, answered.decision
        position = plan.position_by_action[ActionId(rejection.action)]
        body = RejectionBody(
            action=rejection.action,
            stage=rejection.reason.code,
            reasons=tuple(reason_body(plan, decision.row, each) for each in rejection.because),
            title=plan.actions[position].title,
            say=say_not(plan, decision, rejection, known=answered.known),
        )
        candidate = scored.get(position)
        if candidate is None:
            return body
        return msgspec.structs.replace(
            body,
            ranked=places.get(position),
            propensity=candidate.propensity,
            maturity=self._maturity[position],
            value=candidate.value / 10**plan.minor_digits,
            context_weight=candidate.weight,
            lever=candidate.lever,
            priority=candidate.priority / 10**plan.minor_digits if position in places else None,
        )

    def _decided_at(self, at_us: int) -> str:
        second = at_us // 1_000_000
        kept = self._seconds
        if kept[0] != second:
            kept = (second, instant_us(second * 1_000_000)[:-4])
            self._seconds = kept
        return f"{kept[1]}{at_us // 1_000 % 1_000:03d}Z"

    def _instant_s(self, at_s: int) -> str:
        kept = self._instants
        if kept[0] != at_s:
            kept = (at_s, instant_us(at_s * 1_000_000))
            self._instants = kept
        return kept[1]


def _encoded(content: Mapping[str, object]) -> _Content:
    """Content as JSON that is encoded already; the encoder copies it as it is."""
    return msgspec.Raw(_encode(content))


def reason_body(plan: Plan, row: Row, because: Because) -> ReasonBody:
    """A reason for the wire."""
    cause = because.cause
    return ReasonBody(
        code=because.code,
        rule=because.rule,
        title=because.title,
        place=None if because.place is None else str(because.place),
        detail=because.detail if because.detail or not because.chain else tell_chain(plan, row, because.chain),
        cell=None if cause is None else cause.atom.text,
        truth=None if cause is None else _TRUTHS[cause.truth],
        facts={} if cause is None else facts_of(plan, row, cause),
        until=None if because.until is None else instant_us(because.until * 1_000_000),
        chain=tuple([_link_body(plan, row, link) for link in because.chain]),
    )


def _link_body(plan: Plan, row: Row, link: Link) -> LinkBody:
    return LinkBody(
        need=link.need.removeprefix("needs."),
        holds=link.holds,
        place=str(link.place),
        facts=found_behind(plan, row, link),
        last_held_at=None if link.last_held_at is None else instant_us(link.last_held_at * 1_000_000),
    )


_TRUTHS: Final[Mapping[bool | None, Truth]] = {True: "true", False: "false", None: "unknown"}


def instant_us(at_us: int) -> str:
    """An instant as RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
