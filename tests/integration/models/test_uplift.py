"""From a trial to a model that treats those whom an offer changes; a damaged one is refused."""

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from engine.facts import Natural
from engine.ports import ScoringContext
from models.artefact import Settings, read_manifest
from models.baseline import Baseline
from models.errors import ModelRefused, TrainingRefused
from models.interactions.scoring import score_file
from models.interactions.training import train_from_interactions
from models.loading import load_model
from models.registry import open_registry
from models.uplift.effects import ALL_OFFERS, CANARIES
from models.uplift.estimating import Estimated, estimate
from models.uplift.judging import Verdict
from models.uplift.trials import read_trials
from models.verify import verify_here
from tests.integration.models.conftest import Installation
from tests.unit.models.tables import a_table, write_catalogue
from tests.unit.models.trials import a_trial

NOW = datetime(2026, 9, 7, 12, tzinfo=UTC)
FACTS: dict[str, Natural] = {"income.monthly": 2_500, "statement.paperless": True, "employment": "employed"}


@pytest.fixture(scope="module")
def learned(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Estimated]:
    """The nutshell bank's models with what four trials said: an offer for the young, a sure thing, an offer as it
    seems, and offers that the affluent dislike."""
    folder = tmp_path_factory.mktemp("uplift")
    shutil.copytree(installation.models_dir, folder / "models")
    table = pl.concat(
        [
            a_trial("car_loan", adds=0.03, only_young=True, promised=0.04, seed=1),
            a_trial("home_insurance", adds=0.0, anyway=0.06, promised=0.06, seed=2),
            a_trial("isa", adds=0.04, anyway=0.005, promised=0.04, seed=3),
            a_trial(ALL_OFFERS, adds=0.10, anyway=0.20, taken_from_affluent=0.15, seed=4),
        ]
    )
    table.write_parquet(folder / "trial.parquet")
    read = read_trials(folder / "trial.parquet", installation.model.learned.features)
    found = estimate(folder / "models", installation.trained.version, read.trials)
    return folder / "models", found


def test_trials_teach_whom_an_offer_changes_and_what_is_bought_anyway(learned: tuple[Path, Estimated]) -> None:
    by_action = {each.action: each for each in learned[1].judged}
    assert by_action["home_insurance"].verdict is Verdict.ANYWAY
    assert by_action["isa"].verdict is Verdict.ADDS
    effects = {effect.action: effect for effect in learned[1].effects}
    assert set(effects) == {"car_loan", "home_insurance", ALL_OFFERS}
    assert effects["car_loan"].trees is not None
    assert effects["home_insurance"].share is not None
    assert effects[ALL_OFFERS].trees is not None


def scores(
    installation: Installation, models_dir: Path, version: str, *, age: int, segment: str = "mass"
) -> dict[str, float]:
    """What every action scores on the branch card, for a customer of such an age and segment."""
    plan = installation.plan
    profile = plan.profile_schema.encode({**FACTS, "age": age, "segments": [segment]})
    scorer = load_model(models_dir / version).bind(plan)
    context = ScoringContext(profile=profile, channel=2, now=NOW, contacts=())
    found = scorer.score(context, range(len(plan.actions)))
    return {str(action.id): score for action, score in zip(plan.actions, found, strict=True)}


def test_a_model_serves_effects_where_they_are_sure_and_propensities_elsewhere(
    installation: Installation, learned: tuple[Path, Estimated]
) -> None:
    models_dir, found = learned
    assert found.version is not None
    before, after = installation.trained.version, found.version
    share = read_manifest(models_dir / after).learned.share_of("home_insurance")
    assert 0.0 < share < 0.5
    for age in (25, 60):
        plain = scores(installation, models_dir, before, age=age)
        corrected = scores(installation, models_dir, after, age=age)
        assert corrected["isa"] == plain["isa"]
        assert corrected["home_insurance"] == pytest.approx(plain["home_insurance"] * share)
        assert corrected["car_loan"] <= plain["car_loan"]
    young = scores(installation, models_dir, after, age=25)["car_loan"]
    assert young > 3 * scores(installation, models_dir, after, age=60)["car_loan"]


def test_nothing_is_offered_to_whom_offers_drive_away(
    installation: Installation, learned: tuple[Path, Estimated]
) -> None:
    models_dir, found = learned
    assert found.version is not None
    assert set(scores(installation, models_dir, found.version, age=60, segment="affluent").values()) == {0.0}
    assert min(scores(installation, models_dir, found.version, age=25, segment="mass").values()) > 0.0


def test_a_table_is_scored_as_decisions_are(
    installation: Installation, learned: tuple[Path, Estimated], tmp_path: Path
) -> None:
    """Trees of one action, a share, and whom all offers drive away."""
    models_dir, found = learned
    assert found.version is not None
    people = [(25, "mass"), (60, "mass"), (60, "affluent")]
    asked = [(age, segment, action) for age, segment in people for action in ("car_loan", "home_insurance", "isa")]
    pl.DataFrame(
        {
            "customer": [f"C{number}" for number in range(len(asked))],
            "time": [NOW] * len(asked),
            "action": [action for _, _, action in asked],
            "channel": ["branch"] * len(asked),
            "age": [age for age, _, _ in asked],
            "segments": [[segment] for _, segment, _ in asked],
            **{name: [value] * len(asked) for name, value in FACTS.items()},
        }
    ).write_parquet(tmp_path / "rows.parquet")
    scored = score_file(load_model(models_dir / found.version), tmp_path / "rows.parquet").frame
    expected = [
        scores(installation, models_dir, found.version, age=age, segment=segment)[action]
        for age, segment, action in asked
    ]
    assert scored["propensity"].to_list() == pytest.approx(expected, rel=1e-9)


def test_the_baseline_behind_such_a_model_keeps_the_shares(
    installation: Installation, learned: tuple[Path, Estimated]
) -> None:
    models_dir, found = learned
    assert found.version is not None
    with_effects = read_manifest(models_dir / found.version).learned
    plan = installation.plan
    position = next(action.position for action in plan.actions if action.id == "home_insurance")
    context = ScoringContext(profile=plan.profile_schema.empty(), channel=2, now=NOW, contacts=())
    plain = Baseline(plan, installation.model.learned).score(context, [position])[0]
    assert Baseline(plan, with_effects).score(context, [position])[0] == pytest.approx(
        plain * with_effects.share_of("home_insurance")
    )


def test_the_model_verifies_does_not_serve_by_itself_and_can_be_promoted(learned: tuple[Path, Estimated]) -> None:
    models_dir, found = learned
    assert found.version is not None
    registry = open_registry(models_dir)
    assert registry.current() != found.version
    registry.promote(found.version, who="test", why="its trials")
    assert registry.current() == found.version
    registry.rollback(who="test", why="the other tests")


@pytest.mark.parametrize("file", ["uplift-car_loan.txt", CANARIES])
def test_damaged_effect_trees_are_refused(learned: tuple[Path, Estimated], tmp_path: Path, file: str) -> None:
    models_dir, found = learned
    assert found.version is not None
    folder = tmp_path / found.version
    shutil.copytree(models_dir / found.version, folder)
    (folder / file).chmod(0o644)
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[:-200])
    with pytest.raises(ModelRefused, match=f"`{file}` is not the one that was written"):
        load_model(folder)
    (folder / file).unlink()
    with pytest.raises(ModelRefused, match=f"`{file}` is not there"):
        verify_here(folder)


def test_the_same_trials_teach_the_same(installation: Installation, learned: tuple[Path, Estimated]) -> None:
    """To the byte: the version is a hash of all of it."""
    models_dir, found = learned
    read = read_trials(models_dir.parent / "trial.parquet", installation.model.learned.features)
    assert estimate(models_dir, installation.trained.version, read.trials).version == found.version


def test_where_nothing_is_sure_the_model_stays(installation: Installation, tmp_path: Path) -> None:
    a_trial("isa", rows=3_000, adds=0.04, anyway=0.005, promised=0.04).write_parquet(tmp_path / "trial.parquet")
    read = read_trials(tmp_path / "trial.parquet", installation.model.learned.features)
    found = estimate(installation.models_dir, installation.trained.version, read.trials, grow=False)
    assert (found.version, found.effects) == (None, ())


def test_without_econml_a_sentence_says_how_to_get_it(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "econml.dr", None)
    a_trial("isa", promised=0.04).write_parquet(tmp_path / "trial.parquet")
    read = read_trials(tmp_path / "trial.parquet", installation.model.learned.features)
    with pytest.raises(TrainingRefused, match="effect trees need econml: install nextbest with the extra `uplift`"):
        estimate(installation.models_dir, installation.trained.version, read.trials)


def test_a_table_in_which_nobody_went_without_says_that_nothing_can_be_compared(
    installation: Installation, tmp_path: Path
) -> None:
    a_trial("isa", rows=200).with_columns(withheld=pl.lit(value=False)).write_parquet(tmp_path / "trial.parquet")
    read = read_trials(tmp_path / "trial.parquet", installation.model.learned.features)
    with pytest.raises(TrainingRefused, match="no action of the table was both shown and withheld"):
        estimate(installation.models_dir, installation.trained.version, read.trials)


def test_what_was_withheld_is_no_contact_to_a_model_that_learns(tmp_path: Path) -> None:
    """Rows of a trial that were withheld are left out, whatever they say."""
    catalogue = write_catalogue(tmp_path)
    shown = a_table(3_000)
    ghosts = a_table(900, seed=8).with_columns(outcome=pl.lit(1, dtype=pl.Int64))
    flagged = [shown.with_columns(withheld=pl.lit("no")), ghosts.with_columns(withheld=pl.lit("yes"))]
    shown.write_parquet(tmp_path / "shown.parquet")
    pl.concat(flagged).write_parquet(tmp_path / "all.parquet")
    settings = Settings(trees=5, rows_in_leaf=40)
    made = [
        train_from_interactions(tmp_path / name, catalogue, tmp_path / "models", settings=settings, promote=False)
        for name in ("shown.parquet", "all.parquet")
    ]
    assert made[0].version == made[1].version
    assert np.isfinite(made[0].report.overall.auc or np.nan)


def told(models_dir: Path, file: Path, *arguments: str) -> Result:
    given = ["--data-dir", str(models_dir.parent), "--trials", str(file), *arguments]
    return CliRunner().invoke(app, ["models", "uplift", *given])


def test_the_command_tells_what_offers_change_and_what_the_model_learned(
    installation: Installation, learned: tuple[Path, Estimated]
) -> None:
    """The version that it stores is the one that was stored already: the same trials, the same model."""
    models_dir, found = learned
    done = told(models_dir, models_dir.parent / "trial.parquet")
    assert done.exit_code == 0, done.output
    assert found.version is not None
    lines = done.output.splitlines()
    assert "home_insurance: customers buy it anyway" in lines
    assert "isa: the offer adds conversions: its propensity serves" in lines
    assert any(line.startswith("  segments affluent: ") and line.endswith("takes conversions there") for line in lines)
    assert lines[-1].endswith(f"it serves after: nextbest models promote {found.version[:12]}")
    assert open_registry(models_dir).current() == installation.trained.version


def test_the_list_of_models_says_which_trials_corrected_one(learned: tuple[Path, Estimated]) -> None:
    done = CliRunner().invoke(app, ["models", "list", "--data-dir", str(learned[0].parent)])
    corrected = [line for line in done.output.splitlines() if "corrected by trials of" in line]
    assert len(corrected) == 1
    assert {"car_loan", "home_insurance", ALL_OFFERS} <= set(corrected[0].replace(",", "").split())


def test_the_command_answers_as_json_too(learned: tuple[Path, Estimated], tmp_path: Path) -> None:
    a_trial("isa", rows=3_000, adds=0.04, anyway=0.005).write_parquet(tmp_path / "trial.parquet")
    body = json.loads(told(learned[0], tmp_path / "trial.parquet", "--no-trees", "--json").stdout)
    assert (body["version"], body["effects"]) == (None, [])
    assert body["judged"][0]["action"] == "isa"
    effect = body["judged"][0]["effect"]
    assert 0.0 < effect["low"] < effect["value"] < effect["high"] < 0.1


def test_the_command_says_in_a_sentence_what_is_wrong(learned: tuple[Path, Estimated], tmp_path: Path) -> None:
    a_trial("isa", rows=50).drop("withheld").write_parquet(tmp_path / "trial.parquet")
    done = told(learned[0], tmp_path / "trial.parquet")
    assert done.exit_code != 0
    assert "has no column `withheld`" in done.output
