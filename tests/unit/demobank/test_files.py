"""A half-written bank is never taken for a whole one."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from demobank.files import Folder, Recipe, existing_bank, recipe

RECIPE = recipe(7, 100, "2026-11-22", "sha256:abc")


def a_bank(data_dir: Path) -> Folder:
    folder = Folder(data_dir)
    folder.write_table(
        "bank/customers", iter([pl.DataFrame({"customer_id": ["C1"]}), pl.DataFrame({"customer_id": ["C2"]})])
    )
    folder.write_text("truth/world.json", "{}\n")
    return folder


def test_a_sealed_bank_is_found_again(tmp_path: Path) -> None:
    """With the rows and sizes of its files."""
    folder = a_bank(tmp_path)
    folder.seal(RECIPE)

    files = existing_bank(tmp_path, RECIPE)

    assert files == folder.files
    assert files["bank/customers.parquet"].rows == 2
    assert pl.read_parquet(tmp_path / "bank" / "customers.parquet")["customer_id"].to_list() == ["C1", "C2"]


def test_a_bank_without_its_seal_does_not_count(tmp_path: Path) -> None:
    """The generator was interrupted before the manifest."""
    a_bank(tmp_path)

    assert existing_bank(tmp_path, RECIPE) is None


def test_starting_over_breaks_the_old_seal_first(tmp_path: Path) -> None:
    """Otherwise new tables could stand beside an old manifest."""
    a_bank(tmp_path).seal(RECIPE)
    Folder(tmp_path)

    assert existing_bank(tmp_path, RECIPE) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(RECIPE, seed=8),
        replace(RECIPE, customers=101),
        replace(RECIPE, as_of="2026-11-23"),
        replace(RECIPE, rules="sha256:def"),
        replace(RECIPE, generator=RECIPE.generator + 1),
        replace(RECIPE, versions={**RECIPE.versions, "numpy": "0"}),
    ],
)
def test_a_bank_of_another_recipe_is_not_reused(tmp_path: Path, other: Recipe) -> None:
    """Seed, size, day, rules, generator or library: one difference is enough."""
    a_bank(tmp_path).seal(RECIPE)

    assert existing_bank(tmp_path, other) is None


@pytest.mark.parametrize("damage", ["cut", "gone", "manifest"])
def test_a_damaged_bank_is_not_reused(tmp_path: Path, damage: str) -> None:
    """A table cut short, a table deleted, a manifest that is no JSON."""
    a_bank(tmp_path).seal(RECIPE)
    table, manifest = tmp_path / "bank" / "customers.parquet", tmp_path / "bank" / "manifest.json"
    match damage:
        case "cut":
            table.write_bytes(table.read_bytes()[:-1])
        case "gone":
            table.unlink()
        case _:
            manifest.write_text("[1, 2")

    assert existing_bank(tmp_path, RECIPE) is None
