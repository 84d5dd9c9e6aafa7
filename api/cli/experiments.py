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
_ARCHIVE: Final = "archive"
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
    """Print what each lever costs or brings a week in expected value: recorded decisions are made again without it."""
    from api.bootstrap import compile_rules

    plan = compile_rules(rules)
    ledger = asyncio.run(_price(_settings(rules, data_dir, redis_url, secrets), plan))
    if as_json:
        put_json(_ledger_as_data(plan, ledger))
        return
    for line in lines_of_levers(plan, ledger):
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
        await walk(stores.journal, Stream.DECISIONS, observed.see, settings.data_dir / _ARCHIVE)
        await walk(stores.journal, Stream.EVENTS, observed.see_event)


async def _price(settings: "Settings", plan: "Plan") -> "Ledger":
    from api.bootstrap import ServingMaker, open_stores, reader_of, release
    from api.experiments.price import Ledger, again_with
    from api.experiments.recorded import walk
    from api.known import learn_schemas
    from api.ports import Stream
    from api.security import open_secrets
    from api.tokens import TokenCodec

    keys = open_secrets(settings)
    serving = ServingMaker(settings, TokenCodec(keys), release()).make(plan, None)
    ledger = Ledger(plan, again_with(serving, keys.exploration))
    async with open_stores(settings, keys, patient=True) as stores:
        await learn_schemas(reader_of(serving), stores.records)
        await walk(stores.journal, Stream.DECISIONS, ledger.see, settings.data_dir / _ARCHIVE)
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


def _named(plan: "Plan", tag: "Tag") -> str:
    if len(tag.levers) > 1:
        return "all levers together"
    return plan.levers[next(iter(tag.levers))].head.rule.partition("/")[2]


def lines_of_levers(plan: "Plan", ledger: "Ledger") -> Iterator[str]:
    """Price tags for a person."""
    if not plan.levers:
        yield "these rules have no lever"
        return
    minor = 10**plan.minor_digits
    yield f"{ledger.decisions:,} decisions over {ledger.days:.1f} days, made again without each lever"
    if ledger.other_rules:
        yield f"  {ledger.other_rules:,} decisions were made with other rules, and are left out"
    if ledger.different:
        yield f"  {ledger.different:,} decisions come out differently from how they were recorded, and are left out"
    if ledger.unreadable:
        yield f"  {ledger.unreadable:,} decisions cannot be read, and are left out"
    if not ledger.decisions:
        yield "not enough evidence: no decision of these rules is recorded"
        return
    for tag in ledger.tags:
        weekly = ledger.weekly_minor(tag) / minor
        price = f"costs {weekly:,.2f}" if weekly >= 0 else f"brings {-weekly:,.2f}"
        yield (
            f"  {_named(plan, tag)}: {price} {plan.currency} a week in expected value; "
            f"changed {tag.changed:,} of the {tag.decisions:,} decisions in which it pulled"
        )


def _ledger_as_data(plan: "Plan", ledger: "Ledger") -> dict[str, object]:
    minor = 10**plan.minor_digits
    return {
        "decisions": ledger.decisions,
        "days": ledger.days,
        "other_rules": ledger.other_rules,
        "different": ledger.different,
        "unreadable": ledger.unreadable,
        "currency": plan.currency,
        "levers": [
            {
                "lever": _named(plan, tag),
                "cost_per_week": ledger.weekly_minor(tag) / minor,
                "decisions": tag.decisions,
                "changed": tag.changed,
            }
            for tag in ledger.tags
        ],
    }
