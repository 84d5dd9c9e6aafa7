"""`nextbest models parity`: what decisions read, held against what is rebuilt from what happened."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, RulesDir, leave, plainly, put, put_json
from api.cli.serving import RedisUrl, SecretsFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.learning.recorded import Rebuilding


@plainly
def parity(
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    bank: Annotated[
        Path | None, typer.Option("--bank", help="Folder of the bank's files; default: bank/ of the data folder.")
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="How many impressions, the latest ones.")] = 20_000,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Rebuild the rows of recorded decisions from files and outcomes, and list every value that was read otherwise.

    Contacts come from earlier decisions and the outcomes that followed, profiles from customers.parquet and
    products.parquet. Exit code 1 says that fewer than 99.9 percent of the rows are equal in every column.
    """
    import asyncio

    import msgspec

    from api.bootstrap import compile_rules
    from api.learning.recorded import Recorded, latest
    from api.settings import Settings
    from models.features import features_of
    from models.rows import Window

    settings = Settings.model_validate(
        {"rules": rules, "data_dir": data_dir, "redis_url": redis_url, "secrets": secrets}
    )
    plan = compile_rules(rules)
    found = asyncio.run(
        Recorded(settings, plan).parity(
            bank or data_dir / "bank", Window(positive_days=0.0), pick=latest(most), features=features_of(plan)
        )
    )
    if as_json:
        put_json(
            {
                **msgspec.to_builtins(found),
                "share": found.parity.share,
                "by_column": found.parity.by_column,
                "findings": list(found.parity.findings()),
            }
        )
    else:
        for line in lines_of(found):
            put(line)
    if found.parity.findings():
        leave(FINDINGS)


def lines_of(found: "Rebuilding") -> "Iterator[str]":
    """Every value that was read otherwise, for a person."""
    told = found.parity
    yield f"{told.equal:,} of {told.rows:,} logged rows are rebuilt to the last bit ({told.share:.3%})"
    if found.missing:
        yield f"  of {found.missing:,} decisions the rules or the model are not kept: what they reserved is not known"
    for each in told.differences:
        decision, action = found.options[each.row]
        yield f"  {decision} {action}: `{each.column}` was {each.logged:g} when it was read, {each.rebuilt:g} rebuilt"
    yield from told.findings()
