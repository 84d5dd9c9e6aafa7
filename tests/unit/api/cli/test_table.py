"""`nextbest table`: exit codes, the plan, and what is written only when somebody agreed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from tests.unit.api.sheets.workbooks import FILES, delete, edited, write


def nextbest(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """The exported workbook with one edit and one rule gone."""
    path = tmp_path / "edited.xlsx"
    path.write_bytes(edited(write("Actions", "card", "value", 12), delete("Triggers", "lost")))
    return path


def test_export_writes_a_workbook_and_never_over_one_that_is_there(rules: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.xlsx"
    first = nextbest("table", "export", str(rules), str(target))
    assert (first.exit_code, first.stdout.startswith(f"{target}: {len(FILES)} files, ")) == (0, True)
    second = nextbest("table", "export", str(rules), str(target))
    assert (second.exit_code, "add --force" in second.stderr) == (2, True)
    assert nextbest("table", "export", str(rules), str(target), "--force").exit_code == 0


def test_export_of_files_that_cannot_be_read_names_the_place(rules: Path, tmp_path: Path) -> None:
    (rules / "actions" / "card.yaml").write_text("action: [card\n")
    done = nextbest("table", "export", str(rules), str(tmp_path / "out.xlsx"))
    assert (done.exit_code, done.stderr.startswith("actions/card.yaml:1:9: ")) == (1, True)


def test_export_goes_to_xlsx_alone(rules: Path, tmp_path: Path) -> None:
    done = nextbest("table", "export", str(rules), str(tmp_path / "out.xls"))
    assert (done.exit_code, done.stderr) == (2, f"nextbest: {tmp_path / 'out.xls'} must end in .xlsx\n")


def test_dry_run_tells_the_plan_and_writes_nothing(rules: Path, workbook: Path) -> None:
    done = nextbest("table", "import", str(workbook), str(rules), "--dry-run")
    assert done.exit_code == 0
    assert done.stdout == (
        "note: `version` is as it was in actions/card.yaml\n"
        "removed  Triggers lost  (customized/lost.yaml)\n"
        "changed  Actions card  (actions/card.yaml, Actions!2)\n"
        "           Actions!I2  value: 10 -> 12\n"
        "1 changed, 0 added, 1 removed; 2 files to write\n"
        "nothing was written\n"
    )
    assert (rules / "customized" / "lost.yaml").exists()


def test_nothing_is_written_unless_somebody_agrees(rules: Path, workbook: Path) -> None:
    done = nextbest("table", "import", str(workbook), str(rules))
    assert (done.exit_code, "add --yes" in done.stderr) == (1, True)
    assert (rules / "customized" / "lost.yaml").exists()


def test_yes_writes_what_was_told(rules: Path, workbook: Path) -> None:
    done = nextbest("table", "import", str(workbook), str(rules), "--yes", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["written"], told["changed"], told["added"], told["removed"]) == (0, True, 1, 0, 1)
    assert told["changes"][1]["cells"] == [{"cell": "Actions!I2", "column": "value", "from": "10", "to": "12"}]
    assert b"value: 12\n" in (rules / "actions" / "card.yaml").read_bytes()
    assert not (rules / "customized" / "lost.yaml").exists()


def test_wrong_cell_ends_with_1_and_leaves_the_folder(rules: Path, tmp_path: Path) -> None:
    path = tmp_path / "wrong.xlsx"
    path.write_bytes(edited(write("Actions", "card", "tier", "offfer")))
    done = nextbest("table", "import", str(path), str(rules), "--yes")
    assert done.exit_code == 1
    assert done.stderr == (
        "Actions!G2: `tier` must be one of must, service, offer; did you mean `offer`? (actions/card.yaml:8:7)\n"
        "nothing was written: 1 error\n"
    )
    assert (rules / "actions" / "card.yaml").read_bytes() == FILES["actions/card.yaml"]


def test_wrong_cell_as_json(rules: Path, tmp_path: Path) -> None:
    path = tmp_path / "wrong.xlsx"
    path.write_bytes(edited(write("Actions", "card", "tier", "offfer")))
    told = json.loads(nextbest("table", "import", str(path), str(rules), "--yes", "--json").stdout)
    assert told == {
        "written": False,
        "problems": [
            {
                "place": "Actions!G2",
                "file": "actions/card.yaml:8:7",
                "severity": "error",
                "message": "`tier` must be one of must, service, offer",
                "hint": "did you mean `offer`?",
            }
        ],
    }


def test_workbook_that_is_not_there_is_a_matter_of_usage(rules: Path, tmp_path: Path) -> None:
    done = nextbest("table", "import", str(tmp_path / "no.xlsx"), str(rules))
    assert (done.exit_code, done.stderr) == (2, f"nextbest: there is no workbook {tmp_path / 'no.xlsx'}\n")


@pytest.mark.parametrize("command", ["export", "import"])
def test_both_commands_tell_of_themselves_and_have_json(command: str) -> None:
    told = nextbest("table", command, "--help")
    assert told.exit_code == 0
    assert "--json" in told.stdout
