"""Grows effect trees: econml's doubly robust learner, with LightGBM inside and the known chance of going without.

Source: Kennedy 2023, "Towards optimal doubly robust estimation of heterogeneous causal effects".
"""

import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from models.arrays import Codes, Floats
from models.boosting import lightgbm
from models.errors import TrainingRefused
from models.features import CustomerFeature
from models.uplift.trials import Trials

_TREES: Final = 30
_PLAIN: Final[dict[str, Any]] = {
    "objective": "regression", "num_threads": 1, "deterministic": True, "force_col_wise": True, "verbosity": -1,
}  # fmt: skip
_NUISANCE: Final[dict[str, Any]] = _PLAIN | {"num_leaves": 7, "learning_rate": 0.1}
_FINAL: Final[dict[str, Any]] = _PLAIN | {"num_leaves": 6, "learning_rate": 0.15, "lambda_l2": 1.0}
_LEAST_LEAF: Final = 200
_SHARE_OF_LEAF: Final = 0.02
"""A leaf of an effect tree holds so many rows at least: effects are small beside the noise of one row."""


def grow_effect_trees(
    trials: Trials, features: Sequence[CustomerFeature], rows: Codes, *, seed: int
) -> lightgbm.Booster:
    """Trees on some rows of a trial, which read the customer's features alone.

    Raises:
        TrainingRefused: econml is not there.
    """
    try:
        from econml.dr import DRLearner  # noqa: PLC0415 - an extra, and needed here alone
    except ImportError as error:
        raise TrainingRefused("effect trees need econml: install nextbest with the extra `uplift`") from error
    leaf = max(_LEAST_LEAF, round(_SHARE_OF_LEAF * len(rows)))
    learner = DRLearner(
        model_propensity=_known_chance(),
        model_regression=_trees(_NUISANCE | {"min_data_in_leaf": leaf, "seed": seed}),
        model_final=_trees(_FINAL | {"min_data_in_leaf": leaf, "seed": seed}),
        cv=_halves(trials.customer[rows]),
        random_state=seed,
        allow_missing=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the names of features, which arrays do not have
        learner.fit(
            trials.converted[rows].astype(np.float64),
            trials.shown[rows].astype(np.int64),
            X=trials.matrix(features)[rows],
            W=trials.probability[rows, None],
        )
    booster: lightgbm.Booster = learner.model_cate(T=1).booster_
    return booster


def _halves(customer: Codes) -> list[tuple[Codes, Codes]]:
    """Two folds; a customer's rows lie in one of them."""
    odd = np.unique(customer, return_inverse=True)[1] % 2 == 1
    return [(np.flatnonzero(odd), np.flatnonzero(~odd)), (np.flatnonzero(~odd), np.flatnonzero(odd))]


def _trees(parameters: dict[str, Any]) -> object:
    """A regressor as econml clones and fits it."""
    from sklearn.base import BaseEstimator, RegressorMixin  # noqa: PLC0415 - comes with econml

    class Trees(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # published without types
        def __init__(self, parameters: dict[str, Any]) -> None:
            self.parameters = parameters

        def fit(self, matrix: Floats, answers: Floats, sample_weight: Floats | None = None) -> "Trees":
            rows = lightgbm.Dataset(matrix, answers.ravel(), weight=sample_weight, params=self.parameters)
            self.booster_ = lightgbm.train(self.parameters, rows, num_boost_round=_TREES)
            return self

        def predict(self, matrix: Floats) -> Floats:
            return np.asarray(self.booster_.predict(matrix, num_threads=1), dtype=np.float64)

    return Trees(parameters)


def _known_chance() -> object:
    """A classifier that has nothing to learn: the chance of the offer is the last column."""
    from sklearn.base import BaseEstimator, ClassifierMixin  # noqa: PLC0415 - comes with econml

    class KnownChance(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # published without types
        def fit(self, matrix: Floats, shown: Codes, sample_weight: Floats | None = None) -> "KnownChance":
            self.classes_ = np.unique(shown)
            return self

        def predict_proba(self, matrix: Floats) -> Floats:
            return np.column_stack([1.0 - matrix[:, -1], matrix[:, -1]])

        def predict(self, matrix: Floats) -> Codes:
            likely: Codes = (matrix[:, -1] > 0.5).astype(np.int64)
            return likely

    return KnownChance()
