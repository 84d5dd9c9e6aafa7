"""Recorded decisions as training rows: the very values that were read, equal to those rebuilt from what happened."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from api.adapters.embedded import EmbeddedServer
from api.bootstrap import open_stores
from api.cli import app
from api.learning.recorded import Logged, Rebuilding, Recorded, latest
from api.learning.training import train_recorded
from api.security import open_secrets
from api.settings import Settings
from engine import Plan
from models.artefact import Settings as TrainingSettings
from models.artefact import read_manifest
from models.errors import TrainingRefused
from models.features import features_of
from models.promotion import read_evidence
from models.registry import open_registry
from models.rows import Window
from tests.integration.models.conftest import Installation
from tests.integration.models.visits import Visits
from tests.unit.models.banks import rule_files

CUSTOMERS = 150
WHOLE = Window(positive_days=0.0, conversion_days=0.0)


@dataclass(frozen=True, slots=True)
class Run:
    """An installation that was visited for eighty days; its store still runs."""

    settings: Settings
    plan: Plan
    seen: int

    @property
    def bank(self) -> Path:
        """The bank's files."""
        return self.settings.data_dir / "bank"

    def recorded(self) -> Recorded:
        """All that it recorded."""
        return Recorded(self.settings, self.plan)

    def rows(self) -> Logged:
        """Every row."""
        return asyncio.run(self.recorded().rows(WHOLE, pick=latest(10**6), features=features_of(self.plan)))

    def parity(self, bank: Path | None = None) -> Rebuilding:
        """Every row, held against the bank's files."""
        bank = bank or self.bank
        features = features_of(self.plan)
        return asyncio.run(self.recorded().parity(bank, WHOLE, pick=latest(10**6), features=features))


@pytest.fixture(scope="module")
def run(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("visited")
    for name, content in rule_files().items():
        file = folder / "rules" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    shutil.copytree(installation.models_dir, folder / "models")
    shutil.copytree(installation.bank_dir, folder / "bank")
    settings = Settings.model_validate({"data_dir": folder, "rules": folder / "rules", "port": 0, "access": "open"})
    server = EmbeddedServer(folder)
    server.start()
    yield Run(settings, installation.plan, asyncio.run(_visited(settings, installation)))
    server.stop()


async def _visited(settings: Settings, installation: Installation) -> int:
    async with open_stores(settings, open_secrets(settings), patient=True) as stores:
        visits = Visits.opened(settings, stores, installation)
        names = visits.files.names[:CUSTOMERS]
        await visits.load(names)
        await visits.run(names, days=80, visits=900)
        return visits.seen


def told(run: Run, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code of a command, and what it told as JSON."""
    given = ["--rules", str(run.settings.rules), "--data-dir", str(run.settings.data_dir), "--json"]
    ended = CliRunner().invoke(app, [*words, *given])
    return ended.exit_code, json.loads(ended.stdout)


def test_logged_rows_are_rebuilt_to_the_last_bit(run: Run) -> None:
    """Contacts from decisions and outcomes, profiles from files: all rows are equal, in every column."""
    found = run.parity()
    assert found.parity.differences == ()
    assert found.parity.equal == found.parity.rows > 1_000
    assert found.missing == 0
    assert found.parity.share == 1.0


def test_the_rows_say_something_of_every_kind(run: Run) -> None:
    """Otherwise equal rows would prove little."""
    rows = run.rows().rows.rows
    columns = dict(zip(rows.features.names, rows.matrix.T, strict=True))
    for name in ("age", "holds.isa", "contacts.impressions_7d", "contacts.group.declines_30d", "channel", "action"):
        assert len(np.unique(columns[name][~np.isnan(columns[name])])) > 1, name
    for name in ("income.monthly", "contacts.days_since_decline", "contacts.action.days_since_decline"):
        assert 0.0 < np.isnan(columns[name]).mean() < 1.0, name


def test_what_was_read_otherwise_is_listed(run: Run, tmp_path: Path) -> None:
    """The file says another age of one customer than the decisions read."""
    shutil.copytree(run.bank, tmp_path / "bank")
    customers = pl.read_parquet(run.bank / "customers.parquet")
    visited = sorted(run.rows().rows.outcomes.customer.tolist())
    name = customers["customer_id"][0]
    older = pl.when(pl.col("customer_id") == name).then(pl.col("age") + 1).otherwise(pl.col("age")).alias("age")
    customers.with_columns(older).write_parquet(tmp_path / "bank" / "customers.parquet")
    code, found = told(run, "models", "parity", "--bank", str(tmp_path / "bank"))
    assert visited
    assert code == 1
    assert set(found["by_column"]) == {"age"}
    assert found["parity"]["rows"] - found["parity"]["equal"] == found["by_column"]["age"] > 1
    assert all(each["rebuilt"] == each["logged"] + 1 for each in found["parity"]["differences"])
    assert found["findings"][0].endswith(f"`age` ({found['by_column']['age']})")
    assert len(found["options"]) == found["parity"]["rows"]


def test_looking_again_is_no_other_impression(run: Run) -> None:
    """One row for an action in a session, with the answers of all its decisions."""
    rows = run.rows().rows.outcomes
    assert 0.8 * run.seen < len(rows) < run.seen
    keys = set(
        zip(rows.customer.tolist(), rows.action.tolist(), rows.channel.tolist(), rows.at_s.tolist(), strict=True)
    )
    assert len(keys) == len(rows)


def test_a_model_is_trained_on_what_was_recorded(run: Run) -> None:
    """Answers were drawn at random, so it ranks worse than what serves: it is stored, and the current model stays."""
    code, found = told(run, "train", "--recorded", "--seed", "3")
    models = run.settings.data_dir / "models"
    assert (code, found["promoted"]) == (1, False)
    assert any("it ranks its test contacts with an AUC of" in sentence for sentence in found["against"])
    assert open_registry(models).current() not in {None, found["version"]}
    manifest = read_manifest(models / found["version"])
    assert manifest.training.settings.seed == 3
    assert 0 < manifest.training.impressions < run.seen
    assert manifest.learned.rates.impressions["isa"]["web"] > 0
    assert open_registry(models).load(found["version"]).version == found["version"]


def test_a_watch_says_how_far_customers_moved_and_keeps_it_as_evidence(run: Run) -> None:
    """All who were decided for are held against the training of the model that serves."""
    ended = CliRunner().invoke(app, ["models", "watch", "--data-dir", str(run.settings.data_dir), "--json"])
    found = json.loads(ended.stdout)
    assert ended.exit_code == (1 if found["findings"] else 0)
    assert found["impressions"] == run.seen
    names = {shift["name"] for shift in found["drift"]["shifts"]}
    assert names >= {"score", "age", "income.monthly", "holds.isa"}
    assert not {"gender", "channel", "action"} & names
    age = next(shift for shift in found["drift"]["shifts"] if shift["name"] == "age")
    assert age["index"] < 0.2 or age["index"] < age["by_chance"]
    models = run.settings.data_dir / "models"
    kept = {each.kind: each for each in read_evidence(models, str(open_registry(models).current()))}["watch"]
    assert kept.objections == tuple(found["findings"])
    assert kept.figures["impressions"] == run.seen
    assert {"psi_highest", "psi_score", "base_rate_ratio", "lowest_selection_ratio"} <= set(kept.figures)


def test_too_little_that_was_recorded_is_refused_in_words(installation: Installation, tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "port": 0, "access": "open"})
    with pytest.raises(TrainingRefused, match="no recorded decision has a confirmed impression"):
        asyncio.run(train_recorded(settings, installation.plan, settings=TrainingSettings()))
    assert not (tmp_path / "models").exists()
