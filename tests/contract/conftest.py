"""Runs every contract against the store in memory and against a real server."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from api.adapters.embedded import EmbeddedServer
from tests.contract.worlds import World, in_memory, on_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """An embedded server for the whole run."""
    folder: Path = tmp_path_factory.mktemp("store")
    started = EmbeddedServer(folder)
    started.start()
    yield started
    started.stop()


@pytest_asyncio.fixture(params=["memory", "server"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A store, empty."""
    if request.param == "memory":
        async with in_memory() as world:
            yield world
    else:
        async with on_server(request.getfixturevalue("server").url) as world:
            yield world
