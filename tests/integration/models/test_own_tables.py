"""From a bank's own table to a stored model and to scores, which are those of a decision."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.ports import ScorerFailed, ScoringContext
from models.artefact import Settings, read_manifest
from models.errors import ModelRefused, TrainingRefused
from models.interactions.catalogue import read_own_catalogue
from models.interactions.scoring import score_file, write_scores
from models.interactions.training import train_from_interactions
from models.interactions.view import view_of
from models.propensity import PropensityModel
from models.registry import open_registry
from models.train import TrainedModel
from tests.unit.models.tables import a_table, write_catalogue

QUICK = Settings(trees=30, rows_in_leaf=40)
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from models import artefact

folder, written = Path(sys.argv[1]), []
manifest = artefact.read_manifest(Path(sys.argv[2]))
content = {name: (Path(sys.argv[2]) / name).read_bytes() for name in manifest.sha256_by_file}
whole = artefact.write_durably

def dies(file, content):
    if written:
        file.write_bytes(content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    written.append(file)
    whole(file, content)

artefact.write_durably = dies
artefact.write_artefact(folder, replace(manifest, format=manifest.format), content)
"""
"""A training that is killed while it writes its second file."""


@dataclass(frozen=True, kw_only=True)
class Own:
    """A table, its catalogue and the model trained on both."""

    folder: Path
    catalogue: Path
    trained: TrainedModel
    model: PropensityModel

    def scores(self, frame: pl.DataFrame) -> pl.DataFrame:
        file = self.folder / "in.parquet"
        frame.write_parquet(file)
        return score_file(self.model, file).frame


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Own:
    folder = tmp_path_factory.mktemp("own")
    catalogue = write_catalogue(folder)
    a_table().write_csv(folder / "calls.csv")
    trained = train_from_interactions(folder / "calls.csv", catalogue, folder / "models", settings=QUICK)
    return Own(folder=folder, catalogue=catalogue, trained=trained, model=open_registry(folder / "models").load())


def test_a_table_and_a_catalogue_make_a_model_that_serves(own: Own) -> None:
    assert open_registry(own.folder / "models").current() == own.trained.version
    assert (own.trained.report.overall.auc or 0) > 0.7
    assert "gender" not in own.model.learned.features.names
    assert {"age", "balance", "job", "paperless"} <= set(own.model.learned.features.names)


def test_the_features_say_all_that_was_declared_and_the_schema_has_a_name(own: Own) -> None:
    features = read_manifest(own.trained.folder).learned.features
    age = next(feature for feature in features.customer if feature.fact == "age")
    assert (age.unit, age.low, age.high, age.monotone) == ("years", 18, 110, 1)
    assert features.hash == own.model.learned.features.hash


def test_a_declared_direction_holds_everywhere(own: Own) -> None:
    """Older never scores lower, whoever it is."""
    rows = a_table(60, seed=9)
    scores = np.array([own.scores(rows.with_columns(age=pl.lit(age)))["propensity"] for age in range(18, 100, 3)])
    assert (np.diff(scores, axis=0) >= 0).all()
    assert (scores[-1] > scores[0]).all()


def test_scores_of_a_table_are_those_of_a_decision(own: Own) -> None:
    """Bit for bit, by the rules' own way of reading a profile, for customers without a past."""
    rows = a_table(40, seed=11).unique("customer", maintain_order=True).drop("outcome")
    catalogue = read_own_catalogue(own.catalogue)

    plan = view_of(catalogue.schema, own.model.learned.actions, {"letter": ["anywhere"], "phone": ["anywhere"]})
    scorer = own.model.bind(plan)
    expected: list[float] = []
    for row in rows.to_dicts():
        profile = catalogue.schema.encode({name: row[name] for name in ("age", "balance", "job", "paperless")})
        channel = ["letter", "phone"].index(row["channel"])
        action = next(each.position for each in plan.actions if each.id == row["action"])
        context = ScoringContext(profile=profile, channel=channel, now=row["time"], contacts=[])
        expected += scorer.score(context, [action])
    assert own.scores(rows)["propensity"].to_list() == pytest.approx(expected, rel=1e-15)


def test_scores_stand_in_the_order_of_the_table(own: Own) -> None:
    rows = a_table(30, seed=5).drop("outcome")
    forth, back = own.scores(rows), own.scores(rows[::-1])
    assert forth["time"].to_list() == rows["time"].to_list()
    assert back["propensity"].to_list() == forth["propensity"].to_list()[::-1]


def test_a_row_scores_alone_as_among_others(own: Own) -> None:
    """Whatever channels and actions the table happens to hold."""
    rows = a_table(12, seed=8).unique("customer", maintain_order=True).drop("outcome")
    together = own.scores(rows)["propensity"].to_list()
    assert [own.scores(rows[at])["propensity"][0] for at in range(len(rows))] == together


def test_what_training_has_not_seen_is_scored_by_what_is_known(own: Own) -> None:
    rows = a_table(4, seed=6).with_columns(
        action=pl.Series(["loan", "kite", "loan", "kite"]),
        channel=pl.Series(["phone", "phone", "pigeon", "pigeon"]),
        job=pl.lit("astronaut"),
        stranger=pl.lit(1),
    )
    (own.folder / "new.csv").write_text(rows.write_csv())
    found = score_file(own.model, own.folder / "new.csv")
    assert found.frame["propensity"].is_between(0, 1).all()
    known, *others = found.frame["maturity"].to_list()
    assert others == [0, known, 0]
    assert any("`astronaut` is none of the catalogue's values" in finding for finding in found.findings)


def test_absent_facts_are_told(own: Own) -> None:
    rows = a_table(5).drop("age", "outcome")
    rows.write_parquet(own.folder / "few.parquet")
    found = score_file(own.model, own.folder / "few.parquet")
    assert any("`age`: the model reads 1 facts as missing" in finding for finding in found.findings)
    assert found.frame["propensity"].is_finite().all()


def test_scores_are_written_whole_or_not_at_all(own: Own, tmp_path: Path) -> None:
    frame = own.scores(a_table(5))
    write_scores(frame, tmp_path / "scores.csv")
    write_scores(frame, tmp_path / "scores.parquet")
    assert pl.read_parquet(tmp_path / "scores.parquet")["propensity"].to_list() == frame["propensity"].to_list()
    assert pl.read_csv(tmp_path / "scores.csv")["propensity"].to_list() == frame["propensity"].to_list()
    with pytest.raises(TrainingRefused, match="cannot be written"):
        write_scores(frame, tmp_path / "nowhere" / "scores.csv")
    with pytest.raises(TrainingRefused, match=r"must end in \.csv or \.parquet"):
        write_scores(frame, tmp_path / "scores.xlsx")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["scores.csv", "scores.parquet"]


def test_refused_training_leaves_nothing_behind(own: Own, tmp_path: Path) -> None:
    a_table(600).with_columns(outcome=pl.lit(0)).write_csv(tmp_path / "calls.csv")
    with pytest.raises(TrainingRefused):
        train_from_interactions(tmp_path / "calls.csv", own.catalogue, tmp_path / "models", settings=QUICK)
    assert not (tmp_path / "models").exists()


def test_the_same_table_gives_the_same_bytes(own: Own, tmp_path: Path) -> None:
    again = train_from_interactions(own.folder / "calls.csv", own.catalogue, tmp_path, settings=QUICK, promote=False)
    assert again.version == own.trained.version


def test_a_small_bank_trains_too(tmp_path: Path) -> None:
    """Slices grow where positive answers are few."""
    a_table(1_200, seed=4).write_csv(tmp_path / "calls.csv")
    trained = train_from_interactions(tmp_path / "calls.csv", write_catalogue(tmp_path), tmp_path / "m", settings=QUICK)
    assert trained.report.overall.positives >= 20


def test_a_model_that_kept_no_actions_says_so(own: Own) -> None:

    old = PropensityModel(replace(own.model.learned, actions=()), own.model.forest, own.model.version)
    with pytest.raises(ModelRefused, match="train it anew"):
        score_file(old, own.folder / "calls.csv")


def test_a_customer_without_what_the_trees_live_by_is_not_scored(own: Own) -> None:
    """Age, which training never missed, holds most of the gain; of somebody unknown nothing is expected."""
    schema = read_own_catalogue(own.catalogue).schema
    view = view_of(schema, own.model.learned.actions, {"phone": ["anywhere"], "letter": ["anywhere"]})
    scorer = own.model.bind(view)

    def score(**facts: object) -> Sequence[float]:
        profile = schema.encode(facts)  # type: ignore[arg-type]  # plain values
        return scorer.score(ScoringContext(profile=profile, channel=0, now=NOW, contacts=[]), [0, 1])

    known = {"balance": 1_200.0, "job": "clerk", "paperless": True}
    assert own.model.expected["age"] > 0.3
    assert len(score(age=40, **known)) == len(score(age=40)) == 2
    with pytest.raises(ScorerFailed, match=r"\d\d% of what the trees ask for is missing"):
        score(**known)
    assert len(score()) == 2


def test_a_killed_training_leaves_no_half_model(own: Own, tmp_path: Path) -> None:
    """Killed while it writes: no version is there, the current model serves on, and the next training cleans up."""
    models = tmp_path / "models"
    shutil.copytree(own.folder / "models", models)
    before = sorted(each.name for each in models.iterdir())
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(models), str(own.trained.folder)], capture_output=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    staged = [each for each in models.iterdir() if each.name not in before]
    assert [each.name[:8] for each in staged] == [".staged-"]
    registry = open_registry(models)
    assert [each.version for each in registry.models()] == [own.trained.version]
    assert registry.load().version == own.trained.version
    os.utime(staged[0], (0, 0))
    again = train_from_interactions(own.folder / "calls.csv", own.catalogue, models, settings=QUICK, promote=False)
    assert again.version == own.trained.version
    assert sorted(each.name for each in models.iterdir()) == before
