"""Keeps an eye on the store, so that requests need not ask: is there room, and is it there at all?"""

import asyncio
import logging
from typing import Final

from api.ports import StoreHealth, StoreStatus

EACH_S: Final = 1.0
FULL_SHARE: Final = 0.8
"""Beyond it nothing new is taken in; the rest is for what was acknowledged, and for the archiver to make room."""
SHORT_SHARE: Final = 0.6
"""Beyond it the archiver makes room before anything is refused."""
_log = logging.getLogger(__name__)


class StoreWatch:
    """The store's latest account of itself, a second old at most."""

    def __init__(self, health: StoreHealth) -> None:
        self.full = False
        self._health = health
        self._available: bool | None = None

    async def look(self) -> StoreStatus:
        """Ask the store, and log what changed."""
        status = await self._health.status()
        full = is_full(status)
        if status.available is not self._available:
            if not status.available:
                _log.warning("The store does not answer: fallbacks are served until it does.")
            elif self._available is not None:
                _log.warning("The store answers again.")
        if full is not self.full:
            _log.warning("The store is %s.", "full: fallbacks are served" if full else "no longer full")
        self._available, self.full = status.available, full
        return status

    async def keep_looking(self) -> None:
        """Ask once a second, for ever."""
        while True:
            await asyncio.sleep(EACH_S)
            await self.look()


def is_short(status: StoreStatus) -> bool:
    """Whether it is time to make room in the store."""
    return status.memory_used_share is not None and status.memory_used_share >= SHORT_SHARE


def is_full(status: StoreStatus) -> bool:
    """Whether so much of the store's memory is used that nothing new fits in safely."""
    return status.memory_used_share is not None and status.memory_used_share >= FULL_SHARE
