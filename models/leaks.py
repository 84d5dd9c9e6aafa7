"""Finds facts that became known only after the contacts they would describe, and so would tell a model the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.ids import FactName
from models.arrays import Codes, Flags
from models.bank import Snapshots

MOST_LATE: Final = 0.01
"""A fact is refused when a larger share of its values came late; fewer are read as missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """Which values came late. A row is a contact, and `placed` in it is the customer's snapshot at that instant."""

    rows_by_fact: Mapping[FactName, Flags]
    """For facts with dates of their own, the contacts at which the value was not known yet."""
    refused: Mapping[FactName, str]
    """A sentence for each fact that no model may read."""


def judge_lateness(snapshots: Snapshots, customer: Codes, at_s: Codes, placed: Codes) -> Lateness:
    """Compare the instant at which each fact became known with the contacts."""
    early = (placed < 0) & np.isin(customer, snapshots.customer)
    some = np.maximum(placed, 0)
    rows_by_fact = {
        fact: (placed >= 0) & (known_at[some] > at_s) for fact, known_at in snapshots.fact_known_at_s.items()
    }
    refused: dict[FactName, str] = {}
    for fact, has_value in snapshots.has_value.items():
        late = early | rows_by_fact[fact] if fact in rows_by_fact else early
        described = early | ((placed >= 0) & has_value[some])
        share = float((late & described).sum() / max(1, described.sum()))
        if share > MOST_LATE:
            refused[fact] = (
                f"`{fact}` is refused: at {share:.0%} of {int(described.sum()):,} contacts its value was not known yet "
                "(known_at lies after the contact), so it would tell the model the outcome"
            )
    return Lateness(rows_by_fact=rows_by_fact, refused=refused)
