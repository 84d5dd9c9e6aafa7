"""`nextbest models shadow | challenge | traffic`: a model that does not serve yet is held against what does."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.archive import reachable
from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, RulesDir, Usage, leave, plainly, put, put_json
from api.cli.serving import RedisUrl, SecretsFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.experiments.recorded import See
    from api.experiments.shadow import Shadow, ShadowReport
    from api.settings import Settings
    from models.propensity import PropensityModel


Version = Annotated[str, typer.Argument(help="The model's version, or its first characters.")]
Who = Annotated[str, typer.Option("--by", help="Who decides; default: who runs the command.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the journal.")]


@plainly
def challenge(
    version: Version,
    data_dir: DataDir = DATA_DIR,
    share: Annotated[float, typer.Option("--share", min=0.1, max=50.0, help="Percent of the customers.")] = 10.0,
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="After which the two are compared, once.")] = 28,
    why: Why = "",
    by: Who = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Let a model score for a share of the customers, drawn by a hash; servers that run take it up by themselves."""
    from models.registry import open_registry

    registry = open_registry(data_dir / "models")
    began = registry.challenge(registry.resolve(version), share=share / 100, days=days, who=by, why=why)
    if as_json:
        put_json({"challenger": began.version, "share": began.share, "until": began.until})
    else:
        put(f"{began.version[:12]} scores for {share:g}% of the customers; it is compared on {began.until:%Y-%m-%d}")


@plainly
def end_challenge(data_dir: DataDir = DATA_DIR, why: Why = "", by: Who = "", *, as_json: AsJson = False) -> None:
    """Let the current model score for everybody again."""
    from models.registry import open_registry

    ended = open_registry(data_dir / "models").end_challenge(who=by, why=why)
    if as_json:
        put_json({"ended": ended})
    else:
        put(f"{ended[:12]} scores for nobody any more; servers that run take that up by themselves")


@plainly
def traffic(
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Compare the customers of the challenger with those of the current model, once the day is reached."""
    import asyncio

    from api.bootstrap import compile_rules
    from api.experiments.traffic import Traffic
    from api.settings import Settings
    from models.challenge import read_challenge
    from models.promotion import write_evidence

    running = read_challenge(data_dir / "models")
    if running is None:
        raise Usage("no challenge runs: begin one with `nextbest models challenge`")
    settings = Settings.model_validate(
        {"rules": rules, "data_dir": data_dir, "redis_url": redis_url, "secrets": secrets}
    )
    seen = Traffic(running, compile_rules(rules))
    asyncio.run(_walk(settings, seen.see))
    now = datetime.now(UTC)
    found = seen.report(now)
    evidence = found.evidence(now)
    write_evidence(data_dir / "models", running.version, evidence)
    if as_json:
        import msgspec

        put_json({"traffic": msgspec.to_builtins(found), "objections": list(evidence.objections)})
    else:
        for name, side in (("the challenger's", found.challenger), ("the current model's", found.current)):
            put(f"{name}: {side.converted:,} of {side.customers:,} customers gave a positive answer")
        if found.comparison is not None:
            put(str(found.comparison.verdict).replace("_", " "))
        for sentence in evidence.objections:
            put(sentence)
    if evidence.objections:
        leave(FINDINGS)


async def _walk(settings: "Settings", see: "See") -> None:
    from api.archiving.files import ARCHIVE
    from api.bootstrap import open_stores
    from api.experiments.recorded import walk
    from api.ports import Stream
    from api.security import open_secrets

    async with AsyncExitStack() as stack:
        journal = None
        if reachable(settings):
            stores = await stack.enter_async_context(open_stores(settings, open_secrets(settings), patient=True))
            journal = stores.journal
        await walk(journal, Stream.DECISIONS, see, settings.data_dir / ARCHIVE)


@plainly
def shadow(
    version: Version,
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
    from api.experiments.shadow import KeptChallenging, Shadow
    from api.security import open_secrets
    from api.tokens import TokenCodec

    keys = open_secrets(settings)
    known = Known(settings.data_dir / ARCHIVE)
    challenging = KeptChallenging(Makers(settings, keys, known), TokenCodec(keys), challenger)
    seen = Shadow(challenging, since_ms=since_ms)
    if reachable(settings):
        async with open_stores(settings, keys, patient=True) as stores:
            await known.learn(stores.records)
    await _walk(settings, seen.see)
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
