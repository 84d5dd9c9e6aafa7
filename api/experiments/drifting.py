"""Whether the customers who are decided for are still those that the model was trained on.

What training kept of each feature is held against the customers who were admitted, each as they were last read. The
scores of what was chosen and their answers are told beside them, and alarm nobody: a model that chooses moves both.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from engine.facts import Held
from engine.plan import Plan
from models.arrays import Flags, Floats
from models.artefact import read_bins, read_manifest
from models.bins import TrainingBins
from models.errors import ModelRefused
from models.evaluation.drift import SCORE, Drift, shift_since
from models.features import FeatureSet
from models.reading import CustomerReader

FEWEST: Final = 100
"""Customers below which nothing is said."""
MOST: Final = 50_000
"""Customers, those that were decided for last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a model keeps of its training."""

    version: str
    features: FeatureSet
    bins: TrainingBins
    rows: int


def trained_in(models_dir: Path, version: str) -> Trained | None:
    """What a stored model keeps; None where it cannot be read, or an earlier release kept nothing."""
    try:
        manifest = read_manifest(models_dir / version)
        bins = read_bins(models_dir / version, manifest)
    except ModelRefused:
        return None
    if bins is None:
        return None
    return Trained(version=version, features=manifest.learned.features, bins=bins, rows=manifest.training.rows)


class Drifting:
    """Takes admitted customers while decisions come in."""

    def __init__(self, trained: Trained) -> None:
        self.version = trained.version
        self._trained = trained
        self._readers: dict[str, CustomerReader | None] = {}
        self._values: OrderedDict[str, list[float]] = OrderedDict()

    def see(self, customer: str, plan: Plan, profile: Sequence[Held]) -> None:
        """Take a customer who was admitted by a decision that this model scored."""
        reader = self._reader(plan)
        if reader is not None:
            self._values[customer] = reader.read(profile)
            self._values.move_to_end(customer)
            if len(self._values) > MOST:
                self._values.popitem(last=False)

    def _reader(self, plan: Plan) -> CustomerReader | None:
        """None where the rules declare the model's facts otherwise."""
        if plan.hash not in self._readers:
            try:
                self._readers[plan.hash] = CustomerReader(self._trained.features.customer, plan.profile_schema)
            except ModelRefused:
                self._readers[plan.hash] = None
        return self._readers[plan.hash]

    def found(self, expected: Floats, positive: Flags) -> Drift | None:
        """How far each feature moved; by the probability and the answer of what was chosen and seen."""
        if len(self._values) < FEWEST:
            return None
        bins, rows = self._trained.bins, self._trained.rows
        columns = np.array(list(self._values.values())).T
        names = [feature.name for feature in self._trained.features.customer]
        moved = [
            shift_since(name, bins.features[name], rows, column) for name, column in zip(names, columns, strict=True)
        ]
        score = shift_since(SCORE, bins.propensity, rows, expected)
        return Drift(
            shifts=(score, *sorted(moved, key=lambda shift: -shift.index)),
            base_rate=bins.base_rate,
            later_rate=float(positive.mean()) if len(positive) else float("nan"),
        )
