"""Judges a model on contacts that came after those it was trained on."""

from datetime import datetime
from pathlib import Path

import numpy as np

from models.arrays import Floats
from models.baseline import positive_rate
from models.dataset import read_rows
from models.features import PlanView
from models.logistic import logit_of
from models.propensity import PropensityModel
from models.report import Report, assess
from models.rows import Outcomes, TrainingRows, Window


def assess_model(model: PropensityModel, rows: TrainingRows, plan: PlanView) -> Report:
    """Judge a model on rows made for its own features, beside the popularity that it was trained with."""
    actions, channels = [action.id for action in plan.actions], [channel.id for channel in plan.channels]
    popular = np.array(
        [
            [logit_of(positive_rate(model.learned, action.id, action.group, channel)) for action in plan.actions]
            for channel in channels
        ]
    )
    shown = rows.outcomes
    popularity = popular[shown.channel, shown.action] + model.learned.exposure.offsets_of(shown)
    return assess(shown, model.logits(rows, plan), popularity, actions=actions, channels=channels)


def evaluate_model(
    plan: PlanView, bank_dir: Path, model: PropensityModel, *, since: datetime, until: datetime | None = None
) -> Report:
    """Judge a model on the bank's contacts from `since` on whose answers are known by `until` (default: on file).

    Raises:
        TrainingRefused: the files cannot be read, or hold no such contact.
    """
    window = Window(cutoff_s=None if until is None else int(until.timestamp()))

    def recent(outcomes: Outcomes) -> Floats:
        return (outcomes.at_s >= int(since.timestamp())).astype(np.float64)

    read = read_rows(plan, bank_dir, window, pick=recent, features=model.learned.features)
    return assess_model(model, read.rows, plan)
