"""Runs every contract against the store in memory, a real server, and a cluster."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from api.adapters.embedded import EmbeddedServer
from tests.contract.clusters import a_cluster
from tests.contract.worlds import World, in_memory, on_server


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An embedded server for the whole run."""
    folder: Path = tmp_path_factory.mktemp("store")
    started = EmbeddedServer(folder)
    started.start()
    yield started.url
    started.stop()


@pytest.fixture(scope="session")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cluster for the whole run."""
    with a_cluster(tmp_path_factory.mktemp("cluster")) as ports:
        yield f"redis://127.0.0.1:{ports[0]}?cluster=true"


@pytest_asyncio.fixture(params=["memory", "server", "cluster"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A store, empty."""
    if request.param == "memory":
        async with in_memory() as world:
            yield world
    else:
        async with on_server(request.getfixturevalue(f"{request.param}_url")) as world:
            yield world
