"""`nextbest train --interactions` and `nextbest score`: models from a bank's own table, without an installation."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import AsJson, Usage, plainly, put, put_json, say

if TYPE_CHECKING:
    from models.artefact import Settings
    from models.propensity import PropensityModel
    from models.train import Progress, TrainedModel

Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=COLUMN", help="What the table calls a column: outcome=y. Repeat it."),
]
LeftOut = Annotated[
    list[str] | None, typer.Option("--leave-out", metavar="COLUMN", help="A column that nobody reads. Repeat it.")
]


def train_own(
    interactions: Path,
    catalogue: Path | None,
    out: Path | None,
    *,
    settings: "Settings",
    columns: Sequence[str],
    left_out: Sequence[str],
    promote: bool,
    trials: int,
    progress: "Progress",
) -> "TrainedModel":
    """Train on a table of interactions into a folder of models."""
    from models.interactions.training import train_from_interactions

    if catalogue is None or out is None:
        raise Usage("--interactions needs --catalogue FILE, which declares the columns, and --out DIR for the model")
    return train_from_interactions(
        interactions,
        catalogue,
        out.absolute(),
        settings=settings,
        renamed=pairs(columns),
        left_out=left_out,
        promote=promote,
        trials=trials,
        progress=progress,
    )


@plainly
def score(
    model: Annotated[Path, typer.Option("--model", help="Folder of one model, or of several of which one is current.")],
    table: Annotated[Path, typer.Option("--in", help="Rows to score, a .csv or .parquet file.")],
    out: Annotated[Path, typer.Option("--out", help="Where the scores go, a .csv or .parquet file.")],
    columns: Columns = None,
    left_out: LeftOut = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Score the rows of a table: the propensity of each action for each customer at each instant."""
    from models.interactions.scoring import score_file, write_scores

    loaded = _loaded(model.absolute())
    scores = score_file(loaded, table, renamed=pairs(columns or ()), left_out=left_out or ())
    write_scores(scores.frame, out)
    if as_json:
        put_json(
            {"model": loaded.version, "rows": len(scores.frame), "out": str(out), "findings": list(scores.findings)}
        )
        return
    for finding in scores.findings:
        say(finding)
    put(f"{len(scores.frame):,} rows scored by model {loaded.version[:12]}: {out}")


def _loaded(folder: Path) -> "PropensityModel":
    from models.artefact import MANIFEST
    from models.loading import load_model
    from models.registry import open_registry
    from models.verify import verify_in_child

    if not folder.is_dir():
        raise Usage(f"there is no folder {folder}")
    if (folder / MANIFEST).is_file():
        verify_in_child(folder)
        return load_model(folder)
    return open_registry(folder).load()


def pairs(columns: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in columns]
    wrong = next(
        (text for text, (name, between, theirs) in zip(columns, pairs, strict=True) if not (name and theirs)), None
    )
    if wrong is not None:
        raise Usage(f"--column {wrong} must be NAME=COLUMN, such as outcome=y")
    return {name: theirs for name, _, theirs in pairs}
