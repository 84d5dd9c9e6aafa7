"""The facts and events that conditions may name, and the event filters that they turn out to read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.events import EventSpec
from engine.ids import EventName
from engine.syntax import Condition, FactRef


@dataclass(slots=True)
class KeptFilter:
    """An event filter that some rule reads; `depth` grows with the largest `at_least`."""

    event: EventName
    condition: Condition | None
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The facts and events that conditions may name."""

    facts: Mapping[str, FactRef]
    events: Mapping[EventName, EventSpec]
    filters: dict[str, KeptFilter] = field(default_factory=dict)
    """Collects the event filters read so far, by canonical text."""
