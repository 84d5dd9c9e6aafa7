"""Measures the model on real answers, in order of time, beside two plainer ones.

`python -m examples.bank_marketing.benchmark CSV` trains on rows [t - 20,000, t) and judges rows [t, t + 1,000), for t
from 20,000 on, and prints the figures beside what is asked; `--choose` chooses the learning rate inside rows 0 to
19,999 instead; `--json` prints JSON.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from ruamel.yaml import YAML

from engine import Plan
from engine.facts import FactType
from examples.bank_marketing.prepare import HERE, prepare, read_plan
from models.arrays import Codes, Flags, Floats
from models.artefact import Settings
from models.dataset import read_rows
from models.exposure import Exposure
from models.forest import read_forest
from models.logistic import fit_logistic, logit_of
from models.metrics import auc, log_loss
from models.rows import Outcomes, TrainingRows, Window
from models.train import grow

TRAIN: Final = 20_000
TEST: Final = 1_000
RATES: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Among which the learning rate is chosen."""
TIMING: Final = (
    "call.month", "economy.employment_change", "economy.consumer_prices", "economy.consumer_confidence",
    "economy.euribor_3m", "economy.employed",
)  # fmt: skip
"""What says when a call was made and nothing about whom it reached."""
ASKED: Final = {
    "model": (0.775, 0.59),
    "model_over_timing_alone": (0.005, 0.06),
    "model_over_logistic_regression": (0.03, 0.03),
}
"""At least so much, pooled and within windows."""
_DRAWS: Final = 1_000

Train = Callable[[TrainingRows, int], Callable[[TrainingRows], Floats]]
"""From rows and a seed to a function that scores rows."""


def read_settings() -> Settings:
    """What training.yaml says."""
    return msgspec.convert(YAML(typ="safe", pure=True).load(HERE / "training.yaml"), Settings)


def read_calls(csv: Path, plan: Plan) -> TrainingRows:
    """Every call as a row, in order of time."""

    def every(outcomes: Outcomes) -> Floats:
        return np.ones(len(outcomes))

    window = Window(positive_days=0.0, conversion_days=0.0)
    with tempfile.TemporaryDirectory() as folder:
        prepare(csv, Path(folder), plan)
        return read_rows(plan, Path(folder), window, pick=every).rows


def windows(first: int, end: int, train: int) -> Iterator[tuple[slice, slice]]:
    """Rows to train on and the rows right after them, to judge."""
    for start in range(first, end, TEST):
        yield slice(start - train, start), slice(start, min(start + TEST, end))


def trees(settings: Settings) -> Train:
    """The product's trees."""

    def train(rows: TrainingRows, seed: int) -> Callable[[TrainingRows], Floats]:
        prior = logit_of(float(rows.outcomes.positive.mean()))
        plain = Exposure(offset_by_placement={}, offset_by_rank=(0.0, 0.0, 0.0), prior_by_group={}, prior=prior)
        priors = np.full((rows.outcomes.channel.max() + 1, rows.outcomes.action.max() + 1), prior)
        booster = grow(rows, None, plain, priors, replace(settings, seed=seed))
        forest = read_forest(booster.model_to_string())
        return lambda judged: forest.raw_scores(judged.matrix) + prior

    return train


def logistic(rows: TrainingRows, _: int) -> Callable[[TrainingRows], Floats]:
    """One-hot logistic regression: numbers standardised, each category and each gap a column of its own."""
    encode = _one_hot(rows)
    design = encode(rows)
    positive = rows.outcomes.positive.astype(np.float64)
    size = design.shape[1]
    penalty = np.r_[0.0, np.ones(size - 1)]
    fitted = fit_logistic(design, positive, np.ones(len(rows)), penalty=penalty, centre=np.zeros(size))
    return lambda judged: encode(judged) @ fitted


def _one_hot(rows: TrainingRows) -> Callable[[TrainingRows], Floats]:
    features = rows.features
    coded = {
        at: len(feature.values) for at, feature in enumerate(features.customer) if feature.type is FactType.CATEGORY
    }
    numbers = [at for at in range(len(features.customer)) if at not in coded]
    known = np.maximum(np.isfinite(rows.matrix[:, numbers]).sum(axis=0), 1)
    mean = np.nansum(rows.matrix[:, numbers], axis=0) / known
    spread = np.sqrt(np.nansum((rows.matrix[:, numbers] - mean) ** 2, axis=0) / known)
    spread[spread == 0.0] = 1.0

    def every_column(judged: TrainingRows) -> Floats:
        values = (judged.matrix[:, numbers] - mean) / spread
        columns = [*np.nan_to_num(values).T, *np.isnan(values).T.astype(np.float64)]
        for at, count in coded.items():
            columns += [(judged.matrix[:, at] == code).astype(np.float64) for code in range(count)]
        return np.column_stack(columns)

    varying = every_column(rows).std(axis=0) > 0.0
    return lambda judged: np.column_stack([np.ones(len(judged)), every_column(judged)[:, varying]])


def only(names: Sequence[str], rows: TrainingRows) -> TrainingRows:
    """Rows that know nothing but some of the customer's features."""
    matrix = rows.matrix.copy()
    keep = [feature.name in names for feature in rows.features.customer]
    matrix[:, [*np.flatnonzero(~np.array(keep)).tolist(), *range(len(keep), matrix.shape[1])]] = np.nan
    return replace(rows, matrix=matrix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Scores of every judged row, window after window."""

    score: Floats
    positive: Flags
    windows: tuple[Codes, ...]
    """The rows of each window."""

    def pooled(self, drawn: Sequence[int] | None = None) -> float:
        """AUC of all rows together, or of some windows' rows, each as often as it was drawn."""
        rows = np.concatenate(self.windows if drawn is None else [self.windows[place] for place in drawn])
        return auc(self.score[rows], self.positive[rows])

    def within(self) -> Floats:
        """AUC inside each window."""
        return np.array([auc(self.score[rows], self.positive[rows]) for rows in self.windows])


def roll(rows: TrainingRows, train: Train, seed: int, *, first: int, end: int, length: int) -> Scored:
    """Train and judge window by window."""
    scores, judged_rows = [], []
    for past, following in windows(first, end, length):
        judged = rows.take(np.arange(following.start, following.stop))
        scores.append(train(rows.take(np.arange(past.start, past.stop)), seed)(judged))
        judged_rows.append(np.arange(following.start, following.stop) - first)
    return Scored(score=np.concatenate(scores), positive=rows.outcomes.positive[first:end], windows=tuple(judged_rows))


def summary(runs: Sequence[Scored], draws: int) -> dict[str, float]:
    """Means over seeds; standard errors over windows, which differ more than seeds do."""
    within = np.mean([run.within() for run in runs], axis=0)
    return {
        "pooled": round(float(np.mean([run.pooled() for run in runs])), 4),
        "pooled_standard_error": round(_spread(runs[0].pooled, len(within), draws), 4),
        "within": round(float(within.mean()), 4),
        "within_standard_error": round(float(within.std(ddof=1) / math.sqrt(len(within))), 4),
    }


def difference(runs: Sequence[Scored], others: Sequence[Scored], draws: int) -> dict[str, float]:
    """By how much the first are better, window against window."""
    better = np.mean([run.within() for run in runs], axis=0) - np.mean([run.within() for run in others], axis=0)
    pooled = np.mean([run.pooled() for run in runs]) - np.mean([run.pooled() for run in others])
    error = _spread(lambda drawn: runs[0].pooled(drawn) - others[0].pooled(drawn), len(better), draws)
    return {
        "pooled": round(float(pooled), 4),
        "pooled_standard_error": round(error, 4),
        "within": round(float(better.mean()), 4),
        "within_standard_error": round(float(better.std(ddof=1) / math.sqrt(len(better))), 4),
    }


def _spread(figure: Callable[[Sequence[int]], float], count: int, draws: int) -> float:
    """Standard error of a figure when other windows might have been drawn."""
    rng = np.random.default_rng(0)
    return float(np.std([figure(rng.integers(0, count, count).tolist()) for _ in range(draws)], ddof=1))


def measure(
    rows: TrainingRows, settings: Settings, seeds: Sequence[int], draws: int = _DRAWS
) -> dict[str, dict[str, float]]:
    """The figures of the model, of the calls' timing alone and of logistic regression."""

    def rolled(judged: TrainingRows, train: Train, seed: int) -> Scored:
        return roll(judged, train, seed, first=TRAIN, end=len(rows), length=TRAIN)

    model = [rolled(rows, trees(settings), seed) for seed in seeds]
    timing = [rolled(only(TIMING, rows), trees(settings), seed) for seed in seeds]
    plain = [rolled(rows, logistic, 0)]
    return {
        "judged": {"seeds": len(seeds), "rows": len(model[0].score), "positives": int(model[0].positive.sum())},
        "model": summary(model, draws),
        "timing_alone": summary(timing, draws),
        "logistic_regression": summary(plain, draws),
        "model_over_timing_alone": difference(model, timing, draws),
        "model_over_logistic_regression": difference(model, plain, draws),
    }


def choose(rows: TrainingRows, settings: Settings, seeds: Sequence[int]) -> list[dict[str, float]]:
    """Log loss and AUC of each learning rate inside the first rows, the lowest log loss first."""
    found = []
    for rate in RATES:
        train = trees(replace(settings, learning_rate=rate))
        runs = [roll(rows, train, seed, first=TRAIN // 2, end=TRAIN, length=TRAIN // 2) for seed in seeds]
        found.append(
            {
                "learning_rate": rate,
                "log_loss": round(float(np.mean([log_loss(run.score, run.positive) for run in runs])), 5),
                "pooled": round(float(np.mean([run.pooled() for run in runs])), 4),
                "within": round(float(np.mean([run.within() for run in runs])), 4),
            }
        )
    return sorted(found, key=lambda each: each["log_loss"])


def as_table(found: Mapping[str, Mapping[str, float]]) -> str:
    """The figures with their standard errors, and whether they reach what is asked of them."""
    judged = found["judged"]
    lines = [
        f"{judged['rows']:,} calls judged, {judged['positives']:,} of them positive, mean of {judged['seeds']} seeds",
        f"{'':34}{'pooled AUC':24}within windows",
    ]
    lines += [
        f"{name.replace('_', ' '):34}{_told(found[name], 'pooled'):24}{_told(found[name], 'within')}"
        for name in ("model", "timing_alone", "logistic_regression")
    ]
    for name, (pooled, within) in ASKED.items():
        row = found[name]
        met = row["pooled"] >= pooled and row["within"] >= within
        lines.append(
            f"{'met' if met else 'missed'}: {name.replace('_', ' ')} {_told(row, 'pooled')} / {_told(row, 'within')}, "
            f"asked {pooled} / {within}"
        )
    return "\n".join(lines)


def _told(row: Mapping[str, float], kind: str) -> str:
    return f"{row[kind]:.3f} (+-{row[f'{kind}_standard_error']:.3f})"


def main() -> None:
    """Measure or choose, as the command line says."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("csv", type=Path, help="bank-additional-full.csv")
    asked.add_argument("--choose", action="store_true", help="choose the learning rate inside rows 0 to 19,999")
    asked.add_argument("--seeds", type=int, default=5, help="how many")
    asked.add_argument("--json", action="store_true", help="print JSON")
    told = asked.parse_args()
    rows, settings = read_calls(told.csv, read_plan()), read_settings()
    if told.choose:
        text = json.dumps(choose(rows, settings, range(told.seeds)), indent=1)
    else:
        found = measure(rows, settings, range(told.seeds))
        text = json.dumps(found, indent=1) if told.json else as_table(found)
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
