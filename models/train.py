"""Trains the pooled model on a bank's history and stores it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from models.arrays import Codes, Floats
from models.artefact import (
    BINS,
    CANARIES,
    TREES,
    Canaries,
    Learned,
    Manifest,
    Settings,
    Training,
    Trial,
    write_artefact,
)
from models.bins import TrainingBins, bins_by_name, bins_of
from models.boosting import lightgbm
from models.calibrate import fit_calibration
from models.canaries import MOST_CANDIDATES, choose
from models.dataset import BankRows, read_rows
from models.evaluate import assess_model
from models.exposure import Exposure, Shown, fit_exposure
from models.features import ACTION, PlanView, described_actions
from models.forest import read_forest
from models.history import DAY_S
from models.logistic import sigmoid
from models.propensity import PropensityModel
from models.rates import Answers, count_rates
from models.registry import open_registry
from models.report import Report
from models.rows import Outcomes, TrainingRows, Window
from models.slices import Slice, Slices, slice_by_time, thin
from models.tuning import Grow, Scores, told, tune

Progress = Callable[[str], None]
"""Told in a few words what begins now."""

_THREADS: Final = 1
"""With two on two busy cores, waiting for each other took five times as long as the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """What training made: the stored version, what was measured, and what a person should know about it."""

    version: str
    folder: Path
    training: Training
    report: Report
    findings: tuple[str, ...]
    """Facts that were refused, and figures outside the range of a well calibrated model."""
    promoted: bool
    against: tuple[str, ...] = ()
    """Why it was not promoted although that was asked for: the current model serves on."""


def train_from_bank(
    plan: PlanView,
    bank_dir: Path,
    models_dir: Path,
    *,
    cutoff: datetime | None = None,
    seed: int = 7,
    settings: Settings | None = None,
    promote: bool = True,
    trials: int = 0,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train on the bank files of a folder, store the model, verify it in a child process and make it the current one.

    Nothing that became known after `cutoff` is used; without one, everything on file is.

    Raises:
        TrainingRefused: the files cannot be read, or hold too few answers.
        ModelRefused: the stored model does not verify; the current one stays.
    """
    say = progress or (lambda _: None)
    chosen = replace(settings or Settings(), seed=seed)
    say("reading the bank's contacts")
    window = Window(
        positive_days=chosen.positive_days,
        conversion_days=chosen.conversion_days,
        cutoff_s=None if cutoff is None else int(cutoff.timestamp()),
    )
    slices: list[Slices] = []

    def pick(outcomes: Outcomes) -> Floats:
        slices.append(slice_by_time(outcomes, round(chosen.positive_days * DAY_S)))
        return thin(outcomes, slices[0], chosen.most_rows, seed)

    read = read_rows(plan, bank_dir, window, pick=pick)
    return finish(read, slices[0], plan, chosen, models_dir, promote=promote, say=say, trials=trials)


def finish(
    read: BankRows,
    slices: Slices,
    plan: PlanView,
    settings: Settings,
    models_dir: Path,
    *,
    promote: bool,
    say: Progress,
    findings: tuple[str, ...] = (),
    trials: int = 0,
) -> TrainedModel:
    """Train on rows, store the model, and perhaps verify it and make it the current one; `findings` are those so far.

    Where something speaks against it, the model that serves already stays; any model is better than none.

    Raises:
        ModelRefused: the stored model does not verify; the current one stays.
    """
    manifest, content = fit(read, slices, plan, settings, say, trials)
    say("storing the model")
    version = write_artefact(models_dir, manifest, content)
    registry = open_registry(models_dir)
    against = registry.objections(version) if promote and registry.current() is not None else ()
    if promote and not against:
        say("verifying the stored model")
        registry.promote(version)
    tuned = (told(manifest.training.tried),) if manifest.training.tried else ()
    return TrainedModel(
        version=version,
        folder=models_dir / version,
        training=manifest.training,
        report=manifest.report,
        findings=(*findings, *tuned, *manifest.training.refused, *manifest.report.findings()),
        promoted=promote and not against,
        against=against,
    )


def fit(
    read: BankRows, slices: Slices, plan: PlanView, settings: Settings, say: Progress, trials: int = 0
) -> tuple[Manifest, dict[str, bytes]]:
    """Train on rows: the manifest, still without hashes, and the content of the other files; `trials` settings are
    tried before.

    Older contacts teach trees whose number and calibration later ones settle; then as many trees are grown anew on
    everything before the test slice, so that what is served knows the latest contacts, and is tested on what it has not
    seen.
    """
    train, stop, calibrate, test = (read.rows.take(slices.of(part, read.rows.outcomes.at_s)) for part in Slice)
    exposure = fit_exposure(shown_of(read.outcomes.take(slices.of(Slice.TRAIN, read.outcomes.at_s)), plan))
    say(f"growing {settings.trees} trees on {len(train):,} contacts")
    priors = exposure.priors(plan)
    tried: tuple[Trial, ...] = ()
    if trials:
        say(f"trying {trials} settings")
        tuned = tune(train, settings, trials, grow=_scores_of_trees(exposure, priors), exposure=exposure, priors=priors)
        settings, tried = tuned.settings, tuned.trials
    staged = grow(train, stop, exposure, priors, settings)
    say("calibrating")
    platt = fit_calibration(
        np.asarray(staged.predict(calibrate.matrix, raw_score=True, num_iteration=staged.best_iteration, num_threads=1))
        + priors[calibrate.outcomes.channel, calibrate.outcomes.action],
        calibrate.outcomes.positive,
        exposure.offsets_of(calibrate.outcomes),
        calibrate.outcomes.action,
        [action.id for action in plan.actions],
    )
    everything = read.rows.take(slices.before_test(read.rows.outcomes.at_s))
    known = read.outcomes.take(slices.before_test(read.outcomes.at_s))
    say(f"growing {staged.best_iteration} trees on all {len(everything):,} contacts before those of the test")
    exposure = fit_exposure(shown_of(known, plan))
    booster = grow(everything, None, exposure, exposure.priors(plan), replace(settings, trees=staged.best_iteration))
    text = booster.model_to_string()
    say("testing")
    learned = Learned(
        features=read.rows.features,
        platt=platt,
        exposure=exposure,
        rates=count_rates(answers_of(known, plan, exposure)),
        actions=described_actions(plan),
    )
    model = PropensityModel(learned, read_forest(text), "")
    bins = TrainingBins(
        features=bins_by_name(
            everything.matrix, everything.weight, read.rows.features.names, read.rows.features.categorical
        ),
        propensity=bins_of(sigmoid(model.logits(test, plan))),
        base_rate=float(everything.weight @ everything.outcomes.positive / everything.weight.sum()),
    )
    manifest = Manifest(
        learned=learned,
        training=replace(_training(read, slices, everything, settings, booster), tried=tried),
        report=assess_model(model, test, plan),
        sha256_by_file={},
        feature_schema=learned.features.hash,
    )
    canaries = _canaries(text, everything.matrix)
    content = {TREES: text.encode("ascii"), CANARIES: msgspec.json.encode(canaries), BINS: msgspec.json.encode(bins)}
    return manifest, content


def _scores_of_trees(exposure: Exposure, priors: Floats) -> Grow:
    def growing(rows: TrainingRows, settings: Settings) -> Scores:
        booster = grow(rows, None, exposure, priors, settings)
        return lambda later: np.asarray(booster.predict(later.matrix, raw_score=True, num_threads=_THREADS))

    return growing


def _canaries(text: str, matrix: Floats) -> Canaries:
    """Rows that reach every leaf, with the scores that LightGBM gives them."""
    booster = lightgbm.Booster(model_str=text)
    rows = matrix[:: max(1, len(matrix) // MOST_CANDIDATES)][:MOST_CANDIDATES]
    leaves = np.asarray(booster.predict(rows, pred_leaf=True, num_threads=1), dtype=np.int64).reshape(len(rows), -1)
    chosen = rows[choose(leaves)]
    expected = booster.predict(chosen, raw_score=True, num_threads=1)
    return Canaries.of(chosen, np.asarray(expected, dtype=np.float64))


def grow(
    train: TrainingRows, stop: TrainingRows | None, exposure: Exposure, priors: Floats, settings: Settings
) -> lightgbm.Booster:
    """Grow trees on one slice, until the other gains nothing any more; without a stop slice all trees are grown.

    They start from what is known without them, `priors` by channel and action and the offsets of placement and rank,
    and say how far a row departs from it.
    """
    parameters = {
        "objective": "binary",
        "metric": "binary_logloss",
        "num_leaves": settings.leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": settings.rows_in_leaf,
        "lambda_l2": settings.l2,
        "feature_fraction": settings.feature_share,
        "max_bin": 63,
        "seed": settings.seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": _THREADS,
        "verbosity": -1,
    }
    if any(train.features.monotone):
        parameters["monotone_constraints"] = list(train.features.monotone)
        parameters["monotone_constraints_method"] = "advanced"
    grown, watched = (
        lightgbm.Dataset(
            rows.matrix,
            rows.outcomes.positive.astype(np.float64),
            weight=rows.weight
            * _recency(rows.outcomes.at_s, settings.half_life_days)
            * weigh_by_worth(rows, settings.worth),
            init_score=priors[rows.outcomes.channel, rows.outcomes.action] + exposure.offsets_of(rows.outcomes),
            feature_name=list(rows.features.names),
            categorical_feature=list(rows.features.categorical),
            params=parameters,
        )
        for rows in (train, stop or train)
    )
    if stop is None:
        return lightgbm.train(parameters, grown, num_boost_round=settings.trees)
    return lightgbm.train(
        parameters,
        grown,
        num_boost_round=settings.trees,
        valid_sets=[watched.set_reference(grown)],
        callbacks=[lightgbm.early_stopping(settings.patience, verbose=False)],
    )


def _recency(at_s: Codes, half_life_days: float | None) -> Floats:
    """Weights that halve with every half-life of age, 1 on average."""
    if half_life_days is None:
        return np.ones(len(at_s))
    weight: Floats = np.exp2((at_s - at_s[-1]) / (half_life_days * DAY_S))
    scaled: Floats = weight / weight.mean()
    return scaled


def weigh_by_worth(rows: TrainingRows, power: float) -> Floats:
    """Weights that grow with the value of a row's action, 1 on average: trees are for choosing, and an error about a
    dear action that is rarely welcome costs as much as one about a cheap one that often is. As they depend on what
    is offered and not on the answer, probabilities stay what they are."""
    value = rows.matrix[:, rows.features.start(ACTION) + ACTION.index("action.value")]
    told = value > 0
    if not told.any() or value[told].min() == value[told].max():
        return np.ones(len(rows))
    weight = np.ones(len(rows))
    weight[told] = (value[told] / value[told].mean()) ** power
    scaled: Floats = weight * (rows.weight.sum() / (rows.weight @ weight))
    return scaled


def shown_of(rows: Outcomes, plan: PlanView) -> Shown:
    """Rows as placement and rank are learned from them."""
    groups = sorted({action.group for action in plan.actions})
    group_by_action = np.array([groups.index(action.group) for action in plan.actions])
    references = {
        f"{channel.id}.{min(channel.placements.values(), key=lambda placement: placement.precedence).id}"
        for channel in plan.channels
        if channel.placements
    }
    return Shown(
        groups=groups,
        channels=[channel.id for channel in plan.channels],
        placements=rows.placements,
        references=frozenset(references),
        group=group_by_action[rows.action],
        channel=rows.channel,
        placement=rows.placement,
        rank=rows.rank,
        positive=rows.positive,
    )


def answers_of(rows: Outcomes, plan: PlanView, exposure: Exposure) -> Answers:
    """Rows as rates are counted on them."""
    return Answers(
        actions=[action.id for action in plan.actions],
        channels=[channel.id for channel in plan.channels],
        group_by_action={action.id: action.group for action in plan.actions},
        action=rows.action,
        channel=rows.channel,
        at_s=rows.at_s,
        positive=rows.positive,
        expected=sigmoid(exposure.priors(plan)[rows.channel, rows.action] + exposure.offsets_of(rows)),
        converted=rows.converted,
        settled=rows.settled,
    )


def _training(
    read: BankRows, slices: Slices, train: TrainingRows, settings: Settings, booster: lightgbm.Booster
) -> Training:
    gain = booster.feature_importance("gain")
    share = gain / max(float(gain.sum()), 1e-300)
    missing = np.isnan(train.matrix).mean(axis=0)
    by_gain = sorted(np.flatnonzero(gain).tolist(), key=lambda column: -share[column])
    names = read.rows.features.names
    return Training(
        settings=settings,
        first_s=slices.spans[Slice.TRAIN][0],
        last_s=slices.spans[Slice.CALIBRATE][1],
        cutoff_s=slices.spans[Slice.TEST][1],
        impressions=round(float(train.weight.sum())),
        rows=len(train),
        positives=int(train.outcomes.positive.sum()),
        trees=booster.num_trees(),
        refused=read.refused,
        gain_share={names[column]: round(float(share[column]), 6) for column in by_gain},
        missing_share={names[column]: round(float(missing[column]), 6) for column in by_gain},
        versions={"lightgbm": lightgbm.__version__, "numpy": np.__version__},
    )
