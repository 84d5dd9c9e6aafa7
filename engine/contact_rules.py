"""What the contact policy of a bundle says: caps, cooling-off, quiet hours and budgets, compiled.

Actions and channels are positions in the plan's tuples. Only the compiler builds them, as part of a `Plan`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum

from engine.clock import Windows
from engine.errors import Span
from engine.syntax import Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """At most so many contacts in a window."""

    id: str
    limit: int
    accepts: bool
    """Counts accepts instead of impressions."""
    rolling: Duration | None
    calendar: str | None
    """day, week or month in the bank's zone; exactly one of `rolling` and `calendar` is set."""
    actions: tuple[int, ...]
    """Whose contacts count, and which are blocked when it is reached."""
    channels: frozenset[int] | None
    """Positions of the channels on which it counts and binds; None: all."""
    span: Span

    @property
    def window(self) -> Duration | str:
        """Its length where it rolls, else day, week or month."""
        if self.rolling is not None:
            return self.rolling
        assert self.calendar is not None
        return self.calendar


class BudgetCount(StrEnum):
    """What a budget counts."""

    IMPRESSIONS = "impressions"
    ACCEPTS = "accepts"
    SPEND = "spend"
    """Money: what each accept costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most so much of all customers together. Amounts are offers, or minor units of money where it counts spend."""

    id: str
    title: str
    count: BudgetCount
    each: int
    """What one offer takes of it."""
    total: int | None
    per_day: int | None
    """In a day of the bank's zone."""
    total_by_channel: Mapping[int, int]
    """Channels with a total of their own."""
    actions: tuple[int, ...]
    hold_s: int | None
    """For how long a contact holds what it drew, where accepts count; None: as long as the offer is valid."""
    span: Span

    @property
    def key(self) -> str:
        """The name under which amounts of it are kept: one that counts money instead of offers begins anew."""
        return f"{self.id}:{self.count}" if self.count is BudgetCount.SPEND else self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolingOff:
    """How long an action rests after an answer, in seconds, by position in `DeclineReason`; 0: not at all."""

    after_decline: tuple[int, ...]
    after_accept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRules:
    """The contact policy of a bundle."""

    caps: tuple[Cap, ...]
    caps_by_action: tuple[tuple[int, ...], ...]
    closed_caps: tuple[int, ...]
    """Caps of limit 0, which bind without any contact."""
    special_caps: frozenset[int]
    """Caps that count on some channels only, or accepts only."""
    cooling_off: tuple[CoolingOff, ...]
    """One per action."""
    ignored_impressions: int
    """So many ignored impressions within `ignored_within` seconds rest an action for `ignored_for`; 0: no such rule."""
    ignored_within: int
    ignored_for: int
    quiet_channels: frozenset[int]
    quiet_from: time
    quiet_to: time
    span: Span
    horizon_s: int
    """Impressions and clicks older than this many seconds matter to nothing."""
    answer_horizon_s: int
    """Declines and accepts older than this many seconds matter to nothing."""
    windows: Windows
    """The caps' windows, in their order."""
    budgets: tuple[Budget, ...]
    budgets_by_action: tuple[tuple[int, ...], ...]
