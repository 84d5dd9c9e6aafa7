"""What is looked for in a bundle that compiled and needs more than its rules: a day, its tests, a population."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from engine.compiler.acceptance import Accepted, judge
from engine.compiler.bundle import Bundle
from engine.errors import Code, Diagnostic, Severity
from engine.generated import Row
from engine.never_wins import check_never_wins, tally
from engine.plan import Plan, RuleHead
from engine.population import Encounter, generated_population
from engine.ruletests import RuleTestResult
from engine.syntax import ALWAYS, All, Condition

LOOKED_FOR: Final = frozenset({Code.EXPIRED, Code.NEVER_WINS, Code.UNTESTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What was found, in file order, and which warnings the rule files accept."""

    found: tuple[Diagnostic, ...]
    accepted: tuple[Accepted, ...]


def review(
    bundle: Bundle, results: Sequence[RuleTestResult], now: datetime, population: Iterable[Encounter] | None = None
) -> Review:
    """Everything to be said of a bundle, the compiler's warnings among it.

    `results` are those of its tests, `population` whom actions should win; without one, one is made of the rules.
    """
    today = now.astimezone(bundle.plan.zone).date()
    met = generated_population(bundle, now) if population is None else population
    wrong = [problem for result in results for problem in result.problems]
    later = [*check_expired(bundle.plan, today), *wrong]
    if any(each.severity is Severity.ERROR for each in wrong):
        # Tests that did not run have seen nothing: to say so of every rule would bury why they did not.
        verdict = judge(later, bundle.acceptances, {Code.EXPIRED})
    else:
        later += [
            *check_untested(bundle.plan, results),
            *check_never_wins(bundle.plan, tally(bundle.plan, met, now)),
        ]
        verdict = judge(later, bundle.acceptances, LOOKED_FOR)
    accepted = sorted((*bundle.accepted, *verdict.accepted), key=lambda each: each.warning)
    return Review(found=tuple(sorted({*bundle.plan.warnings, *verdict.standing})), accepted=tuple(accepted))


def check_expired(plan: Plan, today: date) -> Iterator[Diagnostic]:
    """A warning for every rule whose last day is past."""
    for head in _heads(plan):
        if head.validity.last_day < today.toordinal():
            ended = date.fromordinal(head.validity.last_day)
            hint = "remove it, or let it end later"
            yield Diagnostic(head.span, f"`{head.rule}` ended on {ended}", hint, Severity.WARNING, Code.EXPIRED)


def _heads(plan: Plan) -> Iterator[RuleHead]:
    yield from (each.head for rules in plan.action_rules for each in rules.versions)
    for rules in (plan.themes, plan.triggers, plan.guards, plan.levers):
        yield from (each.head for each in rules)


def check_untested(plan: Plan, results: Sequence[RuleTestResult]) -> Iterator[Diagnostic]:
    """A warning for every action, theme and trigger whose own tests never see it match, or never see it not match."""
    rows_by_file: dict[str, list[Row]] = {}
    for result in results:
        if result.row is not None:
            rows_by_file.setdefault(result.span.path, []).append(result.row)
    for head, condition in _tested(plan):
        missing = _never_seen(plan, condition, rows_by_file.get(head.span.path, ()))
        if missing:
            message = f"no test of this file sees `{head.rule}` {missing}"
            yield Diagnostic(head.span, message, "add a test", Severity.WARNING, Code.UNTESTED)


def _tested(plan: Plan) -> Iterator[tuple[RuleHead, Condition]]:
    for rules in (each for action in plan.action_rules for each in action.versions):
        yield rules.head, All(tuple(condition for condition, _ in rules.stages if condition != ALWAYS))
    yield from ((theme.head, theme.condition) for theme in plan.themes)
    yield from ((trigger.head, trigger.condition) for trigger in plan.triggers)


def _never_seen(plan: Plan, condition: Condition, rows: Sequence[Row]) -> str:
    truths = [plan.tracer.truth(condition, row) is True for row in rows]
    if True not in truths:
        return "match"
    return "" if False in truths or condition in (ALWAYS, All(())) else "not match"
