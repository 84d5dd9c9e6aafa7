"""`nextbest load`: a bank's files become customers."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import (
    DATA_DIR,
    FINDINGS,
    AsJson,
    DataDir,
    RulesDir,
    leave,
    plainly,
    progress,
    put,
    put_json,
    say,
)

SHOWN = 20


@plainly
def load(
    source: Annotated[Path, typer.Option("--source", help="Folder of the bank's files.", exists=True, file_okay=False)],
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--mapping",
            help="What the files mean; without it they use nextbest's own names.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: Annotated[
        str | None,
        typer.Option("--redis-url", help="An external store; default: the embedded one.", envvar="NEXTBEST_REDIS_URL"),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Where the report goes; default: under the data folder.")
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and judge the files, write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load a bank's files: all of them are judged first, then customers are written one by one.

    Bad rows are named in the report and left out; exit code 1 says that there were some. Loading again is safe.
    """
    import asyncio

    from api.adapters.embedded import EmbeddedServer, running_url
    from api.bootstrap import compile_rules
    from api.loading.loader import Load
    from api.loading.mapping_file import read_mapping
    from api.loading.report import write_report
    from api.loading.run import BANK_FILES, load_into
    from api.loading.target import Target

    plan = compile_rules(rules)
    described = mapping or BANK_FILES
    now = datetime.now(UTC)
    with progress(quiet=as_json) as told, ExitStack() as stack:
        job = Load(
            mapping=read_mapping(str(described), described.read_bytes()),
            folder=source,
            target=Target.of(plan),
            ruleset=plan.hash,
            staging=data_dir / "loads" / "staging",
            now=now,
            progress=told,
        )
        url = redis_url
        if not dry_run and url is None:
            url = running_url(data_dir)
            if url is None:
                server = EmbeddedServer(data_dir)
                server.start()
                stack.callback(server.stop)
                url = server.url
        done = asyncio.run(load_into(job, None if dry_run else url))
    where = report or data_dir / "loads" / f"{now:%Y%m%dT%H%M%SZ}.json"
    write_report(done, where)
    if as_json:
        put_json({**done.summary(), "report": str(where)})
    else:
        for issue in done.issues.sorted()[:SHOWN]:
            say(str(issue))
        if done.issues.total > SHOWN:
            say(f"... and {done.issues.total - SHOWN:,} more problems in {where}")
        spent = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in done.seconds.items())
        verb = "loaded" if done.written else "judged"
        counts = f"{done.customers:,} customers and {done.identities:,} identities"
        put(f"{verb} {counts}, {done.issues.total:,} problems ({spent})")
        put(f"report: {where}")
    if not done.customers:
        say("nextbest: none of the rows makes a customer")
        leave(FINDINGS)
    if done.issues.total:
        leave(FINDINGS)
