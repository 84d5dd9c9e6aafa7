"""`nextbest models uplift`: what offers change, from trials in which chance decided who went without."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from api.cli.console import DATA_DIR, AsJson, DataDir, plainly, progress, put, put_json, say
from api.cli.interactions import Columns, LeftOut, pairs

if TYPE_CHECKING:
    from models.evaluation.off_policy import Estimate
    from models.uplift.estimating import Estimated
    from models.uplift.judging import Judged

_VERDICTS: Final = {
    "not_enough_evidence": "not enough evidence: its propensity serves",
    "adds": "the offer adds conversions: its propensity serves",
    "adds_less": "the offer adds conversions, but fewer than come after it",
    "anyway": "customers buy it anyway",
    "takes": "the offer takes conversions away",
}


@plainly
def uplift(
    trials: Annotated[
        Path,
        typer.Option("--trials", help="Offers that were made or, by chance, withheld: a .csv or .parquet file."),
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="Version, or its first characters; default: the current.")
    ] = None,
    data_dir: DataDir = DATA_DIR,
    columns: Columns = None,
    left_out: LeftOut = None,
    seed: Annotated[int, typer.Option("--seed", help="Of everything that is drawn.")] = 7,
    *,
    trees: Annotated[
        bool, typer.Option(help="Grow effect trees, customer by customer; needs the extra `uplift`.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Tell what each offer changes, and store the model anew with what surely ranks better than its propensity.

    Columns: time, customer, action, withheld, treatment_probability, outcome (whether the product was opened in the
    window after, offered or not), propensity where it is known, and facts. `all_offers` in place of an action stands
    for customers who went without any. The model that is stored does not serve until it is promoted.
    """
    import msgspec

    from models.errors import ModelRefused
    from models.registry import open_registry
    from models.uplift.estimating import estimate
    from models.uplift.trials import read_trials

    registry = open_registry(data_dir / "models")
    version = registry.resolve(model) if model else registry.current()
    if version is None:
        raise ModelRefused("no model has been promoted yet: train one, for effects correct its propensities")
    loaded = registry.load(version)
    with progress(quiet=as_json) as told:
        told("reading the trials", 0)
        table = read_trials(trials, loaded.learned.features, renamed=pairs(columns or ()), left_out=left_out or ())
        found = estimate(
            registry.models_dir, version, table.trials, grow=trees, seed=seed, say=lambda doing: told(doing, 0)
        )
    if as_json:
        put_json({"model": version, "findings": list(table.findings), **msgspec.to_builtins(found)})
        return
    for finding in table.findings:
        say(finding)
    for line in lines_of(found):
        put(line)


def lines_of(found: "Estimated") -> Iterator[str]:
    """What was found, for a person."""
    for each in found.judged:
        yield from _lines_of_action(each)
    if found.version is None:
        yield "nothing surely ranks better than propensity: the model stays as it is"
        return
    for effect in found.effects:
        told = "effect trees" if effect.trees else f"{effect.share:.2f} of its propensity"
        yield f"learned of {effect.action}: {told}"
    yield f"stored as {found.version[:12]}; it serves after: nextbest models promote {found.version[:12]}"


def _lines_of_action(judged: "Judged") -> Iterator[str]:
    yield f"{judged.action}: {_VERDICTS[judged.verdict]}"
    yield (
        f"  {judged.converted_shown:,} conversions after {judged.shown:,} offers, {judged.converted_withheld:,} after "
        f"{judged.rows - judged.shown:,} that were withheld, of {judged.customers:,} customers"
    )
    told = f"  adds {_in_thousands(judged.effect)} conversions a thousand"
    if judged.promised is not None:
        told += f", where propensity promises {judged.promised * 1e3:.2f}"
    yield f"{told}; causes {_in_percent(judged.caused)} of those after it"
    if judged.left_alone is not None and judged.ranking is not None:
        alone = judged.left_alone
        better = "surely better" if judged.trees_are_better else "not surely better"
        yield (
            f"  effect trees would leave {alone.customers:,} customers alone: on them it adds "
            f"{_in_thousands(alone.effect)} a thousand; {better}"
        )
    elif judged.ranking is not None:
        better = "surely better" if judged.trees_are_better else "not surely better"
        yield f"  effect trees rank {better} than propensity: {_in_thousands(judged.ranking)} a thousand more"
    for part in judged.parts:
        sign = " - it takes conversions there" if part.effect.high < 0.0 else ""
        yield f"  {part.name}: {part.customers:,} customers, adds {_in_thousands(part.effect)} a thousand{sign}"


def _in_thousands(found: "Estimate") -> str:
    return f"{found.value * 1e3:+.2f} ({found.low * 1e3:+.2f} to {found.high * 1e3:+.2f})"


def _in_percent(found: "Estimate") -> str:
    return f"{found.value:.0%} ({found.low:.0%} to {found.high:.0%})"
