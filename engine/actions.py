"""Actions, what the bank may do, and treatments, an action dressed for one placement of one channel."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from engine.errors import Span
from engine.ids import ActionId, FactName, TreatmentId


class Tier(IntEnum):
    """What sorts before priority: a duty before a service before an offer."""

    MUST = 0
    SERVICE = 1
    OFFER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that the bank may do for a customer."""

    id: ActionId
    position: int
    title: str
    group: str
    gives: str | None
    """The product that accepting brings; None for services."""
    product_bit: int | None
    """Its position in the set fact `holds`."""
    tier: Tier
    only_when_promoted: bool
    value_minor: float | None
    """Expected margin per conversion; None where it is computed from facts."""
    hash: int
    """32 bits that name it in contact histories; a renamed action keeps it through `formerly`."""
    terms: Mapping[str, float]
    """Those that are plain numbers."""
    terms_vary: bool
    """Whether some of them depend on facts or on the day."""
    terms_hold_s: int
    """For how long quoted terms are repeated; 0: they are quoted anew each time."""
    never_with: tuple[ActionId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """An action's content for a placement."""

    id: TreatmentId
    action: int
    condition: int | None
    """Position among the generated treatment conditions; None: it always fits."""
    locale: str | None
    first_day: int
    last_day: int
    content: Mapping[str, object]
    placeholders: tuple[FactName, ...]
    leads_to: Mapping[str, str] | None
    arm: str | None
    """The arm of an experiment that it is for; None: everybody's."""
    experiment: int | None
    """Position of that experiment in the plan; None with an arm: it has not begun, so that nobody gets it."""
    plain: bool
    """It always fits: no condition, locale, validity, placeholder or arm."""
    span: Span
