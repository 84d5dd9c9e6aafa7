"""When what is known of a customer changes although nothing happens: windows close, and absence comes to be certain.

A need is looked at when an event arrives, and at the instant that is found here. INVARIANT: between two such instants
no history condition of a need changes; what only the calendar changes is looked at by the day or hour.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.clock import away, before
from engine.facts import Held
from engine.ids import FactName
from engine.syntax import Duration

HOUR_S: Final = 3_600
_SECONDS: Final = {"min": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A window's first second passes an instant of the event state."""

    place: int
    """Where the instant stands in the state."""
    window: Duration
    beyond: bool
    """Whether it has to pass the instant; otherwise reaching it is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapses:
    """What time alone changes in the conditions of needs."""

    edges: tuple[Edge, ...]
    lasting: Mapping[FactName, Duration]
    """How long needs last after their block has ceased to hold."""
    daily: bool
    """Whether something is read that changes with the date."""
    hourly: bool
    running: bool
    """Whether a fact is read that events run along with."""

    @property
    def any(self) -> bool:
        """Whether time alone changes anything."""
        return bool(self.edges or self.lasting) or self.daily or self.hourly or self.running

    def next_at(self, state: Sequence[Held], needs: Mapping[FactName, int], zone: ZoneInfo, now_s: int) -> int | None:
        """The first instant after now at which something may change; None: nothing ever does.

        Args:
            state: the event state without its blocks, as rows have it.
            needs: when each active need last held.
            zone: the bank's.
            now_s: now, in seconds since the epoch.
        """
        now = datetime.fromtimestamp(now_s, UTC).astimezone(zone)
        found = []
        for edge in self.edges:
            instant = state[edge.place]
            if isinstance(instant, int) and instant > 0:
                found.append(_reached(instant + edge.beyond, edge.window, now, now_s))
        for need, lasts in self.lasting.items():
            if need in needs:
                found.append(_reached(needs[need] + 1, lasts, now, now_s))
        if self.hourly:
            found.append(now_s - now_s % HOUR_S + HOUR_S)
        if self.daily:
            found.append(_tomorrow(now))
        return min((at for at in found if at is not None), default=None)


def _reached(instant: int, window: Duration, now: datetime, now_s: int) -> int | None:
    """When a window begins at an instant; None if it has begun there or later already."""
    step_s = _SECONDS.get(window.unit)
    if step_s is not None:
        at = instant + step_s * window.amount
        return at if at > now_s else None
    begin, reached = before(now, window), datetime.fromtimestamp(instant, UTC).astimezone(now.tzinfo)
    if begin.timestamp() >= instant:
        # Months differ in length: a window may begin on one day for several days, and go back to its first second.
        return _tomorrow(now) if begin.date() == reached.date() else None
    at = int(away(reached, 1, window).timestamp())
    if at <= now_s:
        # It has gone back, or has not come so far: it does at that time of a day, or leaps there at the end of one.
        at = int(datetime.combine(now.date(), reached.time(), now.tzinfo).timestamp())
    return at if at > now_s else _tomorrow(now)


def _tomorrow(now: datetime) -> int:
    return int(datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo).timestamp())
