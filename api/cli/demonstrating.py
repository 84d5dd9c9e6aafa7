"""`nextbest demo`: a demonstration bank from nothing, in one supervisor in the foreground."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import DATA_DIR, AsJson, DataDir, plainly, say

BESIDE_THE_PACKAGE = Path(__file__).resolve().parents[2] / "rules"


@plainly
def demo(
    port: Annotated[
        int, typer.Option("--port", help="Port to listen on; 0 takes a free one.", min=0, max=65_535)
    ] = 8080,
    customers: Annotated[int, typer.Option("--customers", help="How many customers the bank has.", min=100)] = 20_000,
    data_dir: DataDir = DATA_DIR,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", help="Day on which the bank's history ends; default: today.", formats=["%Y-%m-%d"]),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option("--rules", help="Folder of rule files; default: those of nextbest.", exists=True, file_okay=False),
    ] = None,
    *,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the bank's home page in a browser.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Serve a demonstration bank: made, loaded, trained and ready to be asked. Ctrl-C ends all of it."""
    from api.cli.demo_run import DemoRun
    from api.cli.supervisor import Stopped
    from api.compiled import see_that_modules_are_up_to_date

    see_that_modules_are_up_to_date()
    chosen = rules or (Path("rules") if Path("rules").is_dir() else BESIDE_THE_PACKAGE)
    run = DemoRun(
        rules=chosen,
        data_dir=data_dir,
        customers=customers,
        as_of=None if as_of is None else as_of.date(),
        port=port,
        browser=browser,
        as_json=as_json,
    )
    try:
        run.serve()
    except Stopped:
        say("nextbest: stopped while starting")
