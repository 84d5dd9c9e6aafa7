"""What the model reads, defined once for training and serving.

A row has five blocks: the customer, the moment, past contacts in all, past contacts of the action's group and of the
action, and the action itself. The customer's values are raw: a missing value is NaN and no default stands in for it,
a number keeps its held scale (money in minor units), a category is its position among the values the model knows.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import Final, Protocol

from engine.actions import Action, Treatment
from engine.channels import Channel
from engine.facts import HOLDS, NAN, NUMERIC, SEGMENTS, FactSpec, FactType, Held, ProfileSchema
from engine.ids import FactName, PlacementId
from models.history import TALLIED


class PlanView(Protocol):
    """The part of a plan that a model reads."""

    @property
    def profile_schema(self) -> ProfileSchema: ...
    @property
    def actions(self) -> tuple[Action, ...]: ...
    @property
    def channels(self) -> tuple[Channel, ...]: ...
    @property
    def treatments(self) -> tuple[Mapping[PlacementId, tuple[tuple[Treatment, ...], ...]], ...]: ...


class FeatureKind(StrEnum):
    """How a customer's feature is read from a profile column."""

    NUMBER = "number"
    CODE = "code"
    """A category or a boolean."""
    MEMBER = "member"
    """Whether a set such as `holds` has one value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFeature:
    """One feature of the customer; the column it reads must be declared as it was in training."""

    fact: FactName
    kind: FeatureKind
    type: FactType
    decimals: int = 0
    values: tuple[str, ...] = ()
    """A category's values in the order of their codes; a member's one value."""
    low: int | None = None
    high: int | None = None
    """A number's range, in its held scale; what lies outside is missing."""
    unit: str = ""
    default: Held = None
    """What rules read where the source has no value; the model reads a gap as missing all the same."""
    monotone: int = 0
    """1: the propensity may only rise with it, -1: only fall, 0: the data decide."""

    @property
    def name(self) -> str:
        """The feature's name, the one that a rule would use."""
        return f"{self.fact}.{self.values[0]}" if self.kind is FeatureKind.MEMBER else self.fact


SEASON: Final = ("season.cosine", "season.sine")
MOMENT: Final = ("channel", *SEASON)
PAST: Final = tuple(f"contacts.{name}" for name in TALLIED)
GROUP_PAST: Final = tuple(f"contacts.group.{name}" for name in TALLIED)
ACTION_PAST: Final = tuple(f"contacts.action.{name}" for name in TALLIED)
ACTION: Final = ("action", "action.group", "action.value", "action.complexity")
_AFTER_CUSTOMER: Final = (*MOMENT, *PAST, *GROUP_PAST, *ACTION_PAST, *ACTION)
_UNORDERED: Final = ("channel", "action", "action.group")


@dataclass(frozen=True)
class FeatureSet:
    """The columns of a row, in order: the customer's features, then MOMENT, PAST, GROUP_PAST, ACTION_PAST, ACTION.

    `channels`, `actions` and `groups` are the ids behind the codes of the features that name them.
    INVARIANT: the customer's features stand numbers first, then codes, then members, set by set.
    """

    customer: tuple[CustomerFeature, ...]
    channels: tuple[str, ...]
    actions: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column."""
        return (*(feature.name for feature in self.customer), *_AFTER_CUSTOMER)

    @property
    def categorical(self) -> tuple[int, ...]:
        """Columns whose numbers are codes without an order."""
        coded = [at for at, feature in enumerate(self.customer) if feature.type is FactType.CATEGORY]
        return (*coded, *(len(self.customer) + _AFTER_CUSTOMER.index(name) for name in _UNORDERED))

    @property
    def monotone(self) -> tuple[int, ...]:
        """One direction per column, as `CustomerFeature.monotone` says it."""
        return (*(feature.monotone for feature in self.customer), *[0] * len(_AFTER_CUSTOMER))

    @property
    def hash(self) -> str:
        """Names the schema: columns, their order, and all that was declared of them."""
        text = "\n".join(repr(part) for part in (*map(_plain, self.customer), _AFTER_CUSTOMER, *self._coded))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def _coded(self) -> tuple[tuple[str, ...], ...]:
        return (self.channels, self.actions, self.groups)

    def channel_codes(self, plan: PlanView) -> list[float]:
        """The code of each channel of a plan; NaN for one that the model has not seen."""
        code_by_channel = {channel: code for code, channel in enumerate(self.channels)}
        return [code_by_channel.get(channel.id, NAN) for channel in plan.channels]

    def start(self, block: tuple[str, ...]) -> int:
        """First column of one of the blocks after the customer's."""
        return len(self.customer) + _AFTER_CUSTOMER.index(block[0])


def _plain(feature: CustomerFeature) -> tuple[object, ...]:
    return tuple(str(part) if isinstance(part, StrEnum) else part for part in astuple(feature))


def features_of(plan: PlanView, refused: frozenset[str] = frozenset()) -> FeatureSet:
    """Every feature that a plan's catalogue allows a model to read, without those facts that are refused."""
    readable = [spec for spec in plan.profile_schema.columns if spec.name not in refused]
    customer = [feature for spec in readable for feature in _features_of(spec)]
    return FeatureSet(
        customer=tuple(sorted(customer, key=lambda feature: list(FeatureKind).index(feature.kind))),
        channels=tuple(channel.id for channel in plan.channels),
        actions=tuple(action.id for action in plan.actions),
        groups=tuple(sorted({action.group for action in plan.actions})),
    )


def _features_of(spec: FactSpec) -> tuple[CustomerFeature, ...]:
    if spec.name in (HOLDS, SEGMENTS):
        return tuple(
            CustomerFeature(fact=spec.name, kind=FeatureKind.MEMBER, type=spec.type, values=(value,))
            for value in spec.values
        )
    if not spec.model or spec.protected:
        return ()
    if spec.type in NUMERIC:
        number = CustomerFeature(
            fact=spec.name,
            kind=FeatureKind.NUMBER,
            type=spec.type,
            decimals=spec.decimals,
            low=spec.low,
            high=spec.high,
            unit=spec.unit,
            default=spec.default,
            monotone=spec.monotone,
        )
        return (number,)
    if spec.type in (FactType.CATEGORY, FactType.BOOLEAN):
        code = CustomerFeature(
            fact=spec.name, kind=FeatureKind.CODE, type=spec.type, values=spec.values, default=spec.default
        )
        return (code,)
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedAction:
    """An action as training saw it: what scoring needs to know of it where there are no rules."""

    action: str
    group: str
    value_minor: float | None = None
    complex: bool = False
    converts: bool = False
    """It brings a product: a positive answer is not yet a conversion."""


def described_actions(plan: PlanView) -> tuple[DescribedAction, ...]:
    """The actions of a plan, in its order."""
    led = _led(plan)
    return tuple(
        DescribedAction(
            action=action.id,
            group=action.group,
            value_minor=action.value_minor,
            complex=action.position in led,
            converts=action.gives is not None,
        )
        for action in plan.actions
    )


def _led(plan: PlanView) -> set[int]:
    """Positions of actions that lead to a person in one of their treatments."""
    return {
        treatment.action
        for by_placement in plan.treatments
        for by_action in by_placement.values()
        for treatments in by_action
        for treatment in treatments
        if treatment.leads_to
    }


def describe_actions(features: FeatureSet, plan: PlanView) -> list[tuple[float, float, float, float]]:
    """The ACTION block of each action of a plan: its code, its group's code, its value and its complexity.

    A code is NaN for what the model has not seen, a value where it is computed from facts. An action counts as complex
    where one of its treatments leads to a person, by appointment or callback.
    """
    led = _led(plan)
    code_by_action = {action: code for code, action in enumerate(features.actions)}
    code_by_group = {group: code for code, group in enumerate(features.groups)}
    return [
        (
            code_by_action.get(action.id, NAN),
            code_by_group.get(action.group, NAN),
            NAN if action.value_minor is None else action.value_minor,
            action.position in led,
        )
        for action in plan.actions
    ]
