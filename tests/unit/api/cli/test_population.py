"""`nextbest why-never`, over the files of a small bank."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from tests.builders import an_action, rule_files
from tests.unit.api.authoring.books import REFERENCE_BANK

_NOBODY_KNOWS: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(("income", "spend", "savings", "trend"), pl.Float64),
    **dict.fromkeys(("housing", "nickname", "gender"), pl.String),
    "paperless": pl.Boolean,
    "hobbies": pl.List(pl.String),
    "renews_on": pl.Date,
    "last_login": pl.Datetime("us", "UTC"),
}


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    """Four customers of the reference bank: a minor, one without consent, one of unknown age, one who may be asked."""
    channels = ["atm", "web", "branch", "phone"]
    file = tmp_path / "people.parquet"
    pl.DataFrame(
        {
            "customer_id": ["C1", "C2", "C3", "C4"],
            "age": [12, 40, None, 40],
            "flagged": [False, False, False, False],
            "segments": [["mass"]] * 4,
            "groups": [[]] * 4,
            "consent.marketing": [channels, [], channels, channels],
            "consent.profiling_objection": [False] * 4,
            **{name: [None] * 4 for name in _NOBODY_KNOWS},
        },
        schema_overrides={"groups": pl.List(pl.String), **_NOBODY_KNOWS},
    ).write_parquet(file)
    return file


def _why_never(*words: str) -> Result:
    return CliRunner().invoke(app, ["why-never", *words, "--rules", str(REFERENCE_BANK)])


def test_counts_stand_stage_by_stage_with_file_and_line(customers: Path) -> None:
    result = _why_never("contact_details", "--population", str(customers), "--channel", "branch")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "contact_details: 4 customers, 1 question each"
    assert lines[3].split() == ["branch", "customer_at_counter", "4", "2", "50.0%", "2"]
    place = f"{REFERENCE_BANK / 'policy' / 'guards.yaml'}:7:5"
    assert lines[6].split() == f"2 1 2 guard Under 18, or age unknown `age: under 18` {place}".split()
    assert lines[-2:] == [
        "comes to the ranking 2 times of 4 (50.0%)",
        "chosen 2 times, were every propensity the same",
    ]


def test_a_history_that_nobody_handed_over_is_unknown(customers: Path) -> None:
    told = json.loads(_why_never("mortgage", "--population", str(customers), "--channel", "web", "--json").output)
    steps = {step["title"]: (step["ends"], step["unknown"]) for step in told["total"]["steps"]}
    assert steps == {
        "No marketing consent for this channel": (1, 0),
        "Under 18, or age unknown": (2, 1),
        "Two complaints in a year": (1, 1),
    }


def test_json_tells_every_channel_and_moment(customers: Path) -> None:
    told = json.loads(_why_never("mortgage", "--population", str(customers), "--json").output)
    assert (told["customers"], told["unreadable"]) == (4, 0)
    assert told["total"]["asked"] == sum(each["asked"] for each in told["questions"]) == 16
    for each in told["questions"]:
        assert sum(step["ends"] for step in each["steps"]) + each["ranked"] == each["asked"]
        assert [step["go_on"] for step in each["steps"]][-1] == each["ranked"]
    assert {(each["channel"], each["moment"]) for each in told["questions"]} >= {("atm", "card_inserted")}


def test_only_so_many_customers_are_seen(customers: Path) -> None:
    told = json.loads(_why_never("mortgage", "--population", str(customers), "--customers", "2", "--json").output)
    assert told["customers"] == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["mortgag"], "there is no action `mortgag`; did you mean `mortgage`?"),
        (["mortgage", "--channel", "tv"], "there is no channel `tv`; there are atm, web, branch, phone"),
        (["mortgage", "--moment", "noon"], "there is no moment `noon`; there are card_inserted"),
        (["mortgage", "--population", "/nowhere/at/all"], "there are no files at /nowhere/at/all"),
        (["mortgage", "--data-dir", "/nowhere/at/all"], "no store runs on /nowhere/at/all"),
    ],
)
def test_what_cannot_be_counted_is_said(words: list[str], sentence: str) -> None:
    result = _why_never(*words)
    assert result.exit_code == 2
    assert sentence in result.output


# --- whom actions should win, when rules are checked -----------------------------------------------------------------


def _checked(tmp_path: Path, age: int, *words: str) -> Result:
    """`nextbest check` of two actions, on a population of one age: the poor one is for people under 30."""
    catalogue = (
        "attributes: {age: {type: integer, unit: years}}\n"
        "groups: [staff]\nsegments: [mass]\npurposes: [marketing]\npositives: {web: click}\n"
    )
    channels = (
        "channels:\n  web:\n    moments: {session_started: {initiated_by: customer}}\n"
        "    placements: {hero: {fallback: {id: hello, headline: Hello}}}\n"
    )
    rich = an_action("rich", value="1_000", places=["web.*"])
    poor = an_action("poor", "eligible: {when: {age: under 30}}", value=1, places=["web.*"])
    for name, content in rule_files({"catalogue.yaml": catalogue, "channels.yaml": channels}, rich, poor).items():
        (tmp_path / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules" / name).write_bytes(content)
    people = {"customer_id": [f"C{at}" for at in range(30)], "age": [age] * 30}
    consents = {"consent.marketing": [["web"]] * 30, "consent.profiling_objection": [False] * 30}
    sets = {"segments": [["mass"]] * 30, "groups": [["staff"]] * 30}
    pl.DataFrame({**people, **sets, **consents}).write_parquet(tmp_path / "people.parquet")
    given = ["--population", str(tmp_path / "people.parquet"), *words]
    return CliRunner().invoke(app, ["check", str(tmp_path / "rules"), *given])


def test_who_never_wins_is_counted_on_the_population_that_is_given(tmp_path: Path) -> None:
    """An action for the young alone is no candidate among the old."""
    young, old = _checked(tmp_path, 25).output, _checked(tmp_path, 50).output
    assert "`poor` was a candidate 30 times on the reference population and never won" in young
    assert "never won" not in old


def test_few_of_a_population_may_do(tmp_path: Path) -> None:
    """Too few to say anything of an action, here."""
    assert "never won" not in _checked(tmp_path, 25, "--customers", "10").output


def test_population_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Before anything is counted."""
    result = CliRunner().invoke(app, ["check", str(REFERENCE_BANK), "--population", str(tmp_path / "nobody")])
    assert (result.exit_code, "there are no files at" in result.output) == (2, True)
