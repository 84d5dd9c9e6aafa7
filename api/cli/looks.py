"""`nextbest audit looks`: who looked at a customer, when, and where."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from datetime import datetime
from typing import Annotated

import typer

from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, leave, plainly, put, put_json, say
from api.cli.serving import SecretsFile


@plainly
def looks(
    customer: Annotated[
        str | None,
        typer.Option("--customer", help="Looks at this customer: an id, or `scheme:value` as a caller named them."),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Looks of this caller: `person:SUBJECT` or `key:NAME`.")
    ] = None,
    since: Annotated[datetime | None, typer.Option("--since", help="From this day on.", formats=["%Y-%m-%d"])] = None,
    data_dir: DataDir = DATA_DIR,
    secrets: SecretsFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show who looked at customers. Every line that is read is checked; one that was touched is a finding."""
    from api.access.looks import FOLDER, looks_key, read_looks
    from api.security import read_secrets
    from api.settings import Settings

    settings = Settings(data_dir=data_dir, secrets=None if secrets is None else secrets.absolute())
    key = looks_key(read_secrets(settings.secrets_path).token)
    day = None if since is None else since.date()
    read = read_looks(data_dir / FOLDER, key, customer=customer, by=by, since=day)
    if as_json:
        put_json({"looks": read.found, "broken": read.broken})
    else:
        for look in read.found:
            purpose = f" ({look['purpose']})" if "purpose" in look else ""
            put(f"{look['at']}  {look['by']:<24} {look['customer']:<24} {look['what']}{purpose}")
        if not read.found:
            put("nobody looked")
    for place in read.broken:
        say(f"nextbest: {place}")
    if read.broken:
        leave(FINDINGS)
