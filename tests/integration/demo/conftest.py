"""One demonstration's folder for all tests."""

import json
import shutil
from pathlib import Path

import pytest

from tests.integration.demo.processes import in_session, nothing_left_on, words
from tests.shared import made_once


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demonstration has run once, so that the others start quickly."""
    first = made_once(tmp_path_factory, "demonstration", _run_once)
    return Path(shutil.copytree(first, tmp_path_factory.mktemp("demo") / "data"))


def _run_once(folder: Path) -> None:
    with in_session(*words(folder)) as demo:
        (folder / "first.json").write_text(json.dumps(demo.told))
    assert nothing_left_on(folder)
