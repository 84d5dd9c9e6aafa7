"""Runs the tests that rule files carry: each asks one question under the rules it stands among, and nothing else.

Pure like every decision: no clock, no chance. Exploration is off, so the best-ranked action wins.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine.compiler.bundle import Bundle
from engine.compiler.rule_test_files import ReadTest, RuleTest, read_tests
from engine.decision import Decision
from engine.errors import Diagnostic, Span
from engine.experiments import as_is
from engine.explain import Because, Rejection, why, why_not
from engine.generated import Row
from engine.ids import ActionId, RuleId
from engine.pipeline import decide
from engine.plan import Plan
from engine.ports import Outlook, ScoringContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One expectation that did not come true: what was expected, what came, and which stage and line decided."""

    expected: str
    got: str
    told: str
    """All of it in one sentence."""
    because: str = ""
    """Stage, rule, place and cell that decided, where a rule did."""

    def __str__(self) -> str:
        return self.told

    def diff(self) -> tuple[str, ...]:
        """What was expected and what came, under each other."""
        lines = (f"- expected: {self.expected}", f"+ got:      {self.got}")
        return (*lines, f"  decided:  {self.because}") if self.because else lines


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestResult:
    """How one test ended: passed, failed, or not run because of problems in the test itself."""

    rule: RuleId
    name: str
    span: Span
    problems: tuple[Diagnostic, ...] = ()
    """What is wrong with the test; it was not run."""
    failures: tuple["Failure", ...] = ()
    """Every expectation that did not come true, with what came instead."""
    row: Row | None = field(default=None, compare=False, repr=False)
    """What the rules saw; None where the test was not run."""

    @property
    def passed(self) -> bool:
        """Whether the test ran and every expectation came true."""
        return not self.problems and not self.failures


def run_rule_tests(bundle: Bundle) -> tuple[RuleTestResult, ...]:
    """Run every test of every rule file, in file order."""
    greedy = as_is(bundle.plan)
    return tuple(_result(greedy, read) for source in bundle.tests for read in read_tests(bundle, source))


def check_rule_tests(bundle: Bundle) -> tuple[Diagnostic, ...]:
    """Every problem in a test block, in file order, without running anything."""
    found = {problem for source in bundle.tests for read in read_tests(bundle, source) for problem in read.problems}
    return tuple(sorted(found))


def _result(plan: Plan, read: ReadTest) -> RuleTestResult:
    ended = RuleTestResult(rule=read.rule, name=read.name, span=read.span, problems=read.problems)
    if read.test is None:
        return ended
    decision = _decided(plan, read.test)
    return replace(ended, failures=tuple(_failures(plan, read.test, decision)), row=decision.row)


class _FixedScorer:
    """Scores as the test says."""

    version = "rule test"

    def __init__(self, propensities: Sequence[float]) -> None:
        self._propensities = propensities

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        return [self._propensities[action] for action in candidates]

    def positives(self, channel: int) -> Sequence[int]:
        return [0] * len(self._propensities)

    def outlook(self) -> Outlook:
        return Outlook([1.0] * len(self._propensities))


def _failures(plan: Plan, test: RuleTest, decision: Decision) -> Iterator[Failure]:
    shown = {option.candidate.action: str(each.placement.id) for each in decision.filled for option in each.options}
    asked = (*test.expected.offered, *test.expected.withheld)
    rejections = why_not(plan, test.request, decision, asked)
    rejected = {plan.position_by_action[ActionId(each.action)]: each for each in rejections}
    got = _got(plan, test, shown)
    for action in test.expected.offered:
        name = _named(plan, action)
        if action in rejected:
            told = f"{name} was not offered{_instead(plan, shown)}; {_told(rejected[action])}"
            yield Failure(expected=f"offer {name}", got=got, told=told, because=_told(rejected[action]))
        elif not test.expected.withheld:
            candidate = next(each for each in decision.scored if each.action == action)
            because = why(plan, test.request, decision, candidate)
            told = f"{name} was offered: {_listed(because)}"
            yield from _unnamed(test, _words(because), f"offer {name}", got, told)
    for action in test.expected.withheld:
        name = _named(plan, action)
        if action in shown:
            told = f"{name} was offered on {test.request.channel.id}.{shown[action]}"
            candidate = next(each for each in decision.scored if each.action == action)
            decided = f"{name} came first: {_listed(why(plan, test.request, decision, candidate))}"
            yield Failure(expected=f"no offer of {name}", got=got, told=told, because=decided)
        else:
            words = _words(rejected[action].because) | {rejected[action].reason.code}
            yield from _unnamed(test, words, f"no offer of {name}", got, _told(rejected[action]))


def _got(plan: Plan, test: RuleTest, shown: Mapping[int, str]) -> str:
    offers = (f"{_named(plan, action)} on {test.request.channel.id}.{place}" for action, place in shown.items())
    return ", ".join(offers) or "no offer"


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


def _unnamed(test: RuleTest, words: frozenset[str], expected: str, got: str, told: str) -> Iterator[Failure]:
    """What `because` asks for and the explanation does not name."""
    for word in test.expected.because:
        if word not in words:
            yield Failure(
                expected=f"{expected} because `{word}`",
                got=got,
                told=f"expected because `{word}`, but {told}",
                because=told,
            )


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
