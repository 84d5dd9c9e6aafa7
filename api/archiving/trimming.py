"""Trims the event streams behind everybody who needs them: the worker, the archive, and groups of other systems."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from api.archiving.chain import Head
from api.ports import EventStore

AT_ONCE: Final = 64
"""Partitions that are trimmed together: the store has other things to do between two such calls."""
WITHIN_S: Final = 10.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class EventTrim:
    """What a round over all partitions removed, and what it had to leave."""

    removed: int = 0
    left: int = 0
    held_by: set[str] = field(default_factory=set)
    """Consumer groups of other systems without which more could go."""


class EventTrimmer:
    """Trims the event streams, and says once of whom they wait for."""

    def __init__(self, events: EventStore) -> None:
        self._events = events
        self._told: set[str] = set()

    async def trim(self, heads: Mapping[int, Head], kept_since_ms: int) -> EventTrim:
        """Remove what is folded, archived behind these heads, and came before an instant.

        Raises:
            StoreUnavailable: the store went away; it is done later.
        """
        done, waiting = EventTrim(), iter(heads.items())
        while some := list(islice(waiting, AT_ONCE)):
            deadline = asyncio.get_running_loop().time() + WITHIN_S
            for trimmed in await asyncio.gather(
                *(
                    self._events.trim(each, archived=head.entry_id, kept_since_ms=kept_since_ms, deadline=deadline)
                    for each, head in some
                )
            ):
                done.removed += trimmed.removed
                done.left += trimmed.left
                if trimmed.held_by is not None:
                    done.held_by.add(trimmed.held_by)
        for group in sorted(done.held_by - self._told):
            _log.warning("the consumer group %s holds events back that everybody else is done with", group)
        self._told = done.held_by
        return done
