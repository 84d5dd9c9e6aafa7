"""Rows as decisions logged them: what each of them read of the customer and of past contacts, made into the row that
was scored. The same row can be rebuilt from a bank's files and from what happened; the two must be equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from engine.contacts import Contact
from engine.facts import Held
from models.arrays import Floats
from models.features import FeatureSet, PlanView, describe_actions
from models.history import NEVER, count_history
from models.reading import CustomerReader, season

EQUAL: Final = 0.999
"""Of the rows: below this share a model is trained on something else than it serves."""


class Read(NamedTuple):
    """What a decision read, and the action that it showed; `channel` and `action` are positions in the plan."""

    at_s: int
    channel: int
    action: int
    profile: Sequence[Held]
    contacts: Sequence[Contact]
    """Oldest first."""


class RowReader:
    """Makes one row at a time, columns in the order of the features.

    Raises:
        ModelRefused: the plan's catalogue declares a feature otherwise, or not at all.
    """

    def __init__(self, features: FeatureSet, plan: PlanView) -> None:
        groups = sorted({action.group for action in plan.actions})
        self._customer = CustomerReader(features.customer, plan.profile_schema)
        self._channel_codes = features.channel_codes(plan)
        self._hashes = [action.hash for action in plan.actions]
        self._group_by_hash = {action.hash: groups.index(action.group) for action in plan.actions}
        self._described = describe_actions(features, plan)

    def row(self, read: Read) -> list[float]:
        """The row of what was shown."""
        own = self._hashes[read.action]
        history = count_history(read.contacts, self._group_by_hash, read.at_s)
        return [
            *self._customer.read(read.profile),
            self._channel_codes[read.channel],
            *season(read.at_s),
            *history.overall,
            *history.by_group.get(self._group_by_hash[own], NEVER),
            *history.by_action.get(own, NEVER),
            *self._described[read.action],
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A value that was logged otherwise than it is rebuilt."""

    row: int
    column: str
    logged: float
    rebuilt: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """Logged rows held against rebuilt ones."""

    rows: int
    equal: int
    """Rows that are equal in every column, to the last bit; missing equals missing."""
    differences: tuple[Difference, ...]

    @property
    def share(self) -> float:
        """Of the rows, those that are equal; 1 where there are none."""
        return self.equal / self.rows if self.rows else 1.0

    @property
    def by_column(self) -> dict[str, int]:
        """In how many rows each column differs, the most frequent first."""
        names = [each.column for each in self.differences]
        return {name: names.count(name) for name in sorted(set(names), key=lambda name: (-names.count(name), name))}

    def findings(self) -> tuple[str, ...]:
        """A sentence where too few rows are equal."""
        if self.share >= EQUAL:
            return ()
        columns = ", ".join(f"`{name}` ({count:,})" for name, count in list(self.by_column.items())[:5])
        return (
            f"{self.rows - self.equal:,} of {self.rows:,} logged rows are rebuilt otherwise "
            f"({self.share:.2%} are equal, {EQUAL:.1%} are asked): {columns}",
        )


def compare(logged: Floats, rebuilt: Floats, names: Sequence[str]) -> Parity:
    """Hold two matrices of the same rows against each other."""
    differs = ~((logged == rebuilt) | (np.isnan(logged) & np.isnan(rebuilt)))
    return Parity(
        rows=len(logged),
        equal=int((~differs.any(axis=1)).sum()),
        differences=tuple(
            Difference(
                row=row, column=names[column], logged=float(logged[row, column]), rebuilt=float(rebuilt[row, column])
            )
            for row, column in np.argwhere(differs).tolist()
        ),
    )
