"""The events by which the event worker reports that a need of a customer began or ended."""

from collections.abc import Iterable
from typing import Final

from engine.events import EventSpec
from engine.facts import FactSpec, FactType
from engine.ids import EventName, FactName

NEED_BEGAN: Final = EventName("need_began")
NEED_ENDED: Final = EventName("need_ended")
NEED_EVENTS: Final = frozenset((NEED_BEGAN, NEED_ENDED))
"""Nobody else may send them."""
NEED: Final = FactName("need")
"""Their field: which need, without `needs.`."""


def need_events(needs: Iterable[str]) -> dict[EventName, EventSpec]:
    """What the catalogue knows of them, where rules declare any need."""
    values = tuple(sorted(set(needs)))
    if not values:
        return {}
    field = FactSpec(name=NEED, type=FactType.CATEGORY, title="Need", values=values, private=True)
    titles = {NEED_BEGAN: "A need began", NEED_ENDED: "A need ended"}
    return {
        name: EventSpec(name=name, title=title, source="nextbest", fields=(field,), private=True)
        for name, title in titles.items()
    }
