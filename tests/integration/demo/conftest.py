"""One demonstration's folder for all tests."""

import json
from pathlib import Path

import pytest

from tests.integration.demo.processes import in_session, nothing_left_on, words


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demonstration has run once, so that the others start quickly."""
    folder = tmp_path_factory.mktemp("demo")
    with in_session(*words(folder)) as demo:
        (folder / "first.json").write_text(json.dumps(demo.told))
    assert nothing_left_on(folder)
    return folder
