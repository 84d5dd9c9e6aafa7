"""`nextbest triggers`: what each trigger brings or costs, and which are without effect or do harm."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, RulesDir, leave, plainly, put, put_json
from api.cli.experiments import ARCHIVE, GONE
from api.cli.serving import RedisUrl, SecretsFile

if TYPE_CHECKING:
    from api.experiments.triggers import PushReport, TriggerLedger, TriggerReport
    from api.settings import Settings
    from engine.plan import Plan

_VERDICTS: Final = {
    "not_enough_evidence": "not enough evidence",
    "brings": "brings something",
    "without_effect": "without effect",
    "harms": "does harm",
}
_NAMED: Final = ("without_effect", "harms")


@plainly
def triggers(
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Tell what each trigger's pushes bring or cost a week, by the answers of those whom it was shown to.

    Every recorded decision is made again by the rules that made it, with and without the trigger. Exit code 1 tells
    that a trigger is without effect or does harm.
    """
    from api.bootstrap import compile_rules
    from api.settings import Settings

    plan = compile_rules(rules)
    given = {"rules": rules, "data_dir": data_dir, "redis_url": redis_url, "secrets": secrets}
    ledger = asyncio.run(_walk(Settings.model_validate(given), plan))
    found = ledger.report()
    if as_json:
        put_json(as_data(ledger, found))
    else:
        for line in lines_of(ledger, found):
            put(line)
    if any(each.verdict in _NAMED for each in found):
        leave(FINDINGS)


async def _walk(settings: "Settings", plan: "Plan") -> "TriggerLedger":
    from api.archiving.known import Known
    from api.archiving.makers import Makers
    from api.bootstrap import ServingMaker, open_stores, reader_of, release
    from api.experiments.price import KeptRemaking
    from api.experiments.recorded import walk
    from api.experiments.triggers import TriggerLedger
    from api.experiments.watching import learned_in
    from api.known import learn_schemas
    from api.ports import Stream
    from api.security import open_secrets
    from api.tokens import TokenCodec

    keys = open_secrets(settings)
    serving = ServingMaker(settings, TokenCodec(keys), release()).make(plan, None)
    known = Known(settings.data_dir / ARCHIVE)
    remaking = KeptRemaking(Makers(settings, keys, known), serving)
    ledger = TriggerLedger(plan, remaking, learned_in(settings.data_dir / "models"))
    async with open_stores(settings, keys, patient=True) as stores:
        await learn_schemas(reader_of(serving), stores.records)
        await known.learn(stores.records)
        await walk(stores.journal, Stream.DECISIONS, ledger.see, settings.data_dir / ARCHIVE)
    return ledger


def lines_of(ledger: "TriggerLedger", found: "tuple[TriggerReport, ...]") -> Iterator[str]:
    """What was found, for a person; what is named comes first."""
    yield f"{ledger.decisions:,} decisions over {ledger.span.days:.1f} days, made again without each trigger that fired"
    for what, count in sorted(ledger.missing.items()):
        yield f"  {count:,} decisions were made with {GONE[what]}, and are left out"
    if ledger.different:
        yield f"  {ledger.different:,} decisions come out differently from how they were recorded, and are left out"
    if ledger.unreadable:
        yield f"  {ledger.unreadable:,} entries cannot be read, and are left out"
    currency = ledger.rules.currency
    for each in sorted(found, key=lambda each: each.verdict not in _NAMED):
        place = each.place or "not in these rules"
        moved = f"changed {each.changed:,} of {each.decisions:,} decisions"
        yield f"{place}: {each.trigger}: {_VERDICTS[each.verdict]}; {_price(each, currency)}, {moved}"
        yield from (f"  {_line_of(push)}" for push in each.pushes)


def _price(report: "TriggerReport", currency: str) -> str:
    low, high = sorted((report.weekly_low, report.weekly_high))
    span = "" if low == high else f" ({low:+,.2f} to {high:+,.2f})"
    word = "costs" if report.weekly < 0 else "brings"
    return f"{word} {abs(report.weekly):,.2f} {currency} a week{span}"


def _line_of(report: "PushReport") -> str:
    push, fired = report.push, report.push.fired
    told = f"{report.action} x{report.weight:g}: {_VERDICTS[push.verdict]}"
    counted = f"{fired.positive:,} answers to {fired.impressions:,} offers, {fired.expected:.1f} expected"
    if push.ratio is None:
        return f"{told}; {counted}"
    return f"{told}; {push.ratio:.2f} times as often as others ({push.low:.2f} to {push.high:.2f}): {counted}"


def as_data(ledger: "TriggerLedger", found: "tuple[TriggerReport, ...]") -> dict[str, object]:
    """What was found, as JSON."""
    import msgspec

    return {
        "decisions": ledger.decisions,
        "days": ledger.span.days,
        "missing": {what: ledger.missing[what] for what in GONE},
        "different": ledger.different,
        "unreadable": ledger.unreadable,
        "currency": ledger.rules.currency,
        "triggers": [{**msgspec.to_builtins(each), "verdict": str(each.verdict)} for each in found],
    }
