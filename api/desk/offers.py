"""Asks for offers on a channel of staff, and lays them out as cards to talk from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Final, NamedTuple

import msgspec

from api.problems import Problem, ProblemType
from api.schemas import Choice, DecisionRequest, DecisionResponse, IdentityBody, OptionBody, PlacementBody, ReasonBody
from api.service_port import Shell
from engine.channels import Channel, Placement
from engine.ids import ActionId, ChannelId, PlacementId
from engine.plan import Plan

STEPS: Final = ("inquire", "communicate", "affirm", "recommend", "express")
_decode: Final = msgspec.json.Decoder(DecisionResponse).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of what one says, and the name of the part."""

    name: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """What customers say, and an honest answer."""

    says: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One offer to talk about."""

    rank: int
    action: str
    title: str
    say: str
    """Why this customer, in a sentence that may be said aloud."""
    headline: str
    steps: Sequence[Step]
    objections: Sequence[Objection]
    terms: Mapping[str, float]
    leads_to: Sequence[str]
    """Activities that accepting creates instead of an order."""
    reasons: Sequence[str]
    """For staff alone."""
    tracking_token: str
    answer_id: str
    """Names the offer in outcomes, so that one answer counts once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deck:
    """The cards for one moment; where there is none, what to say instead."""

    cards: Sequence[Card]
    instead: Sequence[Step]
    degraded: Sequence[str]


def staff_channel(plan: Plan, name: str) -> Channel:
    """The channel that a screen for staff speaks for.

    Raises:
        Problem: the bundle has no such channel, or customers see it.
    """
    channel = plan.channel_by_id.get(ChannelId(name))
    if channel is None or not channel.staff or not channel.placements:
        raise Problem(ProblemType.UNKNOWN_CHANNEL, f"the rules have no channel `{name}` for staff")
    return channel


async def deal(
    shell: Shell, customer: str, channel: Channel, session: str, cards: int, shown: Sequence[ActionId] = ()
) -> Deck:
    """The best offers for a customer who came to us, at most so many.

    Those that lie on the table stay, in their order, as long as they may be made; others fill the places left.

    Args:
        shell: decides.
        customer: a customer id.
        channel: one for staff.
        session: of this visit.
        cards: how many at most; never more than the placement holds.
        shown: offers of this visit that nobody has answered.

    Raises:
        Problem: the question is at fault.
    """
    placement = min(channel.placements.values(), key=lambda each: each.precedence)
    count, staying = min(cards, placement.items), shown[:cards]
    ask = _Asking(shell, customer, channel, placement.id, session)
    if not staying:
        return await ask(count)
    kept = await ask(len(staying), only=Choice(actions=tuple(staying)))
    order = {action: at for at, action in enumerate(staying)}
    held = sorted(kept.cards, key=lambda card: order.get(ActionId(card.action), count))
    if len(held) == count:
        return replace(kept, cards=held)
    more = await ask(count - len(held), exclude=_beside(shell.service.plan, channel, placement, held))
    return replace(more, cards=[*held, *more.cards], instead=() if held else more.instead)


class _Asking(NamedTuple):
    """Asks for offers in one visit."""

    shell: Shell
    customer: str
    channel: Channel
    placement: PlacementId
    session: str

    async def __call__(self, count: int, *, only: Choice | None = None, exclude: Choice | None = None) -> Deck:
        moments = self.channel.initiated_by_bank.items()
        request = DecisionRequest(
            identity=IdentityBody("customer_id", self.customer),
            channel=self.channel.id,
            placements=(PlacementBody(self.placement, count),),
            moment=next((moment for moment, by_bank in moments if not by_bank), None),
            session_id=self.session,
            only=only,
            exclude=exclude,
        )
        service = self.shell.service
        service.vocabulary.check(request)
        answered = _decode(await service.decide(request, monotonic()))
        (proposition,) = answered.propositions
        return Deck(
            cards=[_card(service.plan, answered.decision_id, each) for each in proposition.options],
            instead=_steps(proposition.fallback.treatment) if proposition.fallback is not None else (),
            degraded=answered.degraded,
        )


def _beside(plan: Plan, channel: Channel, placement: Placement, held: Sequence[Card]) -> Choice:
    """What may not lie beside the cards that stay: they themselves, full groups, and what is never shown with them."""
    positions = [plan.position_by_action[ActionId(card.action)] for card in held]
    most = min((each for each in (channel.max_per_group, placement.max_per_group) if each is not None), default=None)
    groups = Counter(str(plan.actions[position].group) for position in positions)
    never = {plan.actions[other].id for each in positions for other in plan.never_with.get(each, ())}
    return Choice(
        groups=tuple(group for group, times in groups.items() if most is not None and times >= most),
        actions=(*(card.action for card in held), *sorted(never)),
    )


def _card(plan: Plan, decision_id: str, option: OptionBody) -> Card:
    treatment = option.treatment
    position = plan.position_by_action.get(ActionId(option.action))
    return Card(
        rank=option.rank,
        action=option.action,
        title=option.action if position is None else plan.actions[position].title,
        say=_text(treatment, "why") or option.say or "",
        headline=_text(treatment, "headline"),
        steps=_steps(treatment),
        objections=_objections(treatment.get("objections")),
        terms=option.terms or {},
        leads_to=tuple((option.leads_to or {}).values()),
        reasons=[words for each in option.reasons if (words := _reason(each))],
        tracking_token=option.tracking_token,
        answer_id=f"{decision_id}.{option.action}",
    )


def _steps(treatment: Mapping[str, Any]) -> list[Step]:
    return [Step(name=name, words=words) for name in STEPS if (words := _text(treatment, name))]


def _objections(found: object) -> list[Objection]:
    rows = found if isinstance(found, list) else []
    return [
        Objection(says=_text(each, "says"), answer=_text(each, "answer"))
        for each in rows
        if isinstance(each, dict) and _text(each, "says")
    ]


def _text(treatment: Mapping[str, Any], key: str) -> str:
    value = treatment.get(key)
    return value if isinstance(value, str) else ""


def _reason(reason: ReasonBody) -> str:
    words = reason.title or reason.detail or ""
    return words if " " in words else words.replace("_", " ")
