"""Trains a model on a bank's own table, by the bank's own catalogue; nothing else of an installation is needed."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from models.arrays import Floats
from models.artefact import Settings
from models.errors import TrainingRefused
from models.history import DAY_S
from models.interactions.catalogue import OwnCatalogue, read_own_catalogue
from models.interactions.dataset import Interactions, interaction_rows, probabilities, read_interactions
from models.interactions.table import REQUIRED, Table, Wanted, read_table
from models.interactions.values import truths
from models.rows import Outcomes, Window
from models.slices import FEWEST_POSITIVES, Slice, Slices, slice_by_time, thin
from models.train import Progress, TrainedModel, finish

FEWEST: Final = FEWEST_POSITIVES * len(Slice)
"""Positive outcomes that a table must hold, and as many others."""


def train_from_interactions(
    interactions: Path,
    catalogue: Path,
    models_dir: Path,
    *,
    settings: Settings,
    renamed: Mapping[str, str] | None = None,
    left_out: Collection[str] = (),
    promote: bool = True,
    trials: int = 0,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train on a CSV or Parquet file, store the model, verify it in a child process and make it the current one.

    `renamed` says what the table calls a column, by our name. A model is stored whole or not at all.

    Raises:
        TrainingRefused: the files cannot be read, hold what they should not, or too few outcomes; says what and where.
        RuleErrors: the catalogue is wrong.
        ModelRefused: the stored model does not verify; the current one stays.
    """
    say = progress or (lambda _: None)
    say("reading the interactions")
    own = read_own_catalogue(catalogue)
    read = read_for_training(interactions, own, renamed=renamed or {}, left_out=left_out)
    slices: list[Slices] = []

    def pick(outcomes: Outcomes) -> Floats:
        slices.append(slice_by_time(outcomes, round(settings.positive_days * DAY_S)))
        return thin(outcomes, slices[0], settings.most_rows, settings.seed)

    window = Window(positive_days=settings.positive_days, conversion_days=settings.conversion_days)
    rows = interaction_rows(read, window, pick=pick)
    return finish(
        rows,
        slices[0],
        read.view,
        settings,
        models_dir,
        promote=promote,
        say=say,
        findings=read.findings,
        trials=trials,
    )


def read_for_training(
    interactions: Path, own: OwnCatalogue, *, renamed: Mapping[str, str], left_out: Collection[str] = ()
) -> Interactions:
    """Read a table whose outcomes can teach something.

    Raises:
        TrainingRefused: they cannot.
    """
    wanted = Wanted(schema=own.schema, required=(*REQUIRED, "outcome"), renamed=renamed, left_out=left_out)
    table = _shown(read_table(interactions, wanted))
    probabilities(table)
    read = read_interactions(table, own.schema, positives=own.positives, groups=own.group_by_product)
    positives = int(np.count_nonzero(read.impressions.positive_at_s))
    others = len(read.impressions) - positives
    if not positives or not others:
        which = "not one is positive" if not positives else "every one is positive"
        raise TrainingRefused(
            f"`{table.name}`, column `outcome`: of {len(read.impressions):,} outcomes {which}; a model learns from both"
        )
    if min(positives, others) < FEWEST:
        fewer = "positive" if positives <= others else "other"
        raise TrainingRefused(
            f"`{table.name}` has {len(read.impressions):,} rows with {min(positives, others):,} {fewer} outcomes; at "
            f"least {FEWEST} are needed, {FEWEST_POSITIVES} for each of the parts that trees are grown, stopped, "
            "calibrated and tested on"
        )
    return read


def _shown(table: Table) -> Table:
    """Without what was withheld in a trial: it was no contact.

    Raises:
        TrainingRefused: everything was.
    """
    if "withheld" not in table.frame.columns:
        return table
    withheld = truths(table.name, "withheld", table.frame["withheld"]).fill_null(value=False)
    if withheld.all():
        raise TrainingRefused(f"`{table.name}`, column `withheld`: everything was withheld, so nothing was answered")
    return replace(table, frame=table.frame.filter(~withheld))
