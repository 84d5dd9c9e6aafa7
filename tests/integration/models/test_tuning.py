"""Tuning: bounded, the same for the same seed, told in the manifest, and never worse than the usual settings."""

import sys
from pathlib import Path

import pytest

from models.artefact import Settings, read_manifest
from models.errors import TrainingRefused
from models.interactions.training import train_from_interactions
from models.train import TrainedModel
from tests.unit.models.tables import a_table, write_catalogue

WEAK = Settings(trees=15, leaves=7, rows_in_leaf=400, learning_rate=0.001)


def tuned(folder: Path, trials: int) -> TrainedModel:
    a_table(2_500).write_csv(folder / "calls.csv")
    return train_from_interactions(
        folder / "calls.csv", write_catalogue(folder), folder / "models", settings=WEAK, trials=trials, promote=False
    )


def test_trials_are_told_and_the_best_one_is_used(tmp_path: Path) -> None:
    made = tuned(tmp_path, 4)
    training = read_manifest(made.folder).training
    assert [len(training.tried), training.tried[0].settings] == [4, WEAK]
    best = min(training.tried, key=lambda trial: trial.log_loss)
    assert best.log_loss < training.tried[0].log_loss
    assert training.settings == best.settings
    assert made.findings[0].startswith("tuning: the best of 4 settings has log loss ")
    assert tuned(tmp_path, 4).version == made.version


def test_one_trial_is_the_usual_settings(tmp_path: Path) -> None:
    made = tuned(tmp_path, 1)
    assert made.training.settings == WEAK
    assert made.findings[0].startswith("tuning: none of 1 settings did better")


def test_a_number_of_trials_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingRefused, match="tuning takes 1 to 200 trials, not 201"):
        tuned(tmp_path, 201)
    assert not (tmp_path / "models").exists()


def test_without_optuna_a_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(TrainingRefused, match="install nextbest with the extra `training`"):
        tuned(tmp_path, 2)
