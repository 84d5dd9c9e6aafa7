"""`nextbest models shadow`: a model that does not serve yet is held against what did."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, RulesDir, leave, plainly, put, put_json
from api.cli.serving import RedisUrl, SecretsFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.experiments.shadow import Shadow, ShadowReport
    from api.settings import Settings
    from models.propensity import PropensityModel


@plainly
def shadow(
    version: Annotated[str, typer.Argument(help="The model's version, or its first characters.")],
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    since: Annotated[
        datetime | None, typer.Option("--since", help="First day of the decisions; default: all.", formats=["%Y-%m-%d"])
    ] = None,
    answer_days: Annotated[float, typer.Option("--answer-days", min=0.0, help="Days in which an answer comes.")] = 7.0,
    *,
    as_json: AsJson = False,
) -> None:
    """Make recorded decisions again with a model that does not serve, and tell what it would have been worth.

    What is found is kept as evidence: a model that would have been worse is not promoted unless somebody overrules it.
    Nobody waits for it; the recorded decisions are read while the servers serve.
    """
    import asyncio

    from api.settings import Settings
    from models.promotion import write_evidence
    from models.registry import open_registry

    registry = open_registry(data_dir / "models")
    full = registry.resolve(version)
    settings = Settings.model_validate(
        {"rules": rules, "data_dir": data_dir, "redis_url": redis_url, "secrets": secrets}
    )
    since_ms = 0 if since is None else int(since.replace(tzinfo=UTC).timestamp() * 1_000)
    seen = asyncio.run(_shadow(settings, registry.load(full), since_ms))
    found = seen.report(answer_days)
    evidence = found.evidence(datetime.now(UTC))
    write_evidence(registry.models_dir, full, evidence)
    if as_json:
        import msgspec

        put_json({"version": full, "shadow": msgspec.to_builtins(found), "objections": list(evidence.objections)})
    else:
        for line in _lines_of(found):
            put(line)
        for sentence in evidence.objections:
            put(sentence)
    if evidence.objections:
        leave(FINDINGS)


async def _shadow(settings: "Settings", challenger: "PropensityModel", since_ms: int) -> "Shadow":
    from api.archiving.files import ARCHIVE
    from api.archiving.known import Known
    from api.archiving.makers import Makers
    from api.bootstrap import open_stores
    from api.experiments.recorded import walk
    from api.experiments.shadow import KeptChallenging, Shadow
    from api.ports import Stream
    from api.security import open_secrets
    from api.tokens import TokenCodec

    keys = open_secrets(settings)
    known = Known(settings.data_dir / ARCHIVE)
    challenging = KeptChallenging(Makers(settings, keys, known), TokenCodec(keys), challenger)
    seen = Shadow(challenging, since_ms=since_ms)
    async with open_stores(settings, keys, patient=True) as stores:
        await known.learn(stores.records)
        await walk(stores.journal, Stream.DECISIONS, seen.see, settings.data_dir / ARCHIVE)
    return seen


def _lines_of(found: "ShadowReport") -> "Iterator[str]":
    yield (
        f"{found.decisions:,} decisions with a draw; {found.slots:,} first draws whose answers are in; "
        f"{found.moved:.1%} of the choices would move"
    )
    for what, count in sorted(found.missing.items()):
        yield f"  {count:,} decisions are left out: their {what} are not kept"
    if found.unreadable:
        yield f"  {found.unreadable:,} entries cannot be read"
    compared = found.comparison
    if compared is None:
        yield "  not enough evidence: there is no positive answer"
        return
    verdict = str(compared.verdict).replace("_", " ")
    yield (
        f"  {verdict}; lift {compared.lift.value:+.1%} ({compared.lift.low:+.1%} to {compared.lift.high:+.1%}), doubly "
        f"robust {compared.lift_doubly_robust.value:+.1%} ({compared.lift_doubly_robust.low:+.1%} to "
        f"{compared.lift_doubly_robust.high:+.1%})"
    )
    evidence = compared.policy.evidence
    yield f"  {evidence.positives:,} positive answers match, worth {evidence.effective:,.0f} slots of equal weight"
    if compared.detectable_lift is not None:
        yield f"  such a log shows a lift of {compared.detectable_lift:.1%} four times in five"
