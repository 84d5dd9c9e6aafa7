"""Trials in a nutshell: customers of whom chance let half go without an offer."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

BEGAN_AT = datetime(2026, 2, 2, tzinfo=UTC)


def a_trial(
    action: str,
    rows: int = 12_000,
    *,
    adds: float = 0.03,
    anyway: float = 0.01,
    taken_from_affluent: float = 0.0,
    only_young: bool = False,
    promised: float | None = None,
    seed: int = 5,
) -> pl.DataFrame:
    """Rows in order of time: `anyway` convert without the offer, it `adds` so many more, to the young alone if so said.

    A quarter are affluent; of those the offer takes so many away.
    """
    rng = np.random.default_rng(seed)
    withheld, age = rng.random(rows) < 0.5, rng.integers(18, 90, rows)
    affluent = rng.random(rows) < 0.25
    gained = np.where(age < 40, 3 * adds, 0.0) if only_young else np.full(rows, adds)
    gained = np.where(affluent & (taken_from_affluent > 0.0), -taken_from_affluent, gained)
    chance = anyway + np.where(withheld, 0.0, gained)
    return pl.DataFrame(
        {
            "time": [BEGAN_AT + timedelta(minutes=9 * number) for number in range(rows)],
            "customer": [f"C{number}" for number in rng.integers(0, rows // 2, rows)],
            "action": action,
            "withheld": withheld,
            "treatment_probability": 0.5,
            "propensity": pl.Series([promised] * rows, dtype=pl.Float64),
            "outcome": rng.random(rows) < chance,
            "age": age,
            "income.monthly": np.round(rng.lognormal(7.8, 0.5, rows), 2),
            "statement.paperless": rng.random(rows) < 0.5,
            "employment": rng.choice(["employed", "student", "retired"], rows),
            "segments": [["affluent"] if rich else ["mass"] for rich in affluent],
        }
    )
