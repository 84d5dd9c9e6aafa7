"""A real store, a copy of the starter rules to change, and a server on both."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from api.adapters.embedded import EmbeddedServer
from tests.integration.reloading.servers import Server, serving
from tests.unit.api.shells import ROOT


@pytest.fixture(scope="session")
def store_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a running store."""
    folder = tmp_path_factory.mktemp("installation")
    server = EmbeddedServer(folder)
    server.start()
    yield folder
    server.stop()


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A copy of the starter rules."""
    return Path(shutil.copytree(ROOT / "rules", tmp_path / "rules"))


@pytest.fixture
def serve(store_dir: Path, rules: Path) -> Callable[..., AbstractContextManager[Server]]:
    """Starts a server on the copied rules; keywords are settings."""

    def start(**settings: object) -> AbstractContextManager[Server]:
        return serving(store_dir, **{"rules": rules, **settings})

    return start
