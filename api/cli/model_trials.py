"""`nextbest models trials`: recorded decisions as the table that `nextbest models uplift` reads."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import DATA_DIR, AsJson, DataDir, Usage, plainly, put, put_json, say
from api.cli.experiments import ARCHIVE, GONE
from api.cli.serving import RedisUrl, SecretsFile

if TYPE_CHECKING:
    from api.experiments.trials import TrialGathering
    from api.settings import Settings


@plainly
def trials(
    out: Annotated[Path, typer.Option("--out", help="Where the table goes, a .csv or .parquet file.", dir_okay=False)],
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    window_days: Annotated[
        int, typer.Option("--window", help="Days after a decision in which an opening counts.", min=1)
    ] = 30,
    *,
    as_json: AsJson = False,
) -> None:
    """Lay out who was offered what or, held out by an experiment, went without, and what opened in the window after.

    Rows are those of experiments with an arm `holdout`, on one action's treatments or on all offers, whose window has
    passed. Openings are the event `product_opened`.
    """
    from api.settings import Settings
    from models.interactions.scoring import write_scores

    settings = Settings.model_validate({"data_dir": data_dir, "redis_url": redis_url, "secrets": secrets})
    found = asyncio.run(_gather(settings))
    frame = found.table(now_s=int(time.time()), window_days=window_days)
    if frame.is_empty():
        raise Usage(
            "no decision of an experiment with an arm `holdout` is recorded whose window has passed: nothing to compare"
        )
    write_scores(frame, out)
    if as_json:
        put_json({"rows": len(frame), "out": str(out), "missing": found.missing, "unreadable": found.unreadable})
        return
    for what, count in sorted(found.missing.items()):
        say(f"nextbest: {count:,} decisions were made with {GONE[what]}, and are left out")
    if found.unreadable:
        say(f"nextbest: {found.unreadable:,} entries cannot be read, and are left out")
    put(f"{len(frame):,} rows of {frame['action'].n_unique():,} trials: {out}")


async def _gather(settings: "Settings") -> "TrialGathering":
    from api.archiving.known import Known
    from api.archiving.makers import Makers
    from api.bootstrap import open_stores
    from api.experiments.recorded import walk
    from api.experiments.trials import KeptReading, TrialGathering
    from api.ports import Stream
    from api.security import open_secrets

    keys = open_secrets(settings)
    known = Known(settings.data_dir / ARCHIVE)
    found = TrialGathering(KeptReading(Makers(settings, keys, known)))
    async with open_stores(settings, keys, patient=True) as stores:
        await known.learn(stores.records)
        await walk(stores.journal, Stream.DECISIONS, found.see, settings.data_dir / ARCHIVE)
        await walk(stores.journal, Stream.EVENTS, found.see_event, settings.data_dir / ARCHIVE)
    return found
