"""A store with decisions of three days in its streams, and the archive of them; made once a run."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.adapters.embedded import EmbeddedServer
from api.archiving.archiver import held
from api.archiving.files import ARCHIVE
from api.archiving.run import archiving
from api.bootstrap import open_stores
from api.security import open_secrets
from api.settings import Settings
from tests.integration.api.installations import settings_of
from tests.integration.archiving.deciding import Desk

DECISIONS = 2_000


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """The data folder of a running store of its own."""
    server = EmbeddedServer(tmp_path)
    server.start()
    yield tmp_path
    server.stop()


@dataclass(frozen=True, slots=True)
class Archived:
    """An archive, and for each decision in it its day."""

    settings: Settings
    day_by_decision: dict[str, str]

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.settings.data_dir / ARCHIVE


@pytest.fixture(scope="package")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archived]:
    """Two thousand decisions of three days, archived in four batches with an anchor after the second and the last."""
    settings = settings_of(tmp_path_factory.mktemp("archived"))
    server = EmbeddedServer(settings.data_dir)
    server.start()
    yield Archived(settings, asyncio.run(_decided(settings)))
    server.stop()


async def _decided(settings: Settings) -> dict[str, str]:
    keys = open_secrets(settings)
    found: dict[str, str] = {}
    async with open_stores(settings, keys, patient=True) as stores:
        desk = Desk.opened(settings, stores)
        with held(settings.data_dir / ARCHIVE):
            work = await archiving(settings, keys, stores)
            for part in range(4):
                found |= await desk.days(3, decisions=DECISIONS // 4, customers=400)
                await work.archiver.batch()
                if part % 2:
                    work.archiver.anchor()
    return found
