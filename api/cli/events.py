"""`nextbest events quarantined`: what was put aside, why, and what is to become of it."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Annotated, TypeVar

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
    put,
    put_json,
    say,
)

if TYPE_CHECKING:
    from api.ingestion.quarantine import Aside, AsideId, Quarantine
    from api.settings import Settings
    from engine.plan import Catalogue

events = typer.Typer(name="events", help="Events that came in.", no_args_is_help=True)
quarantined = typer.Typer(
    name="quarantined",
    help="Events that were put aside: look at them, take them in, or drop them.",
    no_args_is_help=True,
)
events.add_typer(quarantined)

RedisUrl = Annotated[
    str | None,
    typer.Option("--redis-url", help="An external store; default: the embedded one.", envvar="NEXTBEST_REDIS_URL"),
]
SecretsFile = Annotated[
    Path | None, typer.Option("--secrets", help="Secrets file; needed with --redis-url.", dir_okay=False)
]
Ids = Annotated[list[str] | None, typer.Argument(help="Which ones, as `list` names them.", show_default=False)]
Reason = Annotated[str | None, typer.Option("--reason", help="Those put aside for this reason.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Every one.")]
T = TypeVar("T")


@quarantined.command("list")
@plainly
def list_(
    reason: Reason = None,
    limit: Annotated[int, typer.Option("--limit", help="How many are listed, latest first.", min=0)] = 20,
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List what was put aside, latest first, and count it by reason."""
    from collections import Counter
    from heapq import nlargest

    async def look(quarantine: "Quarantine") -> "tuple[Counter[str], list[Aside]]":
        counts: Counter[str] = Counter()
        latest: list[Aside] = []
        async for each in quarantine.everything():
            if reason is None or each.reason == reason:
                counts[each.reason] += 1
                latest.append(each)
            if len(latest) > 2 * limit + 1_000:
                latest = nlargest(limit, latest, key=_when)
        return counts, nlargest(limit, latest, key=_when)

    counts, latest = _with_store(_settings(data_dir, redis_url, secrets), look)
    if as_json:
        put_json({"total": counts.total(), "by_reason": dict(counts), "events": [_told(each) for each in latest]})
        return
    for each in latest:
        told = _told(each)
        put(f"{told['id']}  {told['put_aside_at']}  {each.reason}  {told.get('type', '?')} {told.get('source', '?')}")
    by_reason = ", ".join(f"{count:,} {name}" for name, count in counts.most_common())
    put(f"{counts.total():,} put aside" + (f": {by_reason}" if by_reason else ""))


@quarantined.command()
@plainly
def show(
    name: Annotated[str, typer.Argument(help="Which one, as `list` names it.", metavar="ID")],
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show one of them whole, with the customer's data that it holds."""
    wanted = _id(name)
    found = _with_store(_settings(data_dir, redis_url, secrets), lambda quarantine: quarantine.find(wanted))
    if found is None:
        raise Usage(f"nothing is put aside under {name}")
    told = _told(found, whole=True)
    if as_json:
        put_json(told)
        return
    for key, value in told.items():
        put(f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")


@quarantined.command()
@plainly
def retry(
    ids: Ids = None,
    reason: Reason = None,
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    *,
    every: All = False,
    as_json: AsJson = False,
) -> None:
    """Take them in again, each once however often this is asked; exit code 1 says that some are refused again."""
    from collections import Counter

    _see_that_something_is_named(ids, reason, every=every)
    settings = _settings(data_dir, redis_url, secrets)
    catalogue = _catalogue(settings, rules)

    async def again(quarantine: "Quarantine") -> "tuple[Counter[str], list[dict[str, str]]]":
        results: Counter[str] = Counter()
        refused = []
        async for each in _wanted(quarantine, ids, reason):
            result = await quarantine.retry(each, catalogue)
            results[result.status] += 1
            if result.reason is not None:
                refused.append({"id": str(each.id), "reason": result.reason, "detail": result.detail})
        return results, refused

    results, refused = _with_store(settings, again)
    if as_json:
        put_json({"results": dict(results), "refused": refused})
    else:
        for one in refused:
            say(f"{one['id']}: {one['reason']}" + (f", {one['detail']}" if one["detail"] else ""))
        counted = ", ".join(f"{count:,} {status}" for status, count in sorted(results.items()))
        put(counted or "nothing is put aside")
    if refused:
        leave(FINDINGS)


@quarantined.command()
@plainly
def drop(
    ids: Ids = None,
    reason: Reason = None,
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    *,
    every: All = False,
    as_json: AsJson = False,
) -> None:
    """Drop them for good."""
    _see_that_something_is_named(ids, reason, every=every)

    async def away(quarantine: "Quarantine") -> int:
        return sum([await quarantine.drop(each) async for each in _wanted(quarantine, ids, reason)])

    dropped = _with_store(_settings(data_dir, redis_url, secrets), away)
    if as_json:
        put_json({"dropped": dropped})
    else:
        put(f"{dropped:,} dropped")


async def _wanted(quarantine: "Quarantine", ids: Sequence[str] | None, reason: str | None) -> "AsyncIterator[Aside]":
    if ids:
        for wanted in [_id(each) for each in ids]:
            found = await quarantine.find(wanted)
            if found is None:
                raise Usage(f"nothing is put aside under {wanted}")
            yield found
        return
    begun_ms = int(time() * 1_000)
    async for each in quarantine.everything():
        # What is put aside again meanwhile is not tried again, and again.
        if each.put_aside_ms < begun_ms and (reason is None or each.reason == reason):
            yield each


def _see_that_something_is_named(ids: Sequence[str] | None, reason: str | None, *, every: bool) -> None:
    if sum((bool(ids), reason is not None, every)) != 1:
        raise Usage("name ids, or a --reason, or --all")


def _id(name: str) -> "AsideId":
    from api.ingestion.quarantine import AsideId

    try:
        return AsideId.read(name)
    except ValueError as error:
        raise Usage(f"`{name}` is no id of something put aside: they look like 17:1763800000000-0") from error


def _settings(data_dir: Path, redis_url: str | None, secrets: Path | None) -> "Settings":
    from api.adapters.embedded import running_url
    from api.settings import Settings

    if redis_url is None and running_url(data_dir) is None:
        raise Usage(f"no store runs on {data_dir}: start `nextbest serve --data-dir {data_dir}` first")
    return Settings(
        data_dir=data_dir,
        redis_url=redis_url,
        secrets=None if secrets is None else secrets.absolute(),
        resume=redis_url is None,
    )


def _catalogue(settings: "Settings", rules: Path) -> "Catalogue":
    """That of the bundle that serves; where none has served here, of the rules on disk."""
    from api.bootstrap import bundles_of, open_bundle
    from api.security import open_secrets

    settings = settings.model_copy(update={"rules": rules})
    plan, _ = open_bundle(settings, bundles_of(settings, open_secrets(settings)))
    return plan.catalogue


def _with_store(settings: "Settings", work: "Callable[[Quarantine], Awaitable[T]]") -> T:
    import asyncio

    async def run() -> T:
        async with _opened(settings) as quarantine:
            return await work(quarantine)

    return asyncio.run(run())


@asynccontextmanager
async def _opened(settings: "Settings") -> "AsyncIterator[Quarantine]":
    from api.bootstrap import open_stores
    from api.ingestion.intake import EventIntake
    from api.ingestion.quarantine import Quarantine
    from api.security import open_secrets

    async with open_stores(settings, open_secrets(settings), patient=True) as stores:
        yield Quarantine(stores.journal, EventIntake(stores.customers, stores.journal))


def _when(aside: "Aside") -> int:
    return aside.put_aside_ms


def _told(aside: "Aside", *, whole: bool = False) -> dict[str, object]:
    """What is said of one of them; its data, which is the customer's, only where that is asked for."""
    from datetime import UTC, datetime

    put_aside_at = datetime.fromtimestamp(aside.put_aside_ms / 1_000, UTC)
    told: dict[str, object] = {
        "id": str(aside.id),
        "put_aside_at": f"{put_aside_at:%Y-%m-%dT%H:%M:%SZ}",
        "reason": aside.reason,
    }
    event = aside.event
    if event is not None:
        told |= {"type": event.type, "source": event.source, "event_id": event.id, "record": event.record}
        if whole:
            told |= {"at_ms": event.at_ms, "received_ms": event.received_ms, "data": event.data}
    elif whole:
        told["body"] = aside.body.decode("utf-8", "backslashreplace")
    return told
