"""From the weeks of several worlds to figures, targets and plots."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Final

from bench.learning.loop import Week
from bench.report import CaseResult, Figure, Target

BEFORE: Final = range(9, 13)
"""The weeks that are judged before the change."""
LAST: Final = 21
NEWCOMERS_JUDGED: Final = 12
"""Eight weeks after the launch."""
MODEL, POPULARITY, ENGINE = "model", "popularity", "engine"
Runs = Mapping[tuple[int, str], Sequence[Week]]
"""By seed and chooser."""


def read_runs(folder: Path) -> dict[tuple[int, str], list[Week]]:
    """The runs that were kept."""
    runs = {}
    for file in sorted(folder.glob("*.json")):
        seed, _, chooser = file.stem.partition("-")
        runs[int(seed), chooser] = [_week(each) for each in json.loads(file.read_text(encoding="utf-8"))["weeks"]]
    return runs


def _week(told: Mapping[str, Any]) -> Week:
    return Week(**{name: value for name, value in told.items() if name != "capture"})


def write_run(file: Path, weeks: Sequence[Week], **made: object) -> None:
    """Keep a run."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        json.dumps({**made, "weeks": [week.as_data() for week in weeks]}, indent=1) + "\n", encoding="utf-8"
    )


def pooled(weeks: Sequence[Week], wanted: Sequence[int]) -> Week:
    """Some weeks as one."""
    sums = Week(number=0)
    for week in weeks:
        if week.number in wanted:
            sums.slots += week.slots
            for name, value in week.worth.items():
                sums.worth[name] = sums.worth.get(name, 0.0) + value
    return sums


def paired(runs: Runs) -> list[int]:
    """The seeds that both choosers have lived through."""
    return sorted({seed for seed, _ in runs if (seed, MODEL) in runs and (seed, POPULARITY) in runs})


def result(runs: Runs) -> CaseResult:
    """Means over the seeds that both choosers have lived through, and the targets."""
    seeds = paired(runs)
    if not seeds:
        raise ValueError("no seed has been lived through by both the model and popularity")
    models, populars = [runs[seed, MODEL] for seed in seeds], [runs[seed, POPULARITY] for seed in seeds]
    before = [pooled(weeks, BEFORE) for weeks in models]
    popular = [pooled(weeks, BEFORE) for weeks in populars]
    after = [pooled(weeks, [LAST]) for weeks in models]
    changed = [pooled(weeks, range(14, LAST + 1)) for weeks in models]
    every = [pooled(weeks, range(1, LAST + 1)) for weeks in models]
    shares = [_newcomers(weeks) for weeks in models]
    capture = [week.capture() for week in before]
    return CaseResult(
        case="learning",
        title=f"the learning loop on the hidden world, {len(seeds)} worlds",
        figures=(
            *_error(capture),
            Figure(
                what="popularity's capture in weeks 9 to 12", value=fmean(week.capture() for week in popular), unit=""
            ),
            Figure(what="the omniscient oracle's", value=fmean(week.capture("omniscient") for week in before), unit=""),
            Figure(
                what="popularity's capture in week 21",
                value=fmean(pooled(w, [LAST]).capture() for w in populars),
                unit="",
            ),
            Figure(
                what="the frozen model's capture in week 21",
                value=fmean(week.capture("frozen") for week in after),
                unit="",
            ),
            Figure(what="slots a week", value=fmean(week.slots for week in before) / len(BEFORE), unit=""),
        ),
        targets=(
            Target(what="capture in weeks 9 to 12", bound="at least", target=0.6, measured=fmean(capture)),
            Target(
                what="regret in weeks 9 to 12, of popularity's",
                bound="at most",
                target=0.65,
                measured=fmean(week.regret for week in before) / fmean(week.regret for week in popular),
            ),
            Target(
                what="capture in week 21, of that before the change",
                bound="at least",
                target=0.9,
                measured=fmean(week.capture() for week in after) / fmean(capture),
            ),
            Target(
                what="capture in weeks 14 to 21 over the frozen model's",
                bound="at least",
                target=0.0,
                measured=fmean(week.capture() - week.capture("frozen") for week in changed),
            ),
            Target(
                what="value, of the greedy choice's",
                bound="at least",
                target=0.98,
                measured=sum(w.worth["chosen"] for w in every) / sum(w.worth["greedy"] for w in every),
            ),
            Target(
                what="share of the action that 3% like, of the oracle's, after 8 weeks",
                bound="at least",
                target=0.8,
                measured=sum(hit for hit, _, _ in shares) / max(1e-9, sum(oracle for _, oracle, _ in shares)),
            ),
            Target(
                what="share of the action that 0.1% like",
                bound="at most",
                target=0.01,
                measured=fmean(dud for _, _, dud in shares),
            ),
        ),
        notes=(*_by_seed(seeds, models), *_through_engine(runs)),
    )


def _newcomers(weeks: Sequence[Week]) -> tuple[float, float, float]:
    """The good newcomer's share and the oracle's when judged, and the poor one's since the launch."""
    judged = next(week for week in weeks if week.number == NEWCOMERS_JUDGED)
    launched = [week for week in weeks if week.admitted[1]]
    return (
        judged.shown[0] / max(1, judged.admitted[0]),
        judged.oracle_shown[0] / max(1, judged.admitted[0]),
        sum(week.shown[1] for week in launched) / max(1, sum(week.admitted[1] for week in launched)),
    )


def _error(values: Sequence[float]) -> tuple[Figure, ...]:
    """Nothing can be said of one world's."""
    if len(values) < 2:
        return ()
    spread = stdev(values) / math.sqrt(len(values))
    return (Figure(what="capture in weeks 9 to 12, standard error over worlds", value=spread, unit=""),)


def _by_seed(seeds: Sequence[int], models: Sequence[Sequence[Week]]) -> Iterator[str]:
    for seed, weeks in zip(seeds, models, strict=True):
        told = ", ".join(f"{pooled(weeks, wanted).capture():.3f}" for wanted in ([1], BEFORE, [13], [LAST]))
        yield f"seed {seed}: capture in week 1, weeks 9 to 12, 13 and 21: {told}"


def _through_engine(runs: Runs) -> Iterator[str]:
    for (seed, chooser), weeks in runs.items():
        if chooser == ENGINE:
            told = ", ".join(f"{pooled(weeks, wanted).capture():.3f}" for wanted in ([1], BEFORE, [13], [LAST]))
            yield f"seed {seed} through the engine: {told}"


def plot(runs: Runs, file: Path) -> None:
    """Capture week by week, the mean of all worlds; a plot needs the extra `reports`."""
    import matplotlib as mpl  # noqa: PLC0415 - the figures do without

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(8, 4))
    for chooser, policy, label in (
        (MODEL, "chosen", "model, as shown"),
        (MODEL, "greedy", "model, always the best score"),
        (MODEL, "frozen", "model of week 12"),
        (POPULARITY, "chosen", "popularity"),
    ):
        numbers, captures = _curve([weeks for (_, name), weeks in runs.items() if name == chooser], policy)
        axes.plot(numbers, captures, label=label)
    axes.axvline(12.5, color="grey", linestyle=":")
    axes.set(xlabel="week", ylabel="capture (0: random, 1: observable oracle)", ylim=(0, 1))
    axes.legend()
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def _curve(runs: Sequence[Sequence[Week]], policy: str) -> tuple[list[int], list[float]]:
    numbers = sorted({week.number for weeks in runs for week in weeks if policy in week.worth})
    means = [
        fmean(week.capture(policy) for weeks in runs for week in weeks if week.number == number) for number in numbers
    ]
    return numbers, means
