"""When a write has to be done, on the clocks that need to know."""

import asyncio
from time import time
from typing import Final, NamedTuple

FUTURE_S: Final = 300
"""A source's clock may be ahead of ours by so much."""


class Deadline(NamedTuple):
    """The end of the time that a write has."""

    now_ms: int
    deadline_ms: int
    """Milliseconds since the epoch."""
    deadline: float
    """The event loop's clock."""

    @classmethod
    def within(cls, left_ms: int) -> "Deadline":
        """The deadline of a write that begins now."""
        now_ms = int(time() * 1_000)
        return cls(now_ms, now_ms + left_ms, asyncio.get_running_loop().time() + left_ms / 1_000)
