"""`nextbest bundle` and `nextbest check --against`: what is built, what it says of itself, what may follow it."""

import json
import shutil
from pathlib import Path

import pytest

from tests.unit.api.cli.test_commands import nextbest
from tests.unit.api.loading.small_bank import RULES

CHANGED, RAISED = ("value: 10", "value: 12"), ("version: 1", "version: 2")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The small bank's rules as files."""
    folder = tmp_path / "rules"
    for name, text in RULES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def built(rules: Path, tmp_path: Path) -> Path:
    """A bundle built of them."""
    out = tmp_path / "small.nextbest"
    assert nextbest("bundle", "build", str(rules), "--out", str(out)).exit_code == 0
    return out


def changed(rules: Path, *pairs: tuple[str, str]) -> Path:
    """A copy of the rules with words of the first action replaced."""
    other = rules.with_name("other")
    shutil.copytree(rules, other)
    action = min((other / "actions").iterdir())
    text = action.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    action.write_text(text)
    return other


def test_built_bundle_is_the_folder_by_another_name(rules: Path, built: Path) -> None:
    told = [json.loads(nextbest("bundle", "inspect", str(each), "--json").stdout) for each in (rules, built)]
    assert told[0] == told[1]
    assert told[0]["ruleset"].startswith("sha256:")
    assert nextbest("check", str(built)).exit_code == 0


def test_bundle_with_a_model_has_another_hash(rules: Path, built: Path, tmp_path: Path) -> None:
    version = "3f" * 32
    (rules / "MODEL").write_text(version)
    out = tmp_path / "pinned.nextbest"
    pinned = json.loads(nextbest("bundle", "build", str(rules), "--out", str(out), "--json").stdout)
    assert pinned["model"] == version
    assert nextbest("bundle", "diff", str(built), str(out)).stdout.splitlines()[2:] == [
        "model: whichever model is current -> model 3f3f3f3f3f3f",
        "added    MODEL",
    ]


def test_nothing_is_built_of_rules_that_are_wrong(rules: Path, tmp_path: Path) -> None:
    action = min((rules / "actions").iterdir())
    action.write_text(action.read_text() + "colour: blue\n")
    out = tmp_path / "wrong.nextbest"
    refused = nextbest("bundle", "build", str(rules), "--out", str(out))
    assert refused.exit_code == 1
    assert "unknown key" in refused.stderr
    assert not out.exists()


def test_nothing_is_built_for_a_model_that_is_not_there(rules: Path, tmp_path: Path) -> None:
    out, data = str(tmp_path / "x"), str(tmp_path)
    refused = nextbest("bundle", "build", str(rules), "--out", out, "--model", "current", "--data-dir", data)
    assert (refused.exit_code, refused.stderr) == (
        2,
        f"nextbest: no model is current in {data}: name the installation's folder with --data-dir, train or promote "
        "a model, or build without --model\n",
    )


def test_changed_rule_has_to_raise_its_version(rules: Path, built: Path) -> None:
    other = changed(rules, CHANGED)
    refused = nextbest("check", str(other), "--against", str(built))
    assert refused.exit_code == 1
    assert "serves with other content; write `version: 2`" in refused.stdout
    assert nextbest("bundle", "diff", str(built), str(other)).exit_code == 1
    shutil.rmtree(other)
    raised = changed(rules, CHANGED, RAISED)
    assert nextbest("check", str(raised), "--against", str(built)).exit_code == 0
    compared = nextbest("bundle", "diff", str(built), str(raised), "--json")
    assert compared.exit_code == 0
    assert list(json.loads(compared.stdout)["rules"].values()) == [{"from": 1, "to": 2}]


def test_diff_names_rules_and_what_they_say_otherwise(rules: Path, built: Path) -> None:
    """A comment changes a file and no rule."""
    other = changed(rules, CHANGED, RAISED)
    trigger = other / "customized" / "lost.yaml"
    trigger.write_text("# why: it was asked for\n" + trigger.read_text())
    (other / "policy" / "contact.yaml").write_text("caps: []\n")
    compared = nextbest("bundle", "diff", str(built), str(other))
    assert [line for line in compared.stdout.splitlines() if line.startswith("changed")] == [
        "changed  actions/card.yaml (action/card): version, value",
        "changed  customized/lost.yaml (trigger/lost): comments or order alone",
        "changed  policy/contact.yaml: caps, cooling_off",
    ]
    told = json.loads(nextbest("bundle", "diff", str(built), str(other), "--json").stdout)
    assert told["changes"]["actions/card.yaml"] == ["version", "value"]


def test_damaged_bundle_is_told_in_a_sentence(built: Path) -> None:
    built.write_bytes(built.read_bytes()[:-30])
    refused = nextbest("bundle", "inspect", str(built))
    assert refused.exit_code == 1
    assert refused.stderr.endswith("is damaged: its files are not those that its hash names\n")
