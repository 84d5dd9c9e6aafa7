"""`nextbest models`: which models there are, which one serves, and who decided so."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import challengers
from api.cli.challengers import Version, Who, Why
from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, RulesDir, leave, plainly, put, put_json, say
from api.cli.model_parity import parity
from api.cli.model_report import BankDir, look_at, report
from api.cli.model_trials import trials
from api.cli.model_uplift import uplift
from api.cli.model_watch import watch

if TYPE_CHECKING:
    from models.registry import StoredModel

models = typer.Typer(name="models", help="List models, and choose the one that serves.", invoke_without_command=True)


@models.callback()
@plainly
def overview(context: typer.Context, data_dir: DataDir = DATA_DIR, *, as_json: AsJson = False) -> None:
    """List the models of an installation, the newest training data first."""
    if context.invoked_subcommand is None:
        _list(data_dir, as_json=as_json)


@models.command("list")
@plainly
def list_models(data_dir: DataDir = DATA_DIR, *, as_json: AsJson = False) -> None:
    """List the models of an installation, the newest training data first; an asterisk marks the one that serves."""
    _list(data_dir, as_json=as_json)


def _list(data_dir: Path, *, as_json: bool) -> None:
    from models.registry import open_registry

    stored = open_registry(data_dir / "models").models()
    if as_json:
        listed = [{"version": each.version, "current": each.current, "problem": each.problem} for each in stored]
        put_json({"models": listed})
        return
    for each in stored:
        put(f"{'*' if each.current else ' '} {each.version[:12]}  {_told(each)}")
    if not stored:
        put("no model has been trained: the baseline scores")


def _told(stored: "StoredModel") -> str:
    manifest = stored.manifest
    if manifest is None:
        return stored.problem
    auc = manifest.report.overall.auc
    seen, immature = len(manifest.learned.rates.impressions), len(manifest.learned.rates.immature())
    told = f", {immature} of {seen} actions immature" if immature else ""
    if manifest.learned.effects:
        told += f", corrected by trials of {', '.join(each.action for each in manifest.learned.effects)}"
    return (
        f"trained until {datetime.fromtimestamp(manifest.training.cutoff_s, UTC):%Y-%m-%d} on "
        f"{manifest.training.impressions:,} contacts, AUC {'unknown' if auc is None else f'{auc:.3f}'}{told}"
    )


models.command("report")(report)
models.command("shadow")(challengers.shadow)
models.command("challenge")(challengers.challenge)
models.command("end-challenge")(challengers.end_challenge)
models.command("traffic")(challengers.traffic)
models.command("watch")(watch)
models.command("parity")(parity)
models.command("trials")(trials)
models.command("uplift")(uplift)


@models.command("maturity")
@plainly
def maturity(
    model: Annotated[
        str | None, typer.Option("--model", help="Version, or its first characters; default: the current.")
    ] = None,
    data_dir: DataDir = DATA_DIR,
    *,
    as_json: AsJson = False,
) -> None:
    """Tell how well a model knows each action: from 0 (scored by its group) to 1; exploration bounds the immature."""
    from models.artefact import read_manifest
    from models.errors import ModelRefused
    from models.registry import open_registry

    registry = open_registry(data_dir / "models")
    version = registry.resolve(model) if model else registry.current()
    if version is None:
        raise ModelRefused("no model has been promoted yet")
    rates = read_manifest(data_dir / "models" / version).learned.rates
    if as_json:
        put_json(
            {
                "version": version,
                "actions": [
                    {
                        "action": action,
                        "maturity": rates.maturity_of(action),
                        "positives": rates.positives.get(action, {}),
                        "launched": action in rates.launched,
                    }
                    for action in sorted(rates.impressions)
                ],
            }
        )
        return
    for action in sorted(rates.impressions, key=lambda action: (rates.maturity_of(action), action)):
        positives = sum(rates.positives.get(action, {}).values())
        told = [f"{rates.maturity_of(action):.2f}  {action}: {positives:,} positive answers"]
        told += ["immature"] if rates.maturity_of(action) < 0.5 else []
        told += ["launched lately"] if action in rates.launched else []
        put("  ".join(told))


@models.command("promote")
@plainly
def promote_model(
    version: Version,
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    bank: BankDir = None,
    why: Why = "",
    by: Who = "",
    *,
    overrule: Annotated[
        bool, typer.Option("--overrule", help="Promote it although something speaks against it; --why says why.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Verify a model in a process of its own and make it the current one; exit code 1 tells what speaks against it.

    Where no report has been made about it and the bank's files are there, one is made first.
    """
    from api.cli.console import Usage
    from models.registry import open_registry

    registry = open_registry(data_dir / "models")
    full = registry.resolve(version)
    if overrule and not why:
        raise Usage("--overrule needs --why: the journal keeps the reason")
    look_at(registry, full, rules, bank or data_dir / "bank")
    against = registry.objections(full)
    if against and not overrule:
        if as_json:
            put_json({"promoted": False, "current": registry.current(), "objections": list(against)})
        else:
            for sentence in against:
                say(sentence)
            say(f"{full[:12]} is not promoted: add --overrule --why REASON if it should serve in spite of that")
        leave(FINDINGS)
    registry.promote(full, who=by, why=why, overruled=against)
    if as_json:
        put_json({"promoted": True, "current": full, "objections": list(against)})
    else:
        put(f"{full[:12]} is the current model; servers that run take it up by themselves")


@models.command("rollback")
@plainly
def roll_back(data_dir: DataDir = DATA_DIR, why: Why = "", by: Who = "", *, as_json: AsJson = False) -> None:
    """Let the model serve again that served before the current one."""
    from models.registry import open_registry

    full = open_registry(data_dir / "models").rollback(who=by, why=why)
    if as_json:
        put_json({"current": full})
    else:
        put(f"{full[:12]} is the current model again; servers that run take it up by themselves")


@models.command("journal")
@plainly
def journal(data_dir: DataDir = DATA_DIR, *, as_json: AsJson = False) -> None:
    """Tell who made which model the current one, when and why, the latest first."""
    import msgspec

    from models.journal import changes

    found = changes(data_dir / "models")[::-1]
    if as_json:
        put_json({"changes": msgspec.to_builtins(found)})
        return
    for each in found:
        overruled = f" (overruled: {'; '.join(each.objections)})" if each.objections else ""
        put(
            f"{each.at:%Y-%m-%d %H:%M}  {each.what:<13} {(each.version or '-')[:12]}  by {each.who}"
            f"{f': {each.why}' if each.why else ''}{overruled}"
        )
    if not found:
        put("no model has been promoted")
