"""A real store for the whole run, emptied for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from api.adapters.commands import pack
from api.adapters.embedded import EmbeddedServer
from api.adapters.flights import Timing
from api.adapters.nodes import SingleNode
from api.bootstrap import PATIENT_S
from tests.integration.api.installations import Installation, installed, load


@pytest.fixture(scope="session")
def store_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a running store."""
    folder = tmp_path_factory.mktemp("installation")
    server = EmbeddedServer(folder)
    server.start()
    yield folder
    server.stop()


@pytest_asyncio.fixture
async def house(store_dir: Path) -> AsyncIterator[Installation]:
    """An application on an empty store with two customers."""
    async with installed(store_dir) as house:
        nodes = SingleNode(f"unix://{store_dir}/valkey/server.sock", Timing(flight=PATIENT_S))
        await nodes.start()
        (node,) = nodes.everyone()
        await node.call(pack("FLUSHALL"), 1, 2**40)
        await nodes.close()
        await load(house.stores, "C0000001", "C0000002")
        yield house
