"""`nextbest experiments report` and `nextbest levers`: what recorded decisions say of arms and of pushes."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, RulesDir, leave, plainly, put, put_json, say
from api.cli.serving import RedisUrl, SecretsFile

if TYPE_CHECKING:
    from api.experiments.attribution import ArmReport, ExperimentReport, Observed
    from api.experiments.price import Ledger, Tag
    from api.settings import Settings
    from engine.plan import Plan

experiments = typer.Typer(name="experiments", help="What experiments found.", no_args_is_help=True)
ARCHIVE: Final = "archive"
GONE: Final = {"rules": "rules that are not kept", "model": "a model that is not kept"}
_VERDICTS: Final = {
    "not_enough_evidence": "not enough evidence",
    "no_difference_found": "no difference found",
    "higher": "higher",
    "lower": "lower",
}


@experiments.command("report")
@plainly
def report(
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    window_days: Annotated[
        int, typer.Option("--window", help="Days after the first decision in which a conversion counts.", min=1)
    ] = 30,
    *,
    as_json: AsJson = False,
) -> None:
    """Count who converted in each arm, offered or not; exit code 1 says that arms did not get their shares."""
    from api.bootstrap import compile_rules
    from api.experiments.attribution import judge, observed_under

    plan = compile_rules(rules)
    observed = observed_under(plan)
    asyncio.run(_observe(_settings(rules, data_dir, redis_url, secrets), observed))
    found = judge(plan, observed, now_s=int(time.time()), window_days=window_days)
    if observed.unreadable:
        say(f"nextbest: {observed.unreadable:,} entries cannot be read, and were passed over")
    if as_json:
        put_json({"experiments": [_experiment_as_data(each) for each in found]})
    elif not found:
        put("no decision was made in an experiment")
    else:
        for each in found:
            for line in lines_of_experiment(each):
                put(line)
    if any(each.mismatch for each in found):
        leave(FINDINGS)


@plainly
def levers(
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print what each lever costs or brings a week in expected value: every recorded decision is made again without it,
    by the rules that made it."""
    from api.bootstrap import compile_rules

    plan = compile_rules(rules)
    ledger = asyncio.run(_price(_settings(rules, data_dir, redis_url, secrets), plan))
    if as_json:
        put_json(_ledger_as_data(ledger))
        return
    for line in lines_of_levers(ledger):
        put(line)


def _settings(rules: Path, data_dir: Path, redis_url: str | None, secrets: Path | None) -> "Settings":
    from api.settings import Settings

    return Settings.model_validate({"rules": rules, "data_dir": data_dir, "redis_url": redis_url, "secrets": secrets})


async def _observe(settings: "Settings", observed: "Observed") -> None:
    from api.bootstrap import open_stores
    from api.experiments.recorded import walk
    from api.ports import Stream
    from api.security import open_secrets

    async with open_stores(settings, open_secrets(settings), patient=True) as stores:
        await walk(stores.journal, Stream.DECISIONS, observed.see, settings.data_dir / ARCHIVE)
        await walk(stores.journal, Stream.EVENTS, observed.see_event, settings.data_dir / ARCHIVE)


async def _price(settings: "Settings", plan: "Plan") -> "Ledger":
    from api.archiving.known import Known
    from api.archiving.makers import Makers
    from api.bootstrap import ServingMaker, open_stores, reader_of, release
    from api.experiments.price import KeptRemaking, Ledger
    from api.experiments.recorded import walk
    from api.known import learn_schemas
    from api.ports import Stream
    from api.security import open_secrets
    from api.tokens import TokenCodec

    keys = open_secrets(settings)
    serving = ServingMaker(settings, TokenCodec(keys), release()).make(plan, None)
    known = Known(settings.data_dir / ARCHIVE)
    ledger = Ledger(plan, KeptRemaking(Makers(settings, keys, known), serving))
    async with open_stores(settings, keys, patient=True) as stores:
        await learn_schemas(reader_of(serving), stores.records)
        await known.learn(stores.records)
        await walk(stores.journal, Stream.DECISIONS, ledger.see, settings.data_dir / ARCHIVE)
    return ledger


# --- experiments in lines and as data --------------------------------------------------------------------------------


def lines_of_experiment(report: "ExperimentReport") -> Iterator[str]:
    """A report for a person."""
    yield f"{report.experiment}: {report.title}" if report.title != report.experiment else report.experiment
    if not report.known:
        yield "  the rules no longer have it: openings of every product that offers give are counted"
    if report.mismatch:
        yield (
            f"  the arms did not get their shares (probability {report.split_probability:.2g}): "
            "customers of some arm are lost, so trust no rate below"
        )
    if report.strays:
        yield f"  {report.strays:,} customers were in several arms and count in none"
    for arm in report.arms:
        low, high = arm.interval
        share = "" if arm.share is None else f", {arm.share:.1%} asked"
        yield (
            f"  {arm.arm}: {arm.customers:,} customers{share}; {arm.shown:,} of them were shown what is compared, or "
            f"would have been; {arm.still_open:,} still inside {report.window_days} days"
        )
        yield f"    {arm.counted.converted:,} of {arm.counted.customers:,} converted" + (
            f": {arm.counted.rate:.2%} ({low:.2%} to {high:.2%})" if arm.counted.customers else ""
        )
        if arm.comparison is not None:
            yield f"    against {report.control}: {_compared(arm)}"


def _compared(arm: "ArmReport") -> str:
    found = arm.comparison
    assert found is not None
    verdict = _VERDICTS[found.verdict]
    if found.lift is None or found.lift_low is None or found.lift_high is None:
        return verdict
    told = f"{verdict}; lift {found.lift:+.1%} ({found.lift_low:+.1%} to {found.lift_high:+.1%})"
    if found.verdict in ("not_enough_evidence", "no_difference_found") and found.detectable_lift is not None:
        told += f"; so many customers would show a lift of {found.detectable_lift:.1%} four times in five"
    return told


def _experiment_as_data(report: "ExperimentReport") -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(report), "mismatch": report.mismatch}


# --- levers in lines and as data -------------------------------------------------------------------------------------


def _named(tag: "Tag") -> str:
    return "all levers together" if tag.lever is None else f"{tag.lever} ({tag.percent:+g}%)"


def _in_rules(rules: "Plan", tag: "Tag") -> bool:
    """Whether the rules have the lever, with that percentage."""
    here = {(lever.head.rule.partition("/")[2], lever.percent) for lever in rules.levers}
    return tag.lever is None or (tag.lever, tag.percent) in here


def lines_of_levers(ledger: "Ledger") -> Iterator[str]:
    """Price tags for a person."""
    rules, tags = ledger.rules, ledger.tags
    yield f"{ledger.decisions:,} decisions over {ledger.span.days:.1f} days, made again without each lever"
    used = [each for each in ledger.versions.values() if each.decisions]
    if [each.plan.hash for each in used] not in ([], [rules.hash]):
        of_these = ledger.versions[rules.hash].decisions
        yield f"  {len(used)} versions of the rules made them, {of_these:,} of them these rules"
    for what, count in sorted(ledger.missing.items()):
        yield f"  {count:,} decisions were made with {GONE[what]}, and are left out"
    if ledger.different:
        yield f"  {ledger.different:,} decisions come out differently from how they were recorded, and are left out"
    if ledger.unreadable:
        yield f"  {ledger.unreadable:,} decisions cannot be read, and are left out"
    if not tags:
        yield "no lever is in these rules, nor in any that made a decision"
    elif not ledger.decisions:
        yield "not enough evidence: no decision that can be made again is recorded"
    else:
        yield from (_line_of(rules, tag) for tag in tags)


def _line_of(rules: "Plan", tag: "Tag") -> str:
    price = f"costs {tag.weekly:,.2f}" if tag.weekly >= 0 else f"brings {-tag.weekly:,.2f}"
    gone = "" if _in_rules(rules, tag) else ", not in these rules"
    return (
        f"  {_named(tag)}{gone}: {price} {tag.currency} a week in expected value; "
        f"changed {tag.changed:,} of the {tag.decisions:,} decisions in which it pulled"
    )


def _ledger_as_data(ledger: "Ledger") -> dict[str, object]:
    return {
        "decisions": ledger.decisions,
        "days": ledger.span.days,
        "rules": [
            {"ruleset": ruleset, "decisions": each.decisions, "given": ruleset == ledger.rules.hash}
            for ruleset, each in ledger.versions.items()
        ],
        "missing": {what: ledger.missing[what] for what in GONE},
        "different": ledger.different,
        "unreadable": ledger.unreadable,
        "levers": [
            {
                "lever": "all levers together" if tag.lever is None else tag.lever,
                "percent": tag.percent,
                "in_rules": _in_rules(ledger.rules, tag),
                "cost_per_week": tag.weekly,
                "currency": tag.currency,
                "days": tag.span.days,
                "decisions": tag.decisions,
                "changed": tag.changed,
            }
            for tag in ledger.tags
        ],
    }
