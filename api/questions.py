"""Turns a checked request body into the engine's question, under one plan."""

from collections.abc import Iterable, Mapping
from typing import Final

from api.decision_record import DecisionRecord
from api.schemas import Choice, DecisionRequest
from engine.decision import PlacementRequest, Request
from engine.facts import Held, hold
from engine.ids import ActionId, ChannelId, FactName, MomentId, PlacementId
from engine.plan import Plan

_NONE: Final[frozenset[int]] = frozenset()
_NO_CONTEXT: Final[Mapping[FactName, Held]] = {}
_LOCALE: Final = "locale"


class Questions:
    """Makes questions under one plan; what many requests share is made once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._moments = {moment: at for at, moment in enumerate(plan.moments)}
        self._asked: dict[tuple[str, str, int | None], PlacementRequest] = {}

    def question(self, body: DecisionRequest, customer: str) -> Request:
        """The question of a body that `Vocabulary.check` has passed."""
        plan = self._plan
        channel = plan.channel_by_id[ChannelId(body.channel)]
        moment = body.moment
        asked = [self._placement(body.channel, each.id, each.item_count) for each in body.placements]
        if len(asked) > 1:
            asked.sort(key=lambda each: each.placement.precedence)
        return Request(
            customer=customer,
            channel=channel,
            moment=None if moment is None else self._moments[MomentId(moment)],
            bank_initiated=moment is not None and channel.initiated_by_bank[MomentId(moment)],
            placements=tuple(asked),
            context=self._context(body) if body.context else _NO_CONTEXT,
            locale=str(body.context.get(_LOCALE, plan.locale)) if body.context else plan.locale,
            session_id=body.session_id,
            only=None if body.only is None else self._positions(body.only),
            exclude=_NONE if body.exclude is None else self._positions(body.exclude),
            prefetch=body.prefetch,
        )

    def recorded(self, record: DecisionRecord) -> Request:
        """The question of a decision made under this very plan."""
        channel = self._plan.channel_by_id[ChannelId(record.channel)]
        moment = None if record.moment is None else MomentId(record.moment)
        return Request(
            customer=record.record,
            channel=channel,
            moment=None if moment is None else self._moments[moment],
            bank_initiated=moment is not None and channel.initiated_by_bank[moment],
            placements=tuple(self._placement(record.channel, name, count) for name, count in record.placements),
            context={FactName(name): value for name, value in record.context.items()},
            locale=record.locale,
            session_id=record.session_id,
            only=None if record.only is None else self._of_ids(record.only),
            exclude=self._of_ids(record.exclude),
            prefetch=record.prefetch,
            retry=record.retry,
        )

    def _of_ids(self, ids: Iterable[str]) -> frozenset[int]:
        return frozenset(self._plan.position_by_action[ActionId(each)] for each in ids)

    def _placement(self, channel: str, name: str, count: int | None) -> PlacementRequest:
        key = (channel, name, count)
        asked = self._asked.get(key)
        if asked is None:
            placement = self._plan.channel_by_id[ChannelId(channel)].placements[PlacementId(name)]
            asked = PlacementRequest(placement=placement, count=placement.items if count is None else count)
            self._asked[key] = asked
        return asked

    def _context(self, body: DecisionRequest) -> dict[FactName, Held]:
        specs = self._plan.catalogue.context
        names = {FactName(f"context.{name}"): value for name, value in body.context.items()}
        return {name: hold(specs[name], value) for name, value in names.items()}

    def _positions(self, choice: Choice) -> frozenset[int]:
        """The actions that a choice names; unknown ones are passed over."""
        by_id = self._plan.position_by_action
        named = {by_id[ActionId(each)] for each in choice.actions if each in by_id}
        groups = frozenset(choice.groups)
        return frozenset(named | {action.position for action in self._plan.actions if action.group in groups})
