"""A real server for each test that stops, kills or pauses it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.adapters.embedded import EmbeddedServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A fresh embedded server."""
    started = EmbeddedServer(tmp_path)
    started.start()
    yield started
    started.stop()
