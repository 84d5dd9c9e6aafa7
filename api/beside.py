"""What goes on beside the requests for as long as a context lasts."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from api.faults import log_fault

EACH_S: Final = 1.0
_log = logging.getLogger(__name__)


@asynccontextmanager
async def repeating(step: Callable[[], Awaitable[None]], each_s: float = EACH_S) -> AsyncIterator[None]:
    """Take a step again and again for as long as the context lasts; a step that fails is logged, and taken again."""

    async def repeat() -> None:
        while True:
            await asyncio.sleep(each_s)
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - what runs beside the requests must not end with one failure
                log_fault(_log, "a repeated step", error)

    async with beside(repeat()):
        yield


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let something go on for as long as the context lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
