"""What a model reads of a plan, made of a table's own actions and channels where there are no rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.actions import Action, Tier, Treatment
from engine.channels import Channel, Placement
from engine.contacts import hash32
from engine.errors import Span
from engine.facts import HOLDS, SEGMENTS, FactSpec, FactType, ProfileSchema
from engine.ids import ActionId, ChannelId, FactName, PlacementId, TreatmentId
from models.features import DescribedAction, FeatureKind, FeatureSet


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Implements `models.features.PlanView`."""

    profile_schema: ProfileSchema
    actions: tuple[Action, ...]
    channels: tuple[Channel, ...]
    treatments: tuple[Mapping[PlacementId, tuple[tuple[Treatment, ...], ...]], ...] = ()


def view_of(schema: ProfileSchema, actions: Sequence[DescribedAction], places: Mapping[str, Sequence[str]]) -> View:
    """A view of actions and of channels with their placements, the first of which is the one to score at."""
    return View(
        profile_schema=schema,
        actions=tuple(_action(position, action) for position, action in enumerate(actions)),
        channels=tuple(
            _channel(position, channel, placements) for position, (channel, placements) in enumerate(places.items())
        ),
        treatments=(
            {PlacementId(""): tuple(_treatments(position, action) for position, action in enumerate(actions))},
        ),
    )


def schema_of(features: FeatureSet) -> ProfileSchema:
    """The facts that a model reads, as it knows them."""
    specs: dict[FactName, FactSpec] = {}
    members: dict[FactName, list[str]] = {HOLDS: [], SEGMENTS: []}
    for feature in features.customer:
        if feature.kind is FeatureKind.MEMBER:
            members.setdefault(feature.fact, []).append(feature.values[0])
        else:
            specs[feature.fact] = FactSpec(
                name=feature.fact,
                type=feature.type,
                decimals=feature.decimals,
                values=feature.values,
                low=feature.low,
                high=feature.high,
                unit=feature.unit,
                default=feature.default,
                monotone=feature.monotone,
            )
    sets = (FactSpec(name=name, type=FactType.SET, values=tuple(values)) for name, values in members.items())
    return ProfileSchema((*specs.values(), *sets))


def _action(position: int, described: DescribedAction) -> Action:
    return Action(
        id=ActionId(described.action),
        position=position,
        title=described.action,
        group=described.group,
        gives=described.action if described.converts else None,
        product_bit=None,
        tier=Tier.OFFER,
        only_when_promoted=False,
        value_minor=described.value_minor,
        hash=hash32(described.action),
        terms={},
        terms_vary=False,
        terms_hold_s=0,
        never_with=(),
    )


def _treatments(position: int, described: DescribedAction) -> tuple[Treatment, ...]:
    """What tells that an action leads to a person."""
    if not described.complex:
        return ()
    return (
        Treatment(
            id=TreatmentId(described.action),
            action=position,
            condition=None,
            locale=None,
            first_day=0,
            last_day=0,
            content={},
            placeholders=(),
            leads_to={"": ""},
            arm=None,
            experiment=None,
            plain=True,
            span=Span(""),
        ),
    )


def _channel(position: int, channel: str, placements: Sequence[str]) -> Channel:
    return Channel(
        id=ChannelId(channel),
        position=position,
        staff=False,
        privacy="",
        cost_minor=0,
        budget_ms=0,
        initiated_by_bank={},
        max_per_group=None,
        placements={
            PlacementId(name): Placement(
                id=PlacementId(name),
                precedence=precedence,
                items=1,
                accepts=None,
                max_per_group=None,
                valid_minutes=0,
                prefetch_valid_minutes=0,
                fallback={},
            )
            for precedence, name in enumerate(placements)
        },
    )
