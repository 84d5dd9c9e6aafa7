"""Chooses settings of the trees by optuna: a fixed number of trials, drawn by the seed, judged on later contacts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.arrays import Floats
from models.artefact import Settings, Trial
from models.errors import TrainingRefused
from models.exposure import Exposure
from models.history import DAY_S
from models.rows import TrainingRows

if TYPE_CHECKING:
    from optuna import Trial as Draw

MOST_TRIALS: Final = 200
_FOLDS: Final = ((0.6, 0.8), (0.8, 1.0))
"""Of the train slice in order of time: trees grow on what comes before the first share, and are judged up to the
second."""
_HALF_LIVES: Final = (0.0, 30.0, 90.0, 180.0, 365.0)
"""In days; 0 weighs all rows alike."""
_WORTH_IT: Final = 1e-6
"""Settings are adopted that lower the log loss by more."""
Scores = Callable[[TrainingRows], Floats]
"""Raw scores of rows."""
Grow = Callable[[TrainingRows, Settings], Scores]
"""Grows trees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """The settings that did best, and everything that was tried; the first trial is what was given."""

    settings: Settings
    trials: tuple[Trial, ...]


def tune(
    train: TrainingRows,
    settings: Settings,
    trials: int,
    *,
    grow: Grow,
    exposure: Exposure,
    priors: Floats,
) -> Tuned:
    """Try so many settings on the train slice alone.

    Raises:
        TrainingRefused: optuna is not there, or the number is out of its bounds.
    """
    try:
        import optuna  # noqa: PLC0415 - an extra, and needed here alone
    except ImportError as error:
        raise TrainingRefused("tuning needs optuna: install nextbest with the extra `training`") from error
    if not 1 <= trials <= MOST_TRIALS:
        raise TrainingRefused(f"tuning takes 1 to {MOST_TRIALS} trials, not {trials}")
    folds = [_fold(train, share, end, settings) for share, end in _FOLDS]
    if any(not len(part) or not part.outcomes.positive.any() for fold in folds for part in fold):
        raise TrainingRefused("the history is too short for tuning: a part of it holds no positive answer")
    tried: list[Trial] = []

    def loss(trial: "Draw") -> float:
        chosen = settings if not tried else _drawn(trial, settings)
        found = float(np.mean([_loss(grow(past, chosen), later, exposure, priors) for past, later in folds]))
        tried.append(Trial(settings=chosen, log_loss=round(found, 6)))
        return found

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=settings.seed))
    study.optimize(loss, n_trials=trials, n_jobs=1)
    best = min(tried, key=lambda trial: trial.log_loss)
    adopted = best if best.log_loss < tried[0].log_loss - _WORTH_IT else tried[0]
    return Tuned(settings=adopted.settings, trials=tuple(tried))


def _drawn(trial: "Draw", settings: Settings) -> Settings:
    half_life = trial.suggest_categorical("half_life_days", _HALF_LIVES)
    return replace(
        settings,
        learning_rate=round(trial.suggest_float("learning_rate", 0.02, 0.3, log=True), 4),
        leaves=trial.suggest_categorical("leaves", (15, 31, 63)),
        rows_in_leaf=trial.suggest_int("rows_in_leaf", 20, 400, log=True),
        l2=round(trial.suggest_float("l2", 1.0, 100.0, log=True), 2),
        feature_share=round(trial.suggest_float("feature_share", 0.3, 1.0), 2),
        half_life_days=half_life or None,
    )


def _fold(train: TrainingRows, share: float, end: float, settings: Settings) -> tuple[TrainingRows, TrainingRows]:
    """What trees grow on and, after a gap as long as answers take, what they are judged on."""
    at_s = train.outcomes.at_s
    cut_s, end_s = (at_s[min(len(at_s) - 1, int(part * len(at_s)))] for part in (share, end))
    gap_s = round(settings.positive_days * DAY_S)
    return train.take(at_s < cut_s - gap_s), train.take((at_s >= cut_s) & (at_s <= end_s))


def _loss(scores: Scores, later: TrainingRows, exposure: Exposure, priors: Floats) -> float:
    """Mean negative log likelihood of the contacts that rows stand for."""
    shown = later.outcomes
    logit = scores(later) + priors[shown.channel, shown.action] + exposure.offsets_of(shown)
    misfit = np.logaddexp(0.0, logit) - shown.positive * logit
    return float(later.weight @ misfit / later.weight.sum())


def told(trials: Sequence[Trial]) -> str:
    """A sentence about what tuning found."""
    best = min(trials, key=lambda trial: trial.log_loss)
    if best is trials[0]:
        return f"tuning: none of {len(trials)} settings did better than the usual ones (log loss {best.log_loss:.5f})"
    usual = trials[0].log_loss
    return f"tuning: the best of {len(trials)} settings has log loss {best.log_loss:.5f}, the usual ones {usual:.5f}"
