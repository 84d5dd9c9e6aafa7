"""A model trained once on the nutshell bank, for all tests that only read it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from engine import Plan
from models.artefact import Settings
from models.propensity import PropensityModel
from models.registry import open_registry
from models.train import TrainedModel, train_from_bank
from tests.unit.models.banks import nutshell_plan, write_bank

QUICK = Settings(trees=40, rows_in_leaf=40, most_rows=8_000)


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A bank's files and the models trained on them."""

    plan: Plan
    bank_dir: Path
    models_dir: Path
    trained: TrainedModel
    model: PropensityModel


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The nutshell bank with one promoted model."""
    folder = tmp_path_factory.mktemp("nutshell")
    write_bank(folder / "bank", customers=2_500)
    plan = nutshell_plan()
    trained = train_from_bank(plan, folder / "bank", folder / "models", settings=QUICK)
    return Installation(
        plan=plan,
        bank_dir=folder / "bank",
        models_dir=folder / "models",
        trained=trained,
        model=open_registry(folder / "models").load(),
    )
