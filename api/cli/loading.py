"""`nextbest load`: a bank's files become customers, and past events parts of their histories."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from collections.abc import Iterator
from contextlib import contextmanager
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

if TYPE_CHECKING:
    from api.loading.issues import Issues
    from api.loading.mapping import Mapping
    from api.loading.report import Report

SHOWN = 20

loads = typer.Typer(name="load", invoke_without_command=True)

MappingFile = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        help="What the files mean; without it they use nextbest's own names.",
        exists=True,
        dir_okay=False,
    ),
]
RedisUrl = Annotated[
    str | None,
    typer.Option("--redis-url", help="An external store; default: the embedded one.", envvar="NEXTBEST_REDIS_URL"),
]
ReportFile = Annotated[
    Path | None, typer.Option("--report", help="Where the report goes; default: under the data folder.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and judge the files, write nothing.")]


@loads.callback()
@plainly
def load(
    context: typer.Context,
    source: Annotated[
        Path | None,
        typer.Option(
            "--source", help="Folder of the bank's files.", exists=True, file_okay=False, show_default="required"
        ),
    ] = None,
    mapping: MappingFile = None,
    rules: Annotated[Path, typer.Option("--rules", help="Folder of rule files, or a built bundle.")] = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    report: ReportFile = None,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Load a bank's files: all of them are judged first, then customers are written one by one.

    Bad rows are named in the report and left out; exit code 1 says that there were some. Loading again is safe.
    """
    import asyncio

    from api.bootstrap import compile_rules
    from api.loading.loader import Load
    from api.loading.mapping_file import read_mapping
    from api.loading.run import BANK_FILES, load_into
    from api.loading.target import Target

    if context.invoked_subcommand is not None:
        return
    if source is None:
        raise Usage("name the folder of the bank's files with --source")
    plan = compile_rules(rules)
    described = mapping or BANK_FILES
    now = datetime.now(UTC)
    with progress(quiet=as_json) as told:
        job = Load(
            mapping=read_mapping(str(described), described.read_bytes()),
            folder=source,
            target=Target.of(plan),
            ruleset=plan.hash,
            staging=data_dir / "loads" / "staging",
            now=now,
            progress=told,
        )
        if dry_run:
            done = asyncio.run(load_into(job, None))
        else:
            with _store(data_dir, redis_url) as url:
                done = asyncio.run(load_into(job, url, plan))
    where = report or data_dir / "loads" / f"{now:%Y%m%dT%H%M%SZ}.json"
    _account(done, f"{done.customers:,} customers and {done.identities:,} identities", where, as_json=as_json)
    if not done.customers:
        say("nextbest: none of the rows makes a customer")
        leave(FINDINGS)
    if done.issues.total:
        leave(FINDINGS)


@loads.command("events")
@plainly
def load_events(
    source: Annotated[
        Path,
        typer.Argument(help="A file of events, or the folder of the bank's files.", metavar="FILE|DIR", exists=True),
    ],
    mapping: MappingFile = None,
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    report: ReportFile = None,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Load past events of customers who are in the store: all are judged first, then histories are written one by one.

    Bad rows are named in the report and left out; exit code 1 says that there were some. Loading again is safe.
    """
    import asyncio

    from api.bootstrap import compile_rules
    from api.loading.events_loader import EventsLoad
    from api.loading.run import load_events_into
    from api.loading.target import Target

    plan = compile_rules(rules)
    now = datetime.now(UTC)
    with progress(quiet=as_json) as told, _store(data_dir, redis_url) as url:
        job = EventsLoad(
            mapping=_events_mapping(source, mapping),
            folder=source if source.is_dir() else source.parent,
            target=Target.of(plan),
            ruleset=plan.hash,
            staging=data_dir / "loads" / "staging",
            now=now,
            progress=told,
        )
        done = asyncio.run(load_events_into(job, url, write=not dry_run))
    where = report or data_dir / "loads" / f"events-{now:%Y%m%dT%H%M%SZ}.json"
    _account(done, f"{done.events:,} events of {done.customers:,} customers", where, as_json=as_json)
    if done.issues.total or not done.customers:
        leave(FINDINGS)


def _events_mapping(source: Path, described: Path | None) -> "Mapping":
    """What the files mean; of a single file, with that file in it.

    Raises:
        Usage: nobody can tell which table a file is.
    """
    from api.loading.binding import for_file
    from api.loading.mapping_file import read_mapping
    from api.loading.run import BANK_FILES, EVENT_FILES

    described = described or (BANK_FILES if source.is_dir() else EVENT_FILES)
    mapping = read_mapping(str(described), described.read_bytes())
    if source.is_dir():
        return mapping
    alone = for_file(mapping, source.name)
    if alone is None:
        raise Usage(f"{described} has events in several tables, and none of them is called like {source.name}")
    return alone


@contextmanager
def _store(data_dir: Path, redis_url: str | None) -> "Iterator[str]":
    """The address of the store that is named or runs already, or else of the embedded one, started for as long."""
    from api.adapters.embedded import EmbeddedServer, running_url

    url = redis_url or running_url(data_dir)
    if url is not None:
        yield url
        return
    server = EmbeddedServer(data_dir)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def _account(done: "Report", counts: str, where: Path, *, as_json: bool) -> None:
    """Write the report, and say what was done and what was wrong."""
    from api.loading.report import write_report

    write_report(done, where)
    if as_json:
        put_json({**done.summary(), "report": str(where)})
        return
    _say_problems(done.issues, where)
    spent = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in done.seconds.items())
    put(f"{'loaded' if done.written else 'judged'} {counts}, {done.issues.total:,} problems ({spent})")
    put(f"report: {where}")


def _say_problems(issues: "Issues", where: Path) -> None:
    for issue in issues.sorted()[:SHOWN]:
        say(str(issue))
    if issues.total > SHOWN:
        say(f"... and {issues.total - SHOWN:,} more problems in {where}")
