"""`nextbest rebuild`: event states made anew from what the streams and the archive hold."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from typing import Annotated

import typer

from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, Usage, leave, plainly, put, put_json, say


@plainly
def rebuild(
    data_dir: DataDir = DATA_DIR,
    redis_url: Annotated[
        str | None,
        typer.Option("--redis-url", help="An external store; default: the embedded one.", envvar="NEXTBEST_REDIS_URL"),
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", help="One customer's id, or `scheme:value`; default: everybody.")
    ] = None,
    wait_s: Annotated[float, typer.Option("--wait", help="Wait so many seconds for the workers.", min=0)] = 600.0,
    *,
    as_json: AsJson = False,
) -> None:
    """Rebuild what is kept of customers' events by replaying everything that the archive and the event streams hold.

    Running workers do it between other events. What rules came to ask for later is filled in as far as the archive goes
    back, where the data folder has one, else the streams; what came from files stays, and `nextbest load events` fills
    in what files know. Exit code 1: not all is done.
    """
    import asyncio

    from api.adapters.embedded import running_url
    from api.archiving.past import opened
    from api.rebuilding import rebuild as ask_workers

    url = redis_url or running_url(data_dir)
    if url is None:
        raise Usage(f"nothing runs on {data_dir}: start `nextbest serve` or `nextbest worker` first")
    try:
        done = asyncio.run(ask_workers(url, customer, wait_s, lambda: opened(data_dir)))
    except LookupError as error:
        raise Usage(f"there is no customer `{customer}`") from error
    if as_json:
        told = {"asked": done.asked, "waiting": len(done.places)}
        put_json(told | {"not_asked": done.unasked, "incomplete": done.incomplete})
    elif done.unasked:
        say(f"asked for {done.asked:,}; there was no time for {done.unasked:,}: see that workers run, or use --wait")
    elif done.incomplete:
        say(f"rebuilt {done.asked:,}; streams of {done.incomplete:,} were trimmed meanwhile: run it again")
    elif done.places:
        say(f"asked for {done.asked:,}; workers are not done with all of them yet, `nextbest worker` goes on")
    else:
        put(f"rebuilt {done.asked:,}")
    if done.places or done.unasked or done.incomplete:
        leave(FINDINGS)
