"""Runs the tests that rule files carry: each asks one question under the rules it stands among, and nothing else.

Pure like every decision: no clock, no chance. Exploration is off, so the best-ranked action wins.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.compiler.bundle import Bundle
from engine.compiler.rule_test_files import ReadTest, RuleTest, read_tests
from engine.decision import Decision
from engine.errors import Diagnostic, Span
from engine.explain import Because, Rejection, why, why_not
from engine.ids import ActionId, RuleId
from engine.pipeline import decide
from engine.plan import Plan
from engine.ports import ScoringContext


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestResult:
    """How one test ended: passed, failed, or not run because of problems in the test itself."""

    rule: RuleId
    name: str
    span: Span
    problems: tuple[Diagnostic, ...] = ()
    """What is wrong with the test; it was not run."""
    failures: tuple[str, ...] = ()
    """Every expectation that did not come true, with what came instead."""

    @property
    def passed(self) -> bool:
        """Whether the test ran and every expectation came true."""
        return not self.problems and not self.failures


def run_rule_tests(bundle: Bundle) -> tuple[RuleTestResult, ...]:
    """Run every test of every rule file, in file order."""
    greedy = replace(bundle.plan, exploration_bound=0.0)
    return tuple(_result(greedy, read) for source in bundle.tests for read in read_tests(bundle, source))


def check_rule_tests(bundle: Bundle) -> tuple[Diagnostic, ...]:
    """Every problem in a test block, in file order, without running anything."""
    found = {problem for source in bundle.tests for read in read_tests(bundle, source) for problem in read.problems}
    return tuple(sorted(found))


def _result(plan: Plan, read: ReadTest) -> RuleTestResult:
    failures = () if read.test is None else tuple(_failures(plan, read.test))
    return RuleTestResult(rule=read.rule, name=read.name, span=read.span, problems=read.problems, failures=failures)


class _FixedScorer:
    """Scores as the test says."""

    version = "rule test"

    def __init__(self, propensities: Sequence[float]) -> None:
        self._propensities = propensities

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        return [self._propensities[action] for action in candidates]

    def positives(self, channel: int) -> Sequence[int]:
        return [0] * len(self._propensities)


def _failures(plan: Plan, test: RuleTest) -> Iterator[str]:
    decision = _decided(plan, test)
    shown = {option.candidate.action: str(each.placement.id) for each in decision.filled for option in each.options}
    rejected = {plan.position_by_action[ActionId(each.action)]: each for each in why_not(plan, test.request, decision)}
    for action in test.expected.offered:
        if action in rejected:
            yield f"{_named(plan, action)} was not offered{_instead(plan, shown)}; {_told(rejected[action])}"
        elif not test.expected.withheld:
            candidate = next(each for each in decision.scored if each.action == action)
            because = why(plan, test.request, decision, candidate)
            yield from _unnamed(test, _words(because), f"{_named(plan, action)} was offered: {_listed(because)}")
    for action in test.expected.withheld:
        if action in shown:
            yield f"{_named(plan, action)} was offered on {test.request.channel.id}.{shown[action]}"
        else:
            words = _words(rejected[action].because) | {rejected[action].reason.code}
            yield from _unnamed(test, words, _told(rejected[action]))


def _decided(plan: Plan, test: RuleTest) -> Decision:
    scorer = _FixedScorer(test.propensities)
    return decide(
        plan=plan,
        request=test.request,
        snapshot=test.snapshot,
        scorer=scorer,
        baseline=scorer,
        now=test.now,
        exploration_key=b"rule test",
    )


def _unnamed(test: RuleTest, words: frozenset[str], told: str) -> Iterator[str]:
    """What `because` asks for and the explanation does not name."""
    for word in test.expected.because:
        if word not in words:
            yield f"expected because `{word}`, but {told}"


def _words(because: Sequence[Because]) -> frozenset[str]:
    """Everything that an explanation names: stages, rules with and without their kind, facts and events."""
    rules = [each.rule for each in because if each.rule is not None]
    return frozenset(
        {
            *(each.code for each in because),
            *rules,
            *(rule.partition("/")[2] for rule in rules),
            *(name for each in because for name in each.about),
        }
    )


def _named(plan: Plan, action: int) -> str:
    return f"`{plan.actions[action].id}`"


def _instead(plan: Plan, shown: Mapping[int, str]) -> str:
    return "" if not shown else f" ({', '.join(_named(plan, action) for action in shown)} instead)"


def _told(rejection: Rejection) -> str:
    return f"`{rejection.action}` was stopped as {rejection.reason.code}: {_listed(rejection.because)}"


def _listed(because: Sequence[Because]) -> str:
    return "; ".join(" ".join(_parts(each)) for each in because) or "nothing more is known"


def _parts(because: Because) -> Iterator[str]:
    if because.rule is not None:
        yield because.rule
    if because.place is not None:
        yield f"({because.place})"
    yield because.detail or because.code
