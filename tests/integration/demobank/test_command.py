"""The command line: exit codes, summaries, reuse, and the same bytes for the same request."""

import json
from pathlib import Path

from tests.integration.demobank.conftest import AS_OF, MadeBank, run

SMALL = ("--customers", "150", "--seed", "11", "--as-of", "2024-02-29")


def hashes(data_dir: Path) -> dict[str, str]:
    manifest = json.loads((data_dir / "bank" / "manifest.json").read_text())
    return {name: file["sha256"] for name, file in manifest["files"].items()}


def test_the_summary_tells_what_was_made(bank: MadeBank) -> None:
    """Standard output is JSON and nothing else."""
    files = bank.summary["files"]

    assert isinstance(files, dict)
    assert {key: bank.summary[key] for key in ("customers", "seed", "as_of", "reused")} == {
        "customers": 20_000,
        "seed": 7,
        "as_of": AS_OF,
        "reused": False,
    }
    assert files["bank/customers.parquet"]["rows"] == 20_000


def test_an_equal_bank_is_reused_and_the_same_request_gives_the_same_bytes(tmp_path: Path) -> None:
    """Without --json a line for each file; with it, JSON; forced, everything again."""
    first = run("--data-dir", str(tmp_path), *SMALL)
    made = hashes(tmp_path)
    again = run("--data-dir", str(tmp_path), *SMALL, "--json")
    forced = run("--data-dir", str(tmp_path), *SMALL, "--json", "--force")

    assert first.stdout.startswith("demonstration bank of 150 customers made in")
    assert len(first.stdout.splitlines()) == 1 + len(made) == 13
    assert [json.loads(done.stdout)["reused"] for done in (again, forced)] == [True, False]
    assert hashes(tmp_path) == made


def test_a_bank_of_one_customer_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """Exit code 2, nothing on standard output, nothing written."""
    done = run("--data-dir", str(tmp_path / "data"), "--customers", "1", "--json")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "demobank: the demonstration bank has from 10 to 1,000,000 customers, so 1 cannot be made\n"
    assert not (tmp_path / "data").exists()


def test_rules_without_offers_are_refused_with_a_sentence(tmp_path: Path) -> None:
    """The folder is named."""
    rules = tmp_path / "rules"
    (rules / "actions").mkdir(parents=True)
    for name in ("catalogue.yaml", "channels.yaml"):
        (rules / name).write_bytes((Path(__file__).parents[3] / "rules" / name).read_bytes())

    done = run("--rules", str(rules), "--data-dir", str(tmp_path / "data"))

    assert done.returncode == 2
    assert "holds 0 offers" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """Here a file stands where the folder should be."""
    (tmp_path / "data").write_text("")

    done = run("--data-dir", str(tmp_path / "data"), *SMALL)

    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_an_unknown_option_is_a_usage_error() -> None:
    """As everywhere."""
    assert run("--customers", "many").returncode == 2
