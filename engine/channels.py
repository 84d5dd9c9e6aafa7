"""Where customers meet the bank: channels, their moments, and the placements on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.ids import ChannelId, FactName, MomentId, PlacementId


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A place on a channel where offers appear."""

    id: PlacementId
    precedence: int
    items: int
    accepts: frozenset[str] | None
    """Groups of actions that fit; None: all."""
    max_per_group: int | None
    valid_minutes: int
    prefetch_valid_minutes: int
    fallback: Mapping[str, object]
    """The placement's own content, with its `id`."""
    most_characters: Mapping[str, int] = field(default_factory=dict)
    """How long a text may be to fit here, by key of the content; what is not said is the channel's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A way in which customers meet the bank."""

    id: ChannelId
    position: int
    staff: bool
    privacy: str
    cost_minor: int
    """Cost of one contact that the bank initiates."""
    budget_ms: int
    initiated_by_bank: Mapping[MomentId, bool]
    """The channel's moments, and whether the bank starts the contact."""
    max_per_group: int | None
    """Of one group in one answer, over all its placements."""
    placements: Mapping[PlacementId, Placement]
    about: tuple[FactName, ...] = ()
    """What staff see of a customer in one line."""
    most_characters: Mapping[str, int] = field(default_factory=dict)
    """How long a text may be to fit on its screens, by key of the content; placements may say otherwise."""
