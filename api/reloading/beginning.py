"""What an installation begins with: what lies on disk where nothing is wrong with it, else the bundle that served last.

What keeps a bundle from being taken up while serving keeps it from serving after a start as well: an error, or a test
that fails.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.adapters.bundle_files import BundleUnreadable, read_rules
from api.reloading.bundles import Bundles
from api.reloading.judging import judge
from engine.compiler.bundle import compile_bundle, hash_of
from engine.compiler.carry import pack_plan, unpack_plan
from engine.errors import RuleErrors, Severity
from engine.plan import Plan

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What serves first."""

    plan: Plan
    rules: Path
    """Where its files are."""
    refused: bool
    """Whether something else lies on disk, and is wrong."""


def begin_with(bundles: Bundles, rules: Path) -> Beginning:
    """Judge what lies on disk, and make the bundle to begin with the one with which processes start.

    Raises:
        RuleErrors: with everything that is wrong with it, where nothing has served here before.
        BundleUnreadable: there is nothing.
    """
    try:
        plan = _sound(bundles, rules)
    except (RuleErrors, BundleUnreadable) as refusal:
        last = _last_that_served(bundles, str(rules))
        if last is None:
            raise
        _tell(bundles, rules, refusal, last)
        return Beginning(plan=last, rules=bundles.archive(last.hash), refused=True)
    bundles.make_current(plan.hash)
    return Beginning(plan=plan, rules=rules, refused=False)


def _sound(bundles: Bundles, rules: Path) -> Plan:
    """The plan of what lies on disk: one that is staged was judged by this very build."""
    files = read_rules(rules)
    ruleset = hash_of(files)
    if (packed := bundles.staged(ruleset)) is not None:
        bundles.keep(ruleset, files)
        return unpack_plan(packed)
    judged = judge(files, str(rules), None)
    if judged.bundle is None:
        raise RuleErrors(judged.diagnostics)
    bundles.keep(ruleset, files)
    bundles.stage(ruleset, pack_plan(judged.bundle.plan))
    return judged.bundle.plan


def _last_that_served(bundles: Bundles, root: str) -> Plan | None:
    """The plan of the bundle that served last; None where there is none that this build compiles."""
    if bundles.current is None or (files := bundles.files(bundles.current)) is None:
        return None
    try:
        return compile_bundle(files, root=root).plan
    except RuleErrors:
        return None


def _tell(bundles: Bundles, rules: Path, refusal: RuleErrors | BundleUnreadable, last: Plan) -> None:
    errors, ruleset = 1, None
    if isinstance(refusal, RuleErrors):
        errors = sum(each.severity is Severity.ERROR for each in refusal.diagnostics)
        ruleset = hash_of(read_rules(rules))
    bundles.first_to_tell("refused", ruleset, errors)
    _log.error("%s", refusal)
    _log.error("%s: refused at the start, %s served last and serves again", rules, last.hash)
