"""Reads trials: rows of customers to whom something was offered or, by chance, withheld, and what they did then.

A table of a bank's own (CSV or Parquet) with a row for each time that an action was chosen. Its outcome counts whether
or not the offer was made: a product that opened in the window after.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from engine.facts import NAN, FactType, ProfileSchema
from models.arrays import Codes, Flags, Floats
from models.bank import held_column
from models.features import CustomerFeature, FeatureKind, FeatureSet
from models.interactions.table import Table, Wanted, read_table
from models.interactions.values import instants, refuse_flagged, refuse_gaps, truths
from models.interactions.view import schema_of
from models.uplift.effects import ALL_OFFERS

REQUIRED: Final = ("time", "customer", "action", "withheld", "treatment_probability", "outcome")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """The rows of one action, or of all offers together."""

    action: str
    customer: Codes
    shown: Flags
    probability: Floats
    """With which the offer was made, given that it was chosen."""
    converted: Flags
    promised: Floats
    """The propensity that a model gave; NaN where none did."""
    frame: pl.DataFrame
    """The facts, as the table has them."""
    schema: ProfileSchema

    def __len__(self) -> int:
        return len(self.customer)

    def matrix(self, features: Sequence[CustomerFeature]) -> Floats:
        """The customer's values of each row, one column a feature, as `models.reading.CustomerReader` reads them."""
        block = np.full((len(self), len(features)), NAN)
        for column, feature in enumerate(features):
            if feature.fact in self.frame.columns:
                block[:, column] = _values(feature, self.schema, self.frame[feature.fact])
        return block

    def members(self, fact: str) -> dict[str, Flags]:
        """For each value of a set which rows have it; none where the table does not tell."""
        if fact not in self.frame.columns:
            return {}
        column = self.frame[fact]
        values = self.schema.columns[self.schema.position_by_name[fact]].values  # type: ignore[index]  # a fact's name
        return {value: column.list.contains(value).fill_null(value=False).to_numpy() for value in values}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTable:
    """A table, read: its trials by action, those of all offers last, and what should be known about it."""

    trials: tuple[Trials, ...]
    findings: tuple[str, ...]


def read_trials(
    file: Path,
    features: FeatureSet,
    *,
    renamed: Mapping[str, str] | None = None,
    left_out: Collection[str] = (),
) -> TrialTable:
    """Read a file by the facts that a model reads.

    Raises:
        TrainingRefused: it cannot be read, or holds what it should not; says what and where.
    """
    schema = schema_of(features)
    wanted = Wanted(schema=schema, required=REQUIRED, renamed=renamed or {}, left_out=left_out, open=True)
    table = read_table(file, wanted)
    for name in REQUIRED:
        refuse_gaps(table.name, table.frame[name])
    instants(table.name, table.frame["time"])
    actions = table.frame["action"].cast(pl.String)
    names, code = np.unique(actions.to_numpy(), return_inverse=True)
    customer = np.unique(table.frame["customer"].cast(pl.String).to_numpy(), return_inverse=True)[1]
    shown = ~truths(table.name, "withheld", table.frame["withheld"]).to_numpy()
    converted = truths(table.name, "outcome", table.frame["outcome"]).to_numpy()
    probability = _probability(table)
    promised = _promised(table)
    facts = table.frame.select(sorted(table.facts))
    ordered = sorted(range(len(names)), key=lambda at: (names[at] == ALL_OFFERS, names[at]))
    trials: list[Trials] = []
    for at in ordered:
        rows = np.flatnonzero(code == at)
        trials.append(
            Trials(
                action=str(names[at]),
                customer=customer[rows],
                shown=shown[rows],
                probability=probability[rows],
                converted=converted[rows],
                promised=promised[rows],
                frame=facts[rows],
                schema=schema,
            )
        )
    return TrialTable(trials=tuple(trials), findings=table.findings)


def _probability(table: Table) -> Floats:
    column = table.frame["treatment_probability"]
    numbers: Floats = column.cast(pl.Float64, strict=False).fill_null(NAN).to_numpy()
    refuse_flagged(
        table.name,
        column,
        ~((numbers > 0.0) & (numbers < 1.0)),
        lambda value: f"`{value}` is no probability between 0 and 1 with which the offer was made: chance must decide",
    )
    return numbers


def _promised(table: Table) -> Floats:
    if "propensity" not in table.frame.columns:
        return np.full(len(table.frame), NAN)
    column = table.frame["propensity"]
    numbers: Floats = column.cast(pl.Float64, strict=False).fill_null(NAN).to_numpy()
    refuse_flagged(
        table.name,
        column,
        column.is_not_null().to_numpy() & ~((numbers >= 0.0) & (numbers <= 1.0)),
        lambda value: f"`{value}` is no propensity from 0 to 1",
    )
    return numbers


def _values(feature: CustomerFeature, schema: ProfileSchema, column: pl.Series) -> Floats:
    spec = schema.columns[schema.position_by_name[feature.fact]]
    if feature.kind is FeatureKind.MEMBER:
        present = column.list.contains(feature.values[0])
        return _numbers(present.cast(pl.Float64))
    if feature.kind is FeatureKind.NUMBER:
        return np.array(held_column(spec, column), dtype=np.float64)
    if spec.type is FactType.BOOLEAN:
        return _numbers(column.cast(pl.Float64))
    codes = {value: float(code) for code, value in enumerate(feature.values)}
    return _numbers(column.cast(pl.String).replace_strict(codes, default=None, return_dtype=pl.Float64))


def _numbers(column: pl.Series) -> Floats:
    numbers: Floats = column.fill_null(NAN).to_numpy()
    return numbers
