"""Berka's clients, cards and loans, and the demonstration bank with injected doubles: precision, recall, review."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from api.cli import app
from examples.linkage import berka, demonstration
from tests.public_data import folder

pytest.importorskip("splink", reason="scoring needs the extra `linkage`")


def told(*words: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["link", *words, "--json"])
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def judged(where: Path) -> dict[str, Any]:
    """A run and what it is worth."""
    run = told("run", "--linkage", str(where / "linkage.yaml"), "--data-dir", str(where))
    return run | told("evaluate", "--truth", str(where / "truth.csv"), "--data-dir", str(where))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources of 1,500 customers."""
    bank = tmp_path_factory.mktemp("demonstration")
    pl.DataFrame({"customer_id": [f"C{at:07d}" for at in range(1_500)]}).write_parquet(bank / "customers.parquet")
    demonstration.prepare(bank, bank / "sources", seed=3)
    return bank / "sources"


def test_injected_doubles_are_found_and_families_are_not_one_person(drawn: Path) -> None:
    found = judged(drawn)
    assert found["precision"] > 0.995
    assert found["recall"] > 0.98
    assert found["merges"] > 100


def test_the_same_records_and_seed_give_the_same_files(drawn: Path) -> None:
    files = [drawn / "links" / name for name in ("links.csv", "merges.csv", "review.csv")]
    judged(drawn)
    first = [file.read_bytes() for file in files]
    judged(drawn)
    assert [file.read_bytes() for file in files] == first


def test_a_verdict_binds_the_next_run(drawn: Path) -> None:
    judged(drawn)
    where = ("--data-dir", str(drawn))
    (asked,) = told("review", "list", "--limit", "1", *where)["pairs"]
    told("review", "accept", asked["pair_id"], "--by", "clerk", *where)
    after = judged(drawn)
    assert after["by"]["accepted"] == 2
    links = pl.read_csv(drawn / "links" / "links.csv", infer_schema=False)
    names = links.with_columns((pl.col("source") + ":" + pl.col("id")).alias("record"))
    two = names.filter(pl.col("record").is_in([asked["left"], asked["right"]]))
    assert two["customer"].n_unique() == 1


@pytest.mark.public_data
def test_berka_cards_and_loans_find_their_clients(tmp_path: Path) -> None:
    assert berka.prepare(folder() / "berka", tmp_path, seed=1) == 6_943
    found = judged(tmp_path)
    assert found["precision"] > 0.99
    assert found["recall"] > 0.95
