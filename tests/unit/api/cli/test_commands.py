"""Exit codes, JSON, and sentences in place of tracebacks."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from tests.builders import an_action, rule_files
from tests.unit.api.loading.small_bank import MAPPING, RULES, written

FAILING = "tests: [{name: shown, ask: {channel: web, placement: hero}, expect: {offer: isa}}]"
COMMANDS = ("demo", "serve", "worker", "load", "check", "test", "explain", "train", "evaluate", "models", "bench")


def nextbest(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The small bank's rules as files."""
    folder = tmp_path / "rules"
    for name, text in RULES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a mapping and the files that it describes."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "mapping.yaml").write_text(MAPPING)
    return written(folder, people="id,age,income\nC1,40,1200.50\n", orders="person\n")


def load(rules: Path, source: Path, *more: str) -> Result:
    data_dir = source.parent / "data"
    words = ["load", "--mapping", str(source / "mapping.yaml"), "--source", str(source), "--rules", str(rules)]
    return nextbest(*words, "--data-dir", str(data_dir), "--dry-run", *more)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_of_itself_and_has_json(command: str) -> None:
    told = nextbest(command, "--help")
    assert told.exit_code == 0
    assert "--json" in told.stdout


def test_check_of_good_rules_ends_with_0(rules: Path) -> None:
    checked = nextbest("check", str(rules))
    assert checked.exit_code == 0
    assert checked.stdout.endswith("no errors, 2 warnings\n")


def test_warnings_end_with_1_only_where_that_is_asked_for_and_none_is_accepted(rules: Path) -> None:
    assert nextbest("check", str(rules), "--strict").exit_code == 1
    for path, first in (("actions/card.yaml", "action: card"), ("customized/lost.yaml", "trigger: lost")):
        text = (rules / path).read_text()
        assert first in text
        (rules / path).write_text(text.replace(first, f"{first}  # accept untested: a small bank", 1))
    checked = nextbest("check", str(rules), "--strict")
    assert (checked.exit_code, checked.stdout) == (0, "no errors, no warnings (2 accepted)\n")
    told = json.loads(nextbest("check", str(rules), "--json").stdout)
    assert [(each["code"], each["reason"]) for each in told["accepted"]] == [("untested", "a small bank")] * 2


def test_check_names_the_place_of_every_problem_and_ends_with_1(rules: Path) -> None:
    trigger = rules / "customized" / "lost.yaml"
    trigger.write_text(trigger.read_text().replace("card_lost", "card_lots"))
    checked = nextbest("check", str(rules))
    assert checked.exit_code == 1
    assert f"{trigger}:6:18: unknown event `card_lots`; did you mean `card_lost`?" in checked.stdout
    assert checked.stdout.endswith("1 error, no warnings\n")


def test_check_tells_the_same_as_json(rules: Path) -> None:
    trigger = rules / "customized" / "lost.yaml"
    trigger.write_text(trigger.read_text().replace("card_lost", "card_lots"))
    checked = nextbest("check", str(rules), "--json")
    told = json.loads(checked.stdout)
    assert (checked.exit_code, told["errors"], told["ruleset"]) == (1, 1, None)
    assert told["diagnostics"][0] == {
        "file": str(trigger),
        "line": 6,
        "column": 18,
        "severity": "error",
        "code": "unknown_name",
        "message": "unknown event `card_lots`",
        "hint": "did you mean `card_lost`?",
    }


def test_test_names_the_expectations_that_failed(rules: Path) -> None:
    action = rules / "actions" / "card.yaml"
    action.write_text(
        action.read_text() + "tests: [{name: held, given: {holds: [card]}, ask: {channel: atm, placement: screen}, "
        "expect: {offer: card}}]\n"
    )
    (rules / "personas.yaml").write_text("personas: {typical: {consent.marketing: true}}")
    tested = nextbest("test", str(rules))
    assert tested.exit_code == 1
    assert f"  FAILED {action}:13:9: held\n    - expected: offer `card`\n    + got:      no offer\n" in tested.stdout
    assert "1 test, 1 failed\n0 of 4 cells seen both true and false" in tested.stdout


@pytest.mark.parametrize(("form", "start"), [("text", "no tests, 0 failed"), ("json", "{"), ("junit", "<?xml")])
def test_test_reports_in_the_form_that_is_asked_for(rules: Path, form: str, start: str) -> None:
    tested = nextbest("test", str(rules), "--format", form)
    assert tested.exit_code == 0
    assert tested.stdout.startswith(start)


def test_test_lists_what_no_test_has_seen(rules: Path) -> None:
    tested = nextbest("test", str(rules), "--coverage")
    assert "was never seen true or false\n" in tested.stdout


def test_tests_of_one_file_run_alone(rules: Path) -> None:
    """With the cells of that file; one without tests is a mistake."""
    shutil.rmtree(rules)
    for name, content in rule_files(
        an_action("isa", FAILING), an_action("bond", FAILING.replace("isa", "bond"))
    ).items():
        (rules / name).parent.mkdir(parents=True, exist_ok=True)
        (rules / name).write_bytes(content)
    for named in ("actions/isa.yaml", str(rules / "actions" / "isa.yaml")):
        done = nextbest("test", str(rules), "--only", named, "--json")
        told = json.loads(done.stdout)
        assert (told["tests"], told["failures"][0]["rule"], told["coverage"]["cells"]) == (1, "action/isa", 0)
    done = nextbest("test", str(rules), "--only", "actions/issa.yaml")
    assert (done.exit_code, done.stderr) == (2, f"nextbest: no tests stand in {rules}/actions/issa.yaml\n")


def test_folder_that_is_not_there_is_a_matter_of_usage() -> None:
    assert nextbest("check", "nowhere").exit_code == 2


def test_load_of_good_files_ends_with_0_and_leaves_a_report(rules: Path, source: Path) -> None:
    done = load(rules, source, "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["customers"], told["written"]) == (0, 1, False)
    assert json.loads(Path(told["report"]).read_text())["listed"] == []


def test_load_names_bad_rows_and_ends_with_1(rules: Path, source: Path) -> None:
    written(source, people="id,age,income\nC1,forty,1\nC2,40,1\n")
    done = load(rules, source)
    assert done.exit_code == 1
    assert "people.csv:2: `age` must be a number" in done.stderr
    assert done.stdout.startswith("judged 1 customers and 0 identities, 1 problems")


def test_mapping_that_does_not_fit_ends_with_1_and_its_place(rules: Path, source: Path) -> None:
    (source / "mapping.yaml").write_text(MAPPING.replace("age: age", "age: years"))
    done = load(rules, source)
    assert done.exit_code == 1
    place = f"{source / 'mapping.yaml'}:9:21"
    hint = "there are `age`, `id`, `income`"
    assert done.stderr == f"nextbest: {place}: unknown column of people.csv `years`; {hint}\n"


def test_files_without_a_single_customer_are_a_mistake(rules: Path, source: Path) -> None:
    written(source, people="id,age,income\n")
    done = load(rules, source)
    assert (done.exit_code, done.stderr) == (1, "nextbest: none of the rows makes a customer\n")


def test_worker_without_a_store_says_what_to_start(rules: Path, tmp_path: Path) -> None:
    done = nextbest("worker", "--rules", str(rules), "--data-dir", str(tmp_path))
    assert done.exit_code == 2
    assert done.stderr == f"nextbest: no store runs on {tmp_path}: start `nextbest serve --data-dir {tmp_path}` first\n"


def test_serve_with_an_external_store_needs_its_secrets(rules: Path, tmp_path: Path) -> None:
    done = nextbest(
        *("serve", "--rules", str(rules), "--data-dir", str(tmp_path), "--port", "0"),
        *("--redis-url", "redis://127.0.0.1:1", "--json"),
    )
    assert done.exit_code == 2
    assert "--secrets FILE" in json.loads(done.stdout)["error"]


def test_broken_rules_keep_serve_from_starting(rules: Path, tmp_path: Path) -> None:
    (rules / "actions" / "card.yaml").write_text("action: card\n")
    done = nextbest("serve", "--rules", str(rules), "--data-dir", str(tmp_path), "--port", "0")
    assert done.exit_code == 1
    assert f"{rules}/actions/card.yaml:1:1:" in done.stderr


def test_failing_test_keeps_serve_from_starting(rules: Path, tmp_path: Path) -> None:
    """As it keeps a reload from taking the rules up."""
    shutil.rmtree(rules)
    for name, content in rule_files(an_action("isa", FAILING)).items():
        (rules / name).parent.mkdir(parents=True, exist_ok=True)
        (rules / name).write_bytes(content)
    done = nextbest("serve", "--rules", str(rules), "--data-dir", str(tmp_path), "--port", "0")
    assert done.exit_code == 1
    assert "the test `shown` fails" in done.stderr


def test_data_folder_is_the_same_wherever_a_process_stands(
    rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative one is made absolute at the door of every command."""
    monkeypatch.chdir(tmp_path)
    done = nextbest("worker", "--rules", str(rules), "--data-dir", "here")
    assert f"no store runs on {tmp_path}/here" in done.stderr


def test_models_of_a_new_installation_are_none(tmp_path: Path) -> None:
    assert nextbest("models", "--data-dir", str(tmp_path)).stdout == "no model has been trained: the baseline scores\n"


def test_promoting_a_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = nextbest("models", "promote", "abc", "--data-dir", str(tmp_path))
    assert (done.exit_code, done.stderr) == (1, "nextbest: no models start with `abc`\n")


def test_training_without_a_bank_says_what_is_missing(rules: Path, tmp_path: Path) -> None:
    done = nextbest("train", "--rules", str(rules), "--data-dir", str(tmp_path))
    assert done.exit_code == 1
    missing = "`contacts.parquet`, `customers.parquet`, `products.parquet` are not in"
    assert done.stderr.startswith(f"nextbest: {missing} {tmp_path}/bank: training reads")
    assert "--bank" in done.stderr


def test_explain_without_an_api_says_where_it_looked() -> None:
    done = nextbest("explain", "C1", "--url", "http://127.0.0.1:1")
    assert (done.exit_code, done.stderr) == (
        2,
        "nextbest: nothing answers at http://127.0.0.1:1: start `nextbest serve`, or name another address with --url\n",
    )


def test_explain_needs_a_customer_or_a_decision() -> None:
    assert nextbest("explain").exit_code == 2
    assert nextbest("explain", "C1", "--decision", "d").exit_code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("topics=bank.events\n", "needs `bootstrap.servers`"),
        ("topics=bank.events\nbootstrap.servers=b:9092\nno.such.thing=1\n", "no.such.thing"),
        ("topics=bank.events\nbootstrap.servers=b:9092\nsession.timeout.ms=soon\n", "session.timeout.ms"),
    ],
)
def test_kafka_that_cannot_be_meant_ends_with_2_before_anything_starts(
    text: str, said: str, rules: Path, tmp_path: Path
) -> None:
    """And leaves no folder behind."""
    properties = tmp_path / "kafka.properties"
    properties.write_text(text)
    data_dir = tmp_path / "installation"
    served = nextbest("serve", "--rules", str(rules), "--data-dir", str(data_dir), "--kafka", str(properties))
    assert served.exit_code == 2
    assert said in served.stderr
    assert not data_dir.exists()


def test_load_without_its_folder_ends_with_2() -> None:
    """`load events` is told apart by its word alone."""
    loaded = nextbest("load")
    assert loaded.exit_code == 2
    assert "--source" in loaded.stderr
