"""A bank's own table of interactions: calls and letters about two products, and answers that depend on age."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

BEGAN_AT = datetime(2025, 3, 3, 9, tzinfo=UTC)
CATALOGUE = """
attributes:
  age: {title: Age, type: integer, unit: years, range: 18..110, monotone: rises}
  balance: {title: Balance, type: money, range: -10_000..10_000_000}
  job: {title: Job, type: category, values: [clerk, farmer, teacher]}
  paperless: {title: Paperless, type: boolean}
  gender: {title: Gender, type: category, values: [female, male], protected: audit_only, model: false}
products:
  gold_card: {title: Gold card, group: cards}
  loan: {title: Loan, group: lending}
"""


def write_catalogue(folder: Path, catalogue: str = CATALOGUE) -> Path:
    """The catalogue as a file."""
    file = folder / "catalogue.yaml"
    file.write_text(catalogue, encoding="utf-8")
    return file


def a_table(rows: int = 6_000, seed: int = 3) -> pl.DataFrame:
    """Rows in order of time, a fifth to a third of them positive; older customers say yes more often."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    action, channel = rng.choice(["gold_card", "loan"], rows), rng.choice(["phone", "letter"], rows)
    logit = -1.6 + (age - 54) / 15 + 0.5 * (action == "loan") - 0.6 * (channel == "letter")
    return pl.DataFrame(
        {
            "time": [BEGAN_AT + timedelta(minutes=50 * number) for number in range(rows)],
            "customer": [f"K{number}" for number in rng.integers(0, rows // 3, rows)],
            "action": action,
            "channel": channel,
            "age": age,
            "balance": np.round(rng.normal(2_000, 900, rows), 2),
            "job": rng.choice(["clerk", "farmer", "teacher"], rows),
            "paperless": rng.random(rows) < 0.5,
            "gender": rng.choice(["female", "male"], rows),
            "outcome": (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int),
        }
    )
