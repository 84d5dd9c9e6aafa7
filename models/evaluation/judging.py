"""Judges a stored model on a bank's files: beside its baselines, for drift since its training, and for fairness."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from engine.facts import FactType
from models.arrays import Codes, Floats
from models.artefact import Manifest
from models.bank import read_file
from models.baseline import positive_rate
from models.dataset import read_rows
from models.errors import TrainingRefused
from models.evaluation.baselines import logistic_regression
from models.evaluation.drift import Drift, drift
from models.evaluation.fairness import Fairness, Proxy, Ratio, proxies, ratios
from models.evaluation.study import BASE_RATE, LOGISTIC, MODEL, Study, study
from models.features import PlanView
from models.impressions import read_impressions
from models.logistic import fit_logistic, logit_of
from models.propensity import PropensityModel
from models.rows import Outcomes, TrainingRows, Window

_TRAIN_ROWS: Final = 40_000
"""Of the train slice, contacts without a positive answer that the logistic regression and drift are judged on."""
_TEST_ROWS: Final = 120_000
_LATEST: Final = 0.25
"""Of the train slice, what drift is held against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """All that was found of a model."""

    study: Study
    drift: Drift
    fairness: Fairness

    def findings(self) -> tuple[str, ...]:
        """A sentence for everything that speaks against the model."""
        return (*self.study.findings(), *self.drift.findings(), *self.fairness.findings())


def judge(
    plan: PlanView,
    bank_dir: Path,
    model: PropensityModel,
    manifest: Manifest,
    *,
    since_s: int | None = None,
    until_s: int | None = None,
) -> Judged:
    """Judge a model on contacts from `since_s` on (default: those of its test slice and later).

    Raises:
        TrainingRefused: the files cannot be read, or hold no contact to judge on.
    """
    first_s = manifest.report.first_s if since_s is None else since_s
    window = Window(
        positive_days=manifest.training.settings.positive_days,
        conversion_days=manifest.training.settings.conversion_days,
        cutoff_s=until_s,
    )

    def pick(outcomes: Outcomes) -> Floats:
        return _weights(outcomes, manifest, first_s)

    read = read_rows(plan, bank_dir, window, pick=pick, features=model.learned.features)
    trained = read.rows.take(read.rows.outcomes.at_s <= manifest.training.last_s)
    later = read.rows.take(read.rows.outcomes.at_s >= first_s)
    if not len(later) or not len(trained):
        raise TrainingRefused("no contact is left to judge the model on, beside those that it was trained on")
    logits = {MODEL: model.logits(later, plan)} | _baselines(plan, model, trained, later)
    return Judged(
        study=study(
            later.outcomes,
            logits,
            actions=[action.id for action in plan.actions],
            maturity={action.id: model.learned.rates.maturity_of(action.id) for action in plan.actions},
        ),
        drift=_drift(plan, model, trained, later, logits[MODEL]),
        fairness=_fairness(plan, bank_dir, model, manifest, later),
    )


def _drift(plan: PlanView, model: PropensityModel, trained: TrainingRows, later: TrainingRows, score: Floats) -> Drift:
    """Held against the latest part of what was trained on: a history that had just begun is no yardstick."""
    latest = trained.take(trained.outcomes.at_s >= np.quantile(trained.outcomes.at_s, 1.0 - _LATEST))
    return drift(latest, later, model.logits(latest, plan), score)


def _weights(outcomes: Outcomes, manifest: Manifest, first_s: int) -> Floats:
    """How many contacts each stands for: a sample of the train slice with its rates kept, and the later ones evenly."""
    training = manifest.training
    rng = np.random.default_rng(training.settings.seed)
    weight = np.zeros(len(outcomes))
    trained = np.flatnonzero((outcomes.at_s >= training.first_s) & (outcomes.at_s < min(training.last_s, first_s)))
    weight[trained[outcomes.positive[trained]]] = 1.0
    others = trained[~outcomes.positive[trained]]
    drawn = rng.choice(others, min(len(others), _TRAIN_ROWS), replace=False, shuffle=False)
    weight[drawn] = len(others) / max(1, len(drawn))
    later = np.flatnonzero(outcomes.at_s >= first_s)
    weight[rng.choice(later, min(len(later), _TEST_ROWS), replace=False, shuffle=False)] = 1.0
    return weight


def _baselines(plan: PlanView, model: PropensityModel, trained: TrainingRows, later: TrainingRows) -> dict[str, Floats]:
    """Their logits where and how each contact was shown, with the placements' and ranks' offsets of the model."""
    learned = model.learned
    popular = np.array(
        [
            [logit_of(positive_rate(learned, action.id, action.group, channel.id)) for action in plan.actions]
            for channel in plan.channels
        ]
    )
    before, after = learned.exposure.offsets_of(trained.outcomes), learned.exposure.offsets_of(later.outcomes)
    plain = logistic_regression(trained, before)
    popular += _level(popular[trained.outcomes.channel, trained.outcomes.action] + before, trained)
    return {
        BASE_RATE: popular[later.outcomes.channel, later.outcomes.action] + after,
        LOGISTIC: plain(later) + after,
    }


def _level(logit: Floats, rows: TrainingRows) -> float:
    """What to add to logits so that as many positive answers are expected on these rows as came."""
    added = fit_logistic(
        np.ones((len(rows), 1)),
        rows.weight * rows.outcomes.positive,
        rows.weight,
        penalty=np.array([1e-6]),
        centre=np.zeros(1),
        offset=logit,
    )
    return float(added[0])


def _fairness(
    plan: PlanView, bank_dir: Path, model: PropensityModel, manifest: Manifest, later: TrainingRows
) -> Fairness:
    protected = [
        spec
        for spec in plan.profile_schema.columns
        if spec.protected and spec.type is FactType.CATEGORY and spec.values
    ]
    if not protected:
        return Fairness(ratios=(), proxies=())
    codes = read_impressions(plan, bank_dir / "contacts.parquet").code_by_customer
    frame = read_file(bank_dir / "customers.parquet", ("customer_id",), [spec.name for spec in protected])
    places = frame["customer_id"].replace_strict(codes, default=-1, return_dtype=pl.Int64).to_numpy()
    found_ratios: list[Ratio] = []
    found_proxies: list[Proxy] = []
    for spec in protected:
        if spec.name not in frame.columns:
            continue
        by_customer = np.full(len(codes), -1)
        values = frame[spec.name].cast(pl.Enum(spec.values), strict=False).to_physical().cast(pl.Int64)
        by_customer[places[places >= 0]] = values.fill_null(-1).to_numpy()[places >= 0]
        group = by_customer[later.outcomes.customer]
        found_ratios += _ratios(plan, spec.name, spec.values, group, later.outcomes)
        found_proxies += _proxies(model, manifest, spec.name, spec.values, group, later)
    return Fairness(ratios=tuple(found_ratios), proxies=tuple(found_proxies))


def _ratios(plan: PlanView, attribute: str, groups: tuple[str, ...], group: Codes, shown: Outcomes) -> list[Ratio]:
    """What each group was shown of all that it was shown, and how often it said yes, by group of actions."""
    names = sorted({action.group for action in plan.actions})
    about = np.array([names.index(action.group) for action in plan.actions])[shown.action]
    every = np.ones(len(shown), dtype=bool)
    found: list[Ratio] = []
    for code, name in enumerate(names):
        mine = about == code
        found += ratios(attribute, groups, group, name, "selection", every, mine)
        found += ratios(attribute, groups, group, name, "acceptance", mine, shown.positive)
    return found


def _proxies(
    model: PropensityModel,
    manifest: Manifest,
    attribute: str,
    groups: tuple[str, ...],
    group: Codes,
    later: TrainingRows,
) -> list[Proxy]:
    """Judged on one row a customer."""
    _, first = np.unique(later.outcomes.customer, return_index=True)
    names = [feature.name for feature in model.learned.features.customer]
    share = [manifest.training.gain_share.get(name, 0.0) for name in names]
    return proxies(attribute, groups, group[first], names, later.matrix[first][:, : len(names)], share)
