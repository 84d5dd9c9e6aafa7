"""`nextbest archive`, `nextbest replay` and `nextbest audit`: decisions that can be looked up, repeated and trusted."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, Usage, leave, plainly, put, put_json, say
from api.cli.serving import RedisUrl, SecretsFile

if TYPE_CHECKING:
    from api.archiving.known import Known
    from api.settings import Settings

MOST_TOLD = 20
ModelFolder = Annotated[
    Path | None, typer.Option("--model", help="Folder of models beside those of the data folder.", file_okay=False)
]
audit = typer.Typer(name="audit", help="See that nobody touched the archive.", no_args_is_help=True)


@plainly
def archive(
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    model: ModelFolder = None,
    each_s: Annotated[float, typer.Option("--each", help="Seconds between two batches.", min=1)] = 300.0,
    *,
    once: Annotated[bool, typer.Option("--once", help="Archive what there is, anchor it, and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Archive decisions, outcomes, consents and events to daily Parquet files; `nextbest serve` does so by itself."""
    from api.archiving.run import run, run_once

    settings = _settings(data_dir, redis_url, secrets, model).model_copy(update={"archive_each_s": each_s})
    if not reachable(settings):
        raise Usage(f"no store runs on {data_dir}: start `nextbest serve --data-dir {data_dir}` first")
    if not once:
        run(settings)
        return
    archived = asyncio.run(run_once(settings))
    if as_json:
        put_json({**archived._asdict(), "archive": str(settings.data_dir / "archive")})
    else:
        put(
            f"{archived.records:,} records, {archived.events:,} entries of the event streams and "
            f"{archived.quarantined:,} events that were put aside archived to {settings.data_dir / 'archive'}"
        )


@plainly
def replay(
    decision_id: Annotated[str | None, typer.Argument(help="The decision to make again.", show_default=False)] = None,
    day: Annotated[str | None, typer.Option("--day", help="All decisions of a day in UTC, such as 2026-11-22.")] = None,
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    model: ModelFolder = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Needed with --day.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Tell of the one decision all that staff were told, however old it is.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a decision again from its record; exit code 1 names the first field in which it differs."""
    from api.archiving.files import ARCHIVE
    from api.archiving.known import Known
    from api.archiving.makers import Makers
    from api.archiving.replaying import all_replayed, explained
    from api.cli.telling import told as telling
    from api.security import open_secrets

    if (decision_id is None) == (day is None) or (day is not None) != everything or (explain and decision_id is None):
        raise Usage("name one decision, or a day with --day and --all")
    settings = _settings(data_dir, redis_url, secrets, model)
    known = Known(settings.data_dir / ARCHIVE)
    records = asyncio.run(_records(settings, known, decision_id, "" if day is None else _day(day)))
    makers = Makers(settings, open_secrets(settings), known)
    wanted = list(records) if explain else records
    identical, others = all_replayed(makers, wanted)
    explanation = json.loads(explained(makers, wanted[0])) if isinstance(wanted, list) and identical else None
    if as_json:
        told = [
            {
                "decision_id": each.decision_id,
                "problem": each.problem,
                **({} if each.difference is None else each.difference._asdict()),
            }
            for each in others
        ]
        put_json({"identical": identical, "others": told, **({"explanation": explanation} if explanation else {})})
    else:
        for line in telling(explanation) if explanation else ():
            put(line)
        for each in others[:MOST_TOLD]:
            put(f"{each.decision_id}: {each.problem}")
        if len(others) > MOST_TOLD:
            put(f"... and {len(others) - MOST_TOLD:,} more")
        put(f"identical: {identical:,} of {identical + len(others):,}")
    if others:
        leave(FINDINGS)


async def _records(settings: "Settings", known: "Known", decision_id: str | None, day: str) -> Iterator[bytes]:
    """The records asked for, from the stream where a store runs, and from the archive."""
    from api.archiving.files import ARCHIVE
    from api.archiving.finding import find, of_day
    from api.bootstrap import open_stores
    from api.security import open_secrets

    folder = settings.data_dir / ARCHIVE
    async with AsyncExitStack() as stack:
        stores = None
        if reachable(settings):
            stores = await stack.enter_async_context(open_stores(settings, open_secrets(settings), patient=True))
            await known.learn(stores.records)
        if decision_id is None:
            return await of_day(day, folder, stores)
        found = await find(decision_id, folder, stores)
    if found is None:
        raise Usage(f"neither a stream nor {folder} has a decision {decision_id}")
    return iter([found])


@audit.command("verify")
@plainly
def verify(
    data_dir: DataDir = DATA_DIR,
    secrets: SecretsFile = None,
    day: Annotated[str | None, typer.Option("--day", help="Records of one day; ledger and anchors are whole.")] = None,
    anchored: Annotated[
        str | None, typer.Option("--anchor", help="An anchor's hash that was kept elsewhere: it has to be among them.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Find any record that was changed, dropped, reordered, inserted or cut off; exit code 1 where there is one."""
    from api.archiving.audit import verify as verified
    from api.archiving.audit import verify_events
    from api.archiving.files import ARCHIVE
    from api.archiving.ledger import signing_key
    from api.security import read_secrets

    folder = data_dir.absolute() / ARCHIVE
    if not folder.is_dir():
        raise Usage(f"there is no archive in {data_dir}")
    path = secrets or data_dir / "secrets.json"
    key = signing_key(read_secrets(path).token) if path.exists() else None
    wanted = None if day is None else _day(day)
    found = verified(folder, key, day=wanted, anchored=anchored)
    events = verify_events(folder, key, day=wanted)
    findings = found.findings + events.findings
    if as_json:
        put_json(
            {
                "findings": findings,
                "records": found.records,
                "files": found.files,
                "batches": found.batches,
                "anchors": found.anchors,
                "signatures_verified": found.signed,
                "last_anchor": found.last_anchor_hash,
                "beyond_last_anchor": found.beyond_anchor,
                "events": {
                    "records": events.records,
                    "files": events.files,
                    "beyond_last_anchor": events.beyond_anchor,
                },
            }
        )
    else:
        for finding in findings[:MOST_TOLD]:
            put(finding)
        if len(findings) > MOST_TOLD:
            put(f"... and {len(findings) - MOST_TOLD:,} more")
        put(
            f"{found.records:,} records in {found.files:,} files, {found.anchors:,} anchors"
            f"{'' if found.signed else ' (signatures not looked at: no secrets file)'}; "
            f"{found.beyond_anchor:,} records after the last anchor {found.last_anchor_hash or '(none yet)'}"
        )
        put(f"{events.records:,} entries of the event streams in {events.files:,} files")
        say("touched" if findings else "untouched")
    if findings:
        leave(FINDINGS)


def _settings(data_dir: Path, redis_url: str | None, secrets: Path | None, model: Path | None) -> "Settings":
    from api.settings import Settings

    return Settings(
        data_dir=data_dir.absolute(),
        redis_url=redis_url,
        secrets=None if secrets is None else secrets.absolute(),
        model=None if model is None else model.absolute(),
    )


def reachable(settings: "Settings") -> bool:
    from api.adapters.embedded import running_url

    return settings.redis_url is not None or running_url(settings.data_dir) is not None


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise Usage(f"`{text}` is no day: write it as 2026-11-22") from error
