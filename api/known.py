"""What the store knows of other bundles: their profile schemas and event layouts, learned by those who read records."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from api.adapters.record_reader import RecordReader
from api.adapters.records import decode_layout, decode_schema
from api.beside import beside
from api.ports import RecordStore, StoreUnavailable

LEARN_EACH_S: Final = 1.0


async def learn_schemas(reader: RecordReader, records: RecordStore) -> None:
    """Let a reader know every schema and layout that the store keeps; an unreachable store is asked again later."""
    with contextlib.suppress(StoreUnavailable):
        for columns in await records.schemas():
            reader.learn(decode_schema(columns))
        for layout in await records.layouts():
            reader.learn_layout(decode_layout(layout.filters), layout.folded_since_s)


@asynccontextmanager
async def learning(reader: Callable[[], RecordReader], records: RecordStore) -> AsyncIterator[None]:
    """Keep whichever reader serves up to date with what the store keeps: at the start, then once a second.

    INVARIANT: a layout is known here before anybody folds under it, see `FOLD_AFTER_S` in `api/worker/run.py`.
    """
    await learn_schemas(reader(), records)

    async def repeat() -> None:
        while True:
            await asyncio.sleep(LEARN_EACH_S)
            await learn_schemas(reader(), records)

    async with beside(repeat()):
        yield
