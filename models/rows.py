"""Impressions as arrays: what training, calibration and evaluation work on."""

from dataclasses import dataclass, fields

from models.arrays import Codes, Flags, Floats
from models.features import FeatureSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long answers take to settle, and until when anything is known."""

    positive_days: float = 7.0
    conversion_days: float = 30.0
    cutoff_s: int | None = None
    """None: one second after the last contact on file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Impressions in order of time and what became of them; `action` and `channel` are positions in the plan."""

    placements: tuple[str, ...]
    """`channel.placement`."""
    placement: Codes
    at_s: Codes
    customer: Codes
    action: Codes
    channel: Codes
    rank: Codes
    """From 1."""
    positive: Flags
    converted: Flags
    settled: Flags
    """Whether the time for a conversion has passed."""
    uniform: Flags
    """Whether the action was drawn at random among those possible."""

    def __len__(self) -> int:
        return len(self.at_s)

    def take(self, rows: Flags | Codes) -> "Outcomes":
        """Some of them."""
        columns = [field.name for field in fields(self) if field.name != "placements"]
        return Outcomes(placements=self.placements, **{name: getattr(self, name)[rows] for name in columns})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRows:
    """Impressions with what was known at their instant."""

    outcomes: Outcomes
    features: FeatureSet
    matrix: Floats
    """One row per impression, columns in the order of `features.names`."""
    weight: Floats
    """How many impressions a row stands for."""

    def __len__(self) -> int:
        return len(self.weight)

    def take(self, rows: Flags | Codes) -> "TrainingRows":
        """Some of the rows."""
        return TrainingRows(
            outcomes=self.outcomes.take(rows),
            features=self.features,
            matrix=self.matrix[rows],
            weight=self.weight[rows],
        )
