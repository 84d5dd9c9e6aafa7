"""What helps people who write rules, as commands."""

import json
from pathlib import Path

from typer.testing import CliRunner

from api.cli import app
from tests.unit.api.authoring.books import REFERENCE_BANK

RUN = CliRunner()


def test_schema_writes_a_schema_for_every_kind_of_file_and_prints_the_settings(tmp_path: Path) -> None:
    out = tmp_path / "schema"
    result = RUN.invoke(app, ["schema", str(REFERENCE_BANK), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert len(list(out.glob("*.schema.json"))) == 11
    block = json.loads((out / "trigger.schema.json").read_text(encoding="utf-8"))["definitions"]["block"]
    assert block["properties"]["income"]["description"].startswith("**Monthly income** (money). Private:")
    assert f'"{out}/action.schema.json": "{REFERENCE_BANK}/actions/*.yaml"' in result.output
    assert "# yaml-language-server: $schema=" in result.output


def test_paths_of_the_settings_are_relative_to_the_workspace(tmp_path: Path) -> None:
    result = RUN.invoke(app, ["schema", str(REFERENCE_BANK), "--out", str(tmp_path), "--json"])
    told = json.loads(result.output)
    assert told["errors"] == 0
    assert set(told["schemas"]) == {str(each) for each in tmp_path.glob("*.json")}


def test_rules_with_errors_still_give_schemas(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    for path in REFERENCE_BANK.rglob("*.yaml"):
        copy = rules / path.relative_to(REFERENCE_BANK)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        copy.write_text(text.replace("weight: 1.4", "weight: 14"), encoding="utf-8")
    result = RUN.invoke(app, ["schema", str(rules), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert "the rules have 1 error" in result.output
    assert (tmp_path / "out" / "theme.schema.json").exists()


def test_a_folder_without_a_catalogue_gives_no_schemas(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    result = RUN.invoke(app, ["schema", str(tmp_path / "rules"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "catalogue.yaml:1:1: the file is missing" in result.output
    assert not (tmp_path / "out").exists()
