"""A real server for each test that stops, kills or pauses it, and the event loop that the product runs on."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop

from api.adapters.embedded import EmbeddedServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A fresh embedded server."""
    started = EmbeddedServer(tmp_path)
    started.start()
    yield started
    started.stop()


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The contracts run on asyncio's own loop, so both are covered."""
    return {"uvloop": uvloop.new_event_loop}
