"""`nextbest models watch`: what recorded decisions say of the model that served."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, leave, plainly, put, put_json
from api.cli.serving import RedisUrl, SecretsFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.experiments.watching import Part, Watch, Watched
    from api.settings import Settings

_ARCHIVE: Final = "archive"


@plainly
def watch(
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Judge recorded decisions: calibration on what was chosen, the price of exploration, protected groups.

    What speaks against the model that serves is kept as evidence about it; exit code 1 tells it.
    """
    import msgspec

    from api.settings import Settings

    given = {"data_dir": data_dir, "redis_url": redis_url, "secrets": secrets}
    found = asyncio.run(_watch(Settings.model_validate(given)))
    watched = found.found()
    _keep(data_dir / "models", watched)
    if as_json:
        put_json({**msgspec.to_builtins(watched), "findings": list(watched.findings())})
    else:
        for line in lines_of(watched):
            put(line)
    if watched.findings():
        leave(FINDINGS)


async def _watch(settings: "Settings") -> "Watch":
    from api.archiving.known import Known
    from api.archiving.makers import Makers
    from api.bootstrap import open_stores
    from api.experiments.drifting import Drifting, trained_in
    from api.experiments.recorded import walk
    from api.experiments.watching import KeptWatching, Watch, learned_in
    from api.ports import Stream
    from api.security import open_secrets
    from models.registry import open_registry

    keys = open_secrets(settings)
    known = Known(settings.data_dir / _ARCHIVE)
    folder = settings.data_dir / "models"
    current = open_registry(folder).current()
    trained = None if current is None else trained_in(folder, current)
    drifting = None if trained is None else Drifting(trained)
    found = Watch(KeptWatching(Makers(settings, keys, known)), learned_in(folder), drifting)
    async with open_stores(settings, keys, patient=True) as stores:
        await known.learn(stores.records)
        await walk(stores.journal, Stream.DECISIONS, found.see, settings.data_dir / _ARCHIVE)
    return found


def _keep(models_dir: Path, watched: "Watched") -> None:
    """As evidence about the model that serves."""
    from models.promotion import Evidence, write_evidence
    from models.registry import open_registry

    current = open_registry(models_dir).current()
    if current is None:
        return
    evidence = Evidence(
        kind="watch",
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        objections=watched.findings(),
        figures={
            "decisions": watched.decisions,
            "impressions": watched.impressions,
            "price_of_exploration": watched.price,
            "last_week_observed_over_expected": _ratio(watched.by_week),
            "best_tenth_observed_over_expected": _ratio(watched.by_decile),
            **watched.fairness.figures,
            **(watched.drift.figures if watched.drift is not None else {}),
        },
    )
    write_evidence(models_dir, current, evidence)


def _ratio(parts: "Sequence[Part]") -> float | None:
    """Of the last part."""
    return round(parts[-1].ratio, 4) if parts and parts[-1].expected else None


def lines_of(watched: "Watched") -> Iterator[str]:
    """What was found, for a person."""
    yield f"{watched.decisions:,} decisions, {watched.impressions:,} confirmed impressions of what was chosen"
    for what, count in sorted(watched.missing.items()):
        yield f"  {count:,} decisions are left out: {_LEFT_OUT.get(what, what)}"
    if watched.price is not None:
        yield f"  exploration gave up {watched.price:.2%} of the expected value in {watched.explored:,} slots"
    for part in (*watched.by_week, *watched.by_decile):
        yield (
            f"  {part.name}: {part.counted.converted:,} of {part.counted.customers:,} positive, "
            f"{part.expected:.1f} expected"
        )
    if watched.drift is not None:
        moved = ", ".join(f"{shift.name} {shift.index:.2f}" for shift in watched.drift.of_features[:3])
        score = watched.drift.shifts[0].index
        yield f"  moved most since training (PSI): {moved}; scores of what was chosen {score:.2f}"
        yield f"  {watched.drift.later_rate:.2%} positive, {watched.drift.base_rate:.2%} in training"
    for each in watched.fairness.ratios:
        yield (
            f"  {each.kind} of {each.about}: {each.attribute} {each.group} {each.counted.rate:.2%} beside "
            f"{each.reference} {each.of_reference.rate:.2%}, ratio {each.value:.2f} ({each.low:.2f} to {each.high:.2f})"
        )
    yield from watched.findings()


_LEFT_OUT: Final = {
    "rules": "the rules that made them are not kept",
    "model": "the model that made them is not kept",
    "unreadable": "they cannot be read",
}
