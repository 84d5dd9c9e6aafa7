"""Scores the rows of a table by a stored model: the same features and the same numbers as in a decision."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from models.arrays import Floats
from models.errors import ModelRefused, TrainingRefused
from models.interactions.dataset import interaction_rows, read_interactions
from models.interactions.table import Table, Wanted, read_table
from models.interactions.view import schema_of
from models.logistic import sigmoid
from models.propensity import PropensityModel
from models.rates import maturity
from models.rows import Outcomes, Window

_KEYS = ("time", "customer", "action", "channel")
_FORMATS = (".csv", ".parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """A table's keys with `propensity` and `maturity`, in the order of the table."""

    frame: pl.DataFrame
    findings: tuple[str, ...]


def score_file(
    model: PropensityModel,
    file: Path,
    *,
    renamed: Mapping[str, str] | None = None,
    left_out: Collection[str] = (),
) -> Scores:
    """Score every row of a file, at a channel's first placement and first rank.

    Columns that the model does not know are not read; what it has not seen, be it an action, a channel or a category,
    is scored by what is known without it. Earlier rows of a customer, with their outcomes, are that customer's past.

    Raises:
        TrainingRefused: the file cannot be read, or holds what it should not; says what and where.
        ModelRefused: the model does not say how its actions were described.
    """
    if not model.learned.actions:
        raise ModelRefused("the model was trained by an earlier release, which did not keep its actions: train it anew")
    schema = schema_of(model.learned.features)
    wanted = Wanted(schema=schema, renamed=renamed or {}, left_out=left_out, open=True)
    table = read_table(file, wanted)
    learned = model.learned
    read = read_interactions(table, schema, positives={}, actions=learned.actions, channels=learned.features.channels)
    window = Window(positive_days=0.0, conversion_days=0.0)
    rows = interaction_rows(read, window, pick=_every, features=model.learned.features).rows
    blend, shown = model.blend(read.view), rows.outcomes
    cells = (shown.channel, shown.action)
    logits = blend.slope[cells] * model.forest.raw_scores(rows.matrix) + blend.intercept[cells]
    mature = maturity(np.array(blend.positives).sum(axis=0))[shown.action]
    # Rows come in order of time, those of one instant as contacts do; each is led back to its row of the table.
    place = read.row[np.argsort(read.impressions.at_s, kind="stable")]
    frame = read.table.frame.select(*_KEYS)[place.tolist()].with_columns(
        propensity=pl.Series(model.corrected(rows, read.view, blend.conversion[cells] * sigmoid(logits))),
        maturity=pl.Series(mature),
    )
    back = frame[np.argsort(place).tolist()]
    return Scores(frame=back, findings=(*_absent(model, table), *read.findings))


def write_scores(frame: pl.DataFrame, file: Path) -> None:
    """Write scores in one step: the file is there whole or not at all.

    Raises:
        TrainingRefused: it cannot be written.
    """
    if file.suffix.lower() not in _FORMATS:
        raise TrainingRefused(f"`{file.name}` must end in {' or '.join(_FORMATS)}")
    staged = file.with_name(f".{file.name}-{os.getpid()}")
    try:
        if file.suffix.lower() == ".csv":
            frame.write_csv(staged)
        else:
            frame.write_parquet(staged)
        staged.replace(file)
    except OSError as error:
        raise TrainingRefused(f"`{file}` cannot be written: {error.strerror}") from error
    finally:
        staged.unlink(missing_ok=True)


def _every(outcomes: Outcomes) -> Floats:
    return np.ones(len(outcomes))


def _absent(model: PropensityModel, table: Table) -> tuple[str, ...]:
    """What the trees ask for and the table does not hold."""
    features = model.learned.features.customer
    asked = [features[column] for column in model.forest.used if column < len(features)]
    absent = sorted({str(feature.fact) for feature in asked} - set(table.facts))
    if not absent:
        return ()
    named = ", ".join(f"`{name}`" for name in absent[:5]) + (", ..." if len(absent) > 5 else "")
    return (f"`{table.name}` has no column {named}: the model reads {len(absent)} facts as missing in every row",)
