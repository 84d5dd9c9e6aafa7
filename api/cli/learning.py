"""`nextbest train` and `evaluate`: making and judging propensity models."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import (
    DATA_DIR,
    FINDINGS,
    AsJson,
    DataDir,
    RulesDir,
    Usage,
    leave,
    plainly,
    progress,
    put,
    put_json,
    say,
)
from api.cli.interactions import Columns, LeftOut, train_own
from api.cli.serving import RedisUrl, SecretsFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.report import Report
    from models.train import Progress, TrainedModel

BankDir = Annotated[
    Path | None, typer.Option("--bank", help="Folder of the bank's files; default: bank/ of the data folder.")
]
DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@plainly
def train(
    rules: Annotated[Path, typer.Option("--rules", help="Folder of rule files, or a built bundle.")] = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    bank: BankDir = None,
    cutoff: Annotated[
        datetime | None, typer.Option("--cutoff", help="Use nothing that became known later.", formats=DAYS)
    ] = None,
    interactions: Annotated[
        Path | None,
        typer.Option("--interactions", help="Train on this table instead, a .csv or .parquet file of the bank's own."),
    ] = None,
    catalogue: Annotated[
        Path | None, typer.Option("--catalogue", help="The catalogue.yaml that declares the table's columns.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of models that a model of --interactions goes to.")
    ] = None,
    columns: Columns = None,
    left_out: LeftOut = None,
    answer_days: Annotated[
        float, typer.Option("--answer-days", min=0.0, help="Days in which an answer of --interactions comes.")
    ] = 7.0,
    seed: Annotated[int, typer.Option("--seed", help="Of everything that is drawn.")] = 7,
    tune: Annotated[
        int, typer.Option("--tune", min=0, max=200, help="Settings to try before; needs the extra `training`.")
    ] = 0,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    *,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Train on recorded decisions, with the very values that each read.")
    ] = False,
    promote: Annotated[bool, typer.Option(help="Make the model the current one.")] = True,
    as_json: AsJson = False,
) -> None:
    """Train a propensity model on the bank's contacts, and make it the current one if it verifies.

    The contacts are those of a bank's files (--rules, --data-dir, --bank), those that an installation recorded itself
    (--recorded), or any table (--interactions, --catalogue, --out) with the columns time, customer, action, channel,
    outcome and facts of the catalogue.
    """
    from api.bootstrap import compile_rules
    from models.artefact import Settings
    from models.train import train_from_bank

    with progress(quiet=as_json) as told:
        if interactions is not None:
            made = train_own(
                interactions,
                catalogue,
                out,
                settings=Settings(seed=seed, positive_days=answer_days),
                columns=columns or (),
                left_out=left_out or (),
                promote=promote,
                trials=tune,
                progress=lambda doing: told(doing, 0),
            )
        else:
            if not rules.exists():
                raise Usage(f"there are no rules in {rules}: name their folder with --rules")
            until = None if cutoff is None else cutoff.replace(tzinfo=UTC)
            if recorded:
                made = _train_recorded(
                    {"rules": rules, "data_dir": data_dir, "redis_url": redis_url, "secrets": secrets},
                    until,
                    seed=seed,
                    promote=promote,
                    trials=tune,
                    progress=lambda doing: told(doing, 0),
                )
            else:
                made = train_from_bank(
                    compile_rules(rules),
                    bank or data_dir / "bank",
                    data_dir / "models",
                    cutoff=until,
                    seed=seed,
                    promote=promote,
                    trials=tune,
                    progress=lambda doing: told(doing, 0),
                )
    if as_json:
        put_json(
            {
                "version": made.version,
                "promoted": made.promoted,
                "findings": list(made.findings),
                "against": list(made.against),
                "report": _as_data(made.report),
            }
        )
    else:
        for finding in made.findings:
            say(finding)
        put(f"model {made.version[:12]} {'is the current one' if made.promoted else 'stored'}")
        _put_report(made.report)
        for sentence in made.against:
            say(f"not promoted, the current model serves on: {sentence}")
    if made.against:
        leave(FINDINGS)


def _train_recorded(
    given: "Mapping[str, object]",
    until: datetime | None,
    *,
    seed: int,
    promote: bool,
    trials: int,
    progress: "Progress",
) -> "TrainedModel":
    import asyncio

    from api.bootstrap import compile_rules
    from api.learning.training import train_recorded
    from api.settings import Settings as Installation
    from models.artefact import Settings

    installation = Installation.model_validate(given)
    return asyncio.run(
        train_recorded(
            installation,
            compile_rules(installation.rules),
            settings=Settings(seed=seed),
            cutoff_s=None if until is None else int(until.timestamp()),
            promote=promote,
            trials=trials,
            progress=progress,
        )
    )


@plainly
def evaluate(
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since", help="First day of the contacts to judge on; default: after those trained on.", formats=DAYS
        ),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", help="Answers known by this day; default: all.", formats=DAYS)
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Version, or its first characters; default: the current.")
    ] = None,
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    bank: BankDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Judge a model on contacts that it was not trained on; exit code 1 says that it is out of calibration."""
    from api.bootstrap import compile_rules
    from models.evaluate import evaluate_model
    from models.registry import open_registry

    registry = open_registry(data_dir / "models")
    version = registry.resolve(model) if model else registry.current()
    loaded = registry.load(version)
    manifest = next(stored.manifest for stored in registry.models() if stored.version == version)
    assert manifest is not None, "a model that loads has a manifest"
    first = since.replace(tzinfo=UTC) if since else datetime.fromtimestamp(manifest.report.first_s, UTC)
    report = evaluate_model(
        compile_rules(rules),
        bank or data_dir / "bank",
        loaded,
        since=first,
        until=None if until is None else until.replace(tzinfo=UTC),
    )
    if as_json:
        put_json({"version": version, "report": _as_data(report), "findings": list(report.findings())})
    else:
        put(f"model {str(version)[:12]} on contacts from {first:%Y-%m-%d} on")
        _put_report(report)
        for finding in report.findings():
            put(finding)
    if report.findings():
        leave(FINDINGS)


def _as_data(report: "Report") -> object:
    import msgspec

    return msgspec.to_builtins(report)


def _put_report(report: "Report") -> None:
    overall, popular = report.overall, report.popularity
    put(
        f"{overall.rows:,} contacts, {overall.positives:,} positive: AUC {_shown(overall.auc)} "
        f"(popularity {_shown(popular.auc)}), lift of the best tenth over popularity's {report.lift:.2f}, "
        f"observed / expected {report.calibration.ratio:.2f}"
    )


def _shown(figure: float | None) -> str:
    return "unknown" if figure is None else f"{figure:.3f}"
