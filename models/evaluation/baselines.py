"""What a model has to beat: a one-hot logistic regression on the same rows and features."""

from collections.abc import Callable

import numpy as np

from models.arrays import Floats
from models.logistic import fit_logistic
from models.rows import TrainingRows

_PENALTY = 1.0
_MOST_CODES = 64
"""A feature of more codes is left to the trees."""

Scoring = Callable[[TrainingRows], Floats]
"""From rows to logits, placement and rank left out."""


def logistic_regression(rows: TrainingRows, offset: Floats) -> Scoring:
    """Numbers standardised, each category and each gap a column of its own; `offset` is known of placement and rank."""
    encode = _one_hot(rows)
    design = encode(rows)
    size = design.shape[1]
    fitted = fit_logistic(
        design,
        rows.weight * rows.outcomes.positive,
        rows.weight,
        penalty=np.r_[0.0, np.full(size - 1, _PENALTY)],
        centre=np.zeros(size),
        offset=offset,
    )
    return lambda judged: encode(judged) @ fitted


def _one_hot(rows: TrainingRows) -> Callable[[TrainingRows], Floats]:
    """Only columns that vary among the rows."""
    coded = [column for column in rows.features.categorical if _codes(rows.matrix[:, column]) <= _MOST_CODES]
    numbers = [column for column in range(rows.matrix.shape[1]) if column not in rows.features.categorical]
    codes = {column: np.unique(rows.matrix[:, column][~np.isnan(rows.matrix[:, column])]) for column in coded}
    known = rows.matrix[:, numbers]
    count = np.maximum(np.isfinite(known).sum(axis=0), 1)
    mean = np.nansum(known, axis=0) / count
    spread = np.sqrt(np.nansum((known - mean) ** 2, axis=0) / count)
    spread[spread == 0.0] = 1.0

    def every(judged: TrainingRows) -> Floats:
        values = np.clip((judged.matrix[:, numbers] - mean) / spread, -10.0, 10.0)
        columns = [*np.nan_to_num(values).T, *np.isnan(values).T.astype(np.float64)]
        for column, known_codes in codes.items():
            columns += [(judged.matrix[:, column] == code).astype(np.float64) for code in known_codes]
        return np.column_stack(columns)

    varying = every(rows).std(axis=0) > 0.0
    return lambda judged: np.column_stack([np.ones(len(judged)), every(judged)[:, varying]])


def _codes(column: Floats) -> int:
    return len(np.unique(column[~np.isnan(column)]))
