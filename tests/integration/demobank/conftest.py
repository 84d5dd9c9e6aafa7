"""One bank of the default seed and size, made once by the command itself."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from tests.shared import made_once

ROOT = Path(__file__).parents[3]
AS_OF = "2026-11-22"
SUMMARY = "said.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBank:
    """Where the bank is, what the command said, and its tables, read once each."""

    data_dir: Path
    summary: Mapping[str, object]
    tables: dict[str, pl.DataFrame]

    def table(self, name: str) -> pl.DataFrame:
        if name not in self.tables:
            self.tables[name] = pl.read_parquet(self.data_dir / f"{name}.parquet")
        return self.tables[name]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the generator as a process of its own."""
    command = [sys.executable, "-m", "demobank", "--rules", str(ROOT / "rules"), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> MadeBank:
    folder = made_once(tmp_path_factory, "demobank", _make)
    summary = json.loads((folder / SUMMARY).read_text())
    return MadeBank(data_dir=folder, summary=summary, tables={})


def _make(folder: Path) -> None:
    done = run("--data-dir", str(folder), "--as-of", AS_OF, "--json")
    assert done.returncode == 0, done.stderr
    (folder / SUMMARY).write_text(done.stdout)
