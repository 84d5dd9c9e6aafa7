"""An embedded store, emptied before each test, and loads into it."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from api.adapters.commands import checked, pack
from api.adapters.embedded import EmbeddedServer
from api.adapters.nodes import SingleNode
from api.loading.loader import Load
from api.loading.report import LoadReport
from api.loading.run import load_into
from tests.unit.api.loading.small_bank import MAPPING, NOW, mapping, target

Loading = Callable[..., Coroutine[Any, Any, LoadReport]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server for all tests of the folder."""
    started = EmbeddedServer(tmp_path_factory.mktemp("store"))
    started.start()
    yield started
    started.stop()


@pytest_asyncio.fixture
async def nodes(server: EmbeddedServer) -> AsyncIterator[SingleNode]:
    """A connection to the server, which holds nothing."""
    connected = SingleNode(server.url)
    await connected.start()
    for node in connected.everyone():
        checked(await node.call(pack("FLUSHALL"), 1, 1e12))
    yield connected
    await connected.close()


@pytest.fixture
def load(server: EmbeddedServer, nodes: SingleNode, tmp_path: Path) -> Loading:
    """Loads the files of the test's folder by a mapping."""

    async def loaded(text: str = MAPPING, *, wakes: bool = False) -> LoadReport:
        job = Load(
            mapping=mapping(text),
            folder=tmp_path,
            target=replace(target(), wakes=wakes),
            ruleset="sha256:0",
            staging=tmp_path / "staging",
            now=NOW,
            progress=lambda _doing, _done: None,
        )
        return await load_into(job, server.url)

    return loaded
