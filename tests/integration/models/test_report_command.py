"""`nextbest models report`: the page, the JSON, and the evidence that a promotion asks for."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from api.archiving.run import tell_of_the_model
from api.cli import app
from api.telemetry import Metrics
from models.promotion import read_evidence
from models.registry import open_registry
from tests.integration.models.conftest import Installation
from tests.unit.models.banks import rule_files


@pytest.fixture
def data_dir(installation: Installation, tmp_path: Path) -> Path:
    """A data folder with the model and the bank's files, and the rules beside it."""
    shutil.copytree(installation.models_dir, tmp_path / "models")
    shutil.copytree(installation.bank_dir, tmp_path / "bank")
    for name, content in rule_files().items():
        file = tmp_path / "rules" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path


def report(data_dir: Path, *arguments: str) -> Result:
    given = ["--data-dir", str(data_dir), "--rules", str(data_dir / "rules"), *arguments]
    return CliRunner().invoke(app, ["models", "report", *given])


def test_a_page_is_written_and_the_figures_are_told(data_dir: Path, installation: Installation) -> None:
    file = data_dir / "report.html"
    done = report(data_dir, "--out", str(file))
    assert "model: AUC " in done.output
    assert "logistic regression: AUC " in done.output
    assert installation.trained.version in file.read_text(encoding="utf-8")
    kept = {each.kind: each for each in read_evidence(data_dir / "models", installation.trained.version)}
    assert set(kept) >= {"evaluation", "drift", "fairness"}
    assert done.exit_code == (1 if any(each.objections for each in kept.values()) else 0)


def test_what_was_found_is_told_as_metrics(data_dir: Path) -> None:
    """Under names that stay the same, whatever features there are: an alarm can be made of each."""
    told = json.loads(report(data_dir, "--json").stdout)
    metrics = Metrics()
    tell_of_the_model(metrics, data_dir / "models", 0.012)
    figures = {
        kind: {name for of, name in metrics.model_evidence.values if of == kind} for kind in ("drift", "fairness")
    }
    assert figures["drift"] == {"psi_score", "psi_highest", "features_alarming", "base_rate_ratio"}
    assert figures["fairness"] >= {"ratios", "proxies", "lowest_selection_ratio"}
    assert metrics.model_evidence.values["evaluation", "auc"] == round(told["study"]["contenders"][0]["auc"], 4)
    assert metrics.exploration_price.values[()] == 0.012
    assert set(metrics.model_objections.values) >= {("evaluation",), ("drift",), ("fairness",)}


def test_a_model_that_nobody_looked_at_is_looked_at_before_it_is_promoted(
    data_dir: Path, installation: Installation
) -> None:
    """Without a report before: the groups' ratios stand between the model and its promotion all the same."""
    only_others_get_lending(data_dir)
    words = ["promote", installation.trained.version, "--data-dir", str(data_dir), "--rules", str(data_dir / "rules")]
    refused = CliRunner().invoke(app, ["models", *words])
    assert refused.exit_code == 1
    assert f"no report has been made about {installation.trained.version[:12]}: looking at it now" in refused.stderr
    assert "fairness: selection of `lending`: gender female" in refused.stderr


def only_others_get_lending(data_dir: Path) -> None:
    """Every woman was offered home insurance instead of a loan."""
    customers = pl.read_parquet(data_dir / "bank" / "customers.parquet").select("customer_id", "gender")
    contacts = pl.read_parquet(data_dir / "bank" / "contacts.parquet").join(customers, on="customer_id", how="left")
    lending = pl.col("action").is_in(["personal_loan", "car_loan"]) & (pl.col("gender") == "female")
    moved = pl.when(lending).then(pl.lit("home_insurance")).otherwise("action").alias("action")
    contacts.with_columns(moved).drop("gender").write_parquet(data_dir / "bank" / "contacts.parquet")


def test_what_was_found_keeps_the_model_from_being_promoted(data_dir: Path, installation: Installation) -> None:
    """Every customer of one group got nothing but insurance; the report finds it, and the promotion asks for it."""
    only_others_get_lending(data_dir)
    done = report(data_dir, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert any(sentence.startswith("selection of `lending`: gender female") for sentence in told["findings"])
    against = open_registry(data_dir / "models").objections(installation.trained.version)
    assert any(sentence.startswith("fairness: selection of `lending`") for sentence in against)
    refused = CliRunner().invoke(app, ["models", "promote", installation.trained.version, "--data-dir", str(data_dir)])
    assert refused.exit_code == 1
