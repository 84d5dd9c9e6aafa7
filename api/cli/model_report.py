"""`nextbest models report`: a model beside its baselines, its drift and its fairness, as one page or as JSON."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, RulesDir, leave, plainly, put, put_json, say

if TYPE_CHECKING:
    from models.artefact import Manifest
    from models.evaluation.judging import Judged
    from models.propensity import PropensityModel
    from models.registry import Registry

DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
BankDir = Annotated[
    Path | None, typer.Option("--bank", help="Folder of the bank's files; default: bank/ of the data folder.")
]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since", help="First day of the contacts to judge on; default: after those trained on.", formats=DAYS
    ),
]
Until = Annotated[
    datetime | None, typer.Option("--until", help="Answers known by this day; default: all.", formats=DAYS)
]


@plainly
def report(
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the page goes; default: model-report.html.", dir_okay=False)
    ] = None,
    since: Since = None,
    until: Until = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Version, or its first characters; default: the current.")
    ] = None,
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    bank: BankDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Judge a model on later contacts than it was trained on, and write a page with its card, figures and plots.

    What speaks against serving it is kept as evidence, which `nextbest models promote` asks for; exit code 1 tells it.
    """
    from models.registry import open_registry

    registry = open_registry(data_dir / "models")
    version = registry.resolve(model) if model else registry.current()
    loaded, manifest, judged = _judged(registry, version, rules, bank or data_dir / "bank", since, until)
    if as_json:
        put_json({"version": loaded.version, **as_data(judged)})
    else:
        from models.evaluation.page import page

        file = out or Path("model-report.html")
        file.write_text(page(loaded.version, manifest, judged, title="Propensity model"), encoding="utf-8")
        for line in lines_of(judged):
            put(line)
        put(f"written: {file}")
    if judged.findings():
        leave(FINDINGS)


def _judged(
    registry: "Registry",
    version: str | None,
    rules: Path,
    bank: Path,
    since: datetime | None = None,
    until: datetime | None = None,
) -> "tuple[PropensityModel, Manifest, Judged]":
    """Judge a model, and keep what speaks against it."""
    from api.bootstrap import compile_rules
    from models.artefact import read_manifest
    from models.evaluation.judging import judge

    loaded = registry.load(version)
    manifest = read_manifest(registry.models_dir / loaded.version)
    judged = judge(compile_rules(rules), bank, loaded, manifest, since_s=_seconds(since), until_s=_seconds(until))
    _keep(registry.models_dir, loaded.version, judged)
    return loaded, manifest, judged


def look_at(registry: "Registry", version: str, rules: Path, bank: Path) -> None:
    """See that a model was looked at: where no report was made and the bank's files are there, make one now."""
    from models.promotion import read_evidence

    if "fairness" in {each.kind for each in read_evidence(registry.models_dir, version)}:
        return
    if rules.exists() and (bank / "contacts.parquet").is_file():
        say(f"no report has been made about {version[:12]}: looking at it now")
        _judged(registry, version, rules, bank)
    else:
        say(f"nobody has looked at {version[:12]}: no report was made, and there are no files in {bank} to make one of")


def _keep(models_dir: Path, version: str, judged: "Judged") -> None:
    """As evidence, one piece for each kind of thing that may keep a model from serving."""
    from models.promotion import Evidence, write_evidence

    now = datetime.now(UTC).isoformat(timespec="seconds")
    model = judged.study.contenders[0]
    kinds: dict[str, tuple[tuple[str, ...], dict[str, float | int | str | None]]] = {
        "evaluation": (
            judged.study.findings(),
            {
                "contacts": judged.study.rows,
                "auc": round(model.auc, 4),
                "log_loss": round(model.log_loss, 6),
                "observed_over_expected": round(model.observed_over_expected, 4),
                "calibration_slope": round(model.slope, 4),
            },
        ),
        "drift": (
            judged.drift.findings(),
            judged.drift.figures,
        ),
        "fairness": (
            judged.fairness.findings(),
            judged.fairness.figures,
        ),
    }
    for kind, (objections, figures) in kinds.items():
        write_evidence(models_dir, version, Evidence(kind=kind, at=now, objections=objections, figures=figures))


def lines_of(judged: "Judged") -> list[str]:
    """A judgement for a person at a terminal."""
    found = judged.study
    lines = [f"{found.rows:,} contacts, {found.positives:,} positive"]
    lines += [
        f"  {each.name}: AUC {each.auc:.3f} (inside weeks {each.within:.3f}, inside actions {each.by_action:.3f}), "
        f"log loss {each.log_loss:.5f}, observed / expected {each.observed_over_expected:.2f}, "
        f"lift of the best tenth {each.top_rate:.2f}"
        for each in found.contenders
    ]
    immature = [each.action for each in found.actions if each.maturity < 0.5]
    if immature:
        lines.append(f"  immature: {', '.join(immature)}")
    return [*lines, *(f"  to look at: {each}" for each in judged.fairness.notes()), *judged.findings()]


def as_data(judged: "Judged") -> dict[str, object]:
    """A judgement as JSON holds it."""
    import msgspec

    told: dict[str, object] = msgspec.to_builtins(judged)
    return {**told, "findings": list(judged.findings()), "notes": list(judged.fairness.notes())}


def _seconds(day: datetime | None) -> int | None:
    return None if day is None else int(day.replace(tzinfo=UTC).timestamp())
