"""The plan: everything compiled from the rule files, immutable, so that deciding parses nothing.

Only the compiler builds a `Plan`; holding one means that every check passed. Positions (of actions, channels,
triggers, ...) are indices into the plan's tuples, and `row` slots are those of `RowLayout`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from engine.actions import Action, Treatment
from engine.channels import Channel
from engine.clock import Clock
from engine.contact_rules import ContactRules
from engine.errors import Diagnostic, Span
from engine.events import EventLayout, EventSpec
from engine.facts import FactSpec, Held, ProfileSchema
from engine.generated import Generated, RowLayout, Tracer
from engine.ids import ActionId, ChannelId, EventName, FactName, MomentId, PlacementId, RuleId
from engine.lapses import Lapses
from engine.reasons import Reason
from engine.running import Running, RunningFacts
from engine.syntax import Condition, Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The names that rules, records and requests may use."""

    facts: Mapping[FactName, FactSpec]
    """Attributes and calculated facts."""
    calculated: Mapping[FactName, "Calculated"]
    context: Mapping[FactName, FactSpec]
    """Facts that a request may carry, by their full name `context.<name>`."""
    events: Mapping[EventName, EventSpec]
    products: tuple[str, ...]
    groups: tuple[str, ...]
    segments: tuple[str, ...]
    relations: Mapping[str, "RelationKind"]
    """Kinds of relations between customers whose facts rules may read."""
    merge_order: tuple[str, ...]
    """The sources of records, by whose values count first where records are merged."""
    purposes: tuple[str, ...]
    positives: Mapping[str, str]
    """For each channel the outcome that counts as a positive answer."""
    titles: Mapping[str, str]
    """What people call a product, group or segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationKind:
    """A way in which customers are related."""

    title: str
    mutual: bool = False
    """Whether it holds the other way round as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculated:
    """A fact computed from others; unknown input, division by zero and overflow give unknown."""

    operation: str
    """sum, difference, ratio or months_between; of events count, total, trend or last."""
    operands: tuple[FactName, ...]
    """`today` may stand for a date."""
    running: Running | None = None
    """What is kept of events for it."""
    where: Condition | None = None
    """Which events count; None: every one of the kind."""
    span: Span | None = None
    """Where it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """Days on which a rule counts, as day ordinals, both inclusive."""

    first_day: int = 0
    last_day: int = 10**7

    @property
    def bounded(self) -> bool:
        """Whether there is any day outside."""
        return self != ALWAYS_VALID

    def covers(self, today: int) -> bool:
        """Whether a day lies inside."""
        return self.first_day <= today <= self.last_day


ALWAYS_VALID = Validity()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleHead:
    """What every rule file has: who owns it, which version, where it stands."""

    rule: RuleId
    title: str
    owner: str
    version: int
    validity: Validity
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Compliance's exclusion; nothing weakens it."""

    head: RuleHead
    actions: tuple[int, ...]
    no_profiling: bool
    condition: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A customized rule: promotes and suppresses actions when its conditions hold."""

    head: RuleHead
    moments: frozenset[MomentId] | None
    condition: Condition
    suppression: Condition | None
    """When its suppression binds; None: it suppresses nothing."""
    promotes: tuple[tuple[int, float], ...]
    """Actions with their context weights."""
    suppresses: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A need that facts, events and other needs reveal."""

    name: FactName
    condition: Condition
    lasts: Duration | None
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """A result that the customer wants, and the journey of actions that leads there."""

    head: RuleHead
    condition: Condition
    journey: tuple[int, ...]
    weight: float
    strict: bool
    skip_capped: bool
    accept_counts: Duration | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """A temporary push, in percent of the priority."""

    head: RuleHead
    percent: float
    actions: tuple[int, ...]
    channels: frozenset[int]


FACTORS: Final = ("propensity", "value", "context_weight", "lever")
"""What a ranking formula may name of an offer, in the order in which generated code takes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """A bank's own formula for priorities."""

    text: str
    facts: tuple[FactName, ...]
    """What it reads beside the offer's factors."""
    span: Span


class Subject(StrEnum):
    """What an experiment compares."""

    TREATMENTS = "treatments"
    """How one action is shown at some placements."""
    ALL_OFFERS = "all_offers"
    """Whether offers are shown at all."""
    ARBITRATION = "arbitration"
    """How offers are chosen among."""


class ArbitrationArm(StrEnum):
    """A way to choose among offers; guards, suppressions, engagement, contact policy and tiers bind in each."""

    AS_IS = "as_is"
    RANDOM_RELEVANT = "random_relevant"
    """Each offer that has a reason and is worth the contact is as likely."""
    NO_PROPENSITY = "no_propensity"
    """Every offer counts as equally likely to be taken."""
    NO_LEVERS = "no_levers"
    ENGAGEMENT_ONLY = "engagement_only"
    """Each offer that passed up to its treatment is as likely; no reason is needed and none counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Compares ways to treat customers: every customer stays in one arm."""

    head: RuleHead
    id: str
    subject: Subject
    action: int | None
    """Whose treatments are compared; None for what concerns all offers on every channel."""
    channel: int | None
    placements: tuple[PlacementId, ...]
    arms: tuple[tuple[str, int], ...]
    """Each arm with where its share of 0..2 ** 32 ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRules:
    """The three engagement conditions of an action."""

    head: RuleHead
    eligible: Condition
    applicable: Condition
    suitable: Condition
    others: tuple["ActionRules", ...] = ()
    """What further files say of the same action; the windows of all of them are disjoint."""

    @property
    def versions(self) -> tuple["ActionRules", ...]:
        """What every file of the action says."""
        return (self, *self.others)

    def on(self, today: int) -> "ActionRules | None":
        """What counts on a day; None where the action is not valid."""
        return next((each for each in self.versions if each.head.validity.covers(today)), None)

    @property
    def stages(self) -> tuple[tuple[Condition, Reason], ...]:
        """The conditions in the order in which they are judged, each with the reason that its failure gives."""
        return (
            (self.eligible, Reason.NOT_ELIGIBLE),
            (self.applicable, Reason.NOT_APPLICABLE),
            (self.suitable, Reason.NOT_SUITABLE),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that deciding needs, compiled."""

    hash: str
    """sha256 of the rule files."""
    bank: str
    bank_name: str
    currency: str
    minor_digits: int
    zone: ZoneInfo
    locale: str
    catalogue: Catalogue
    fact_specs: Mapping[FactName, FactSpec]
    """Every plain fact that conditions and placeholders may name."""
    profile_schema: ProfileSchema
    event_layout: EventLayout
    running: RunningFacts | None
    """Reads facts that events run along with; None: there are none."""
    lapses: Lapses
    """What time alone changes of needs."""
    layout: RowLayout
    clock: Clock
    channels: tuple[Channel, ...]
    channel_by_id: Mapping[ChannelId, Channel]
    moments: tuple[MomentId, ...]
    actions: tuple[Action, ...]
    tiers: tuple[int, ...]
    """Each action's tier."""
    only_when_promoted: frozenset[int]
    """Actions that need a reason to show."""
    holds_terms: bool
    """Whether some action repeats the terms that it quoted."""
    action_rules: tuple[ActionRules, ...]
    position_by_action: Mapping[ActionId, int]
    position_by_hash: Mapping[int, int]
    guards: tuple[Guard, ...]
    needs: tuple[Need, ...]
    themes: tuple[Theme, ...]
    triggers: tuple[Trigger, ...]
    contact: ContactRules
    levers: tuple[Lever, ...]
    levers_by_action: tuple[tuple[tuple[int, ...], ...], ...]
    """By channel and action: positions in `levers`."""
    experiments: tuple[Experiment, ...]
    experiments_by_channel: tuple[tuple[int, ...], ...]
    ranking: Ranking | None
    """The bank's own formula for priorities; None: the product of the factors."""
    exploration_bound: float
    worth_it_tiers: frozenset[int]
    treatments: tuple[Mapping[PlacementId, tuple[tuple[Treatment, ...], ...]], ...]
    """By channel, placement and action: the treatments in file order."""
    always_fitting: tuple[Mapping[PlacementId, Mapping[int, Treatment]], ...]
    """By channel and placement: the actions that the placement accepts and whose first treatment always fits."""
    generated: Generated
    tracer: Tracer
    never_with: Mapping[int, frozenset[int]]
    nobody: tuple[Held, ...]
    """The profile of somebody of whom nothing is known."""
    no_consent: tuple[Held, ...]
    context_slots: tuple[tuple[FactName, Held], ...]
    """The context facts in slot order, with what each is held as when missing."""
    no_context: tuple[Held, ...]
    no_derived: tuple[Held, ...]
    source: str
    """The generated Python, for people who want to see it."""
    warnings: tuple[Diagnostic, ...]
