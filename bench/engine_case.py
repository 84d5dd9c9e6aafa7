"""The engine alone: a whole decision with a constant scorer, its rules, and the same rules in public engines."""

from collections.abc import Sequence

from bench.blocks import BlockDrawer, blocks_true, customer_values
from bench.bundle import SEED, SURVIVORS, bench_bundle
from bench.customers import NOW, request_of, snapshot_of
from bench.measure import Subject, time_in_turns
from bench.peers import OURS, evaluators, ours
from bench.reasons import Reasoned
from bench.report import CaseResult, Figure, Measurement, Target
from bench.rule_set import RULES, Publishing, publish, rule_set
from engine import Plan, compile_bundle, decide
from engine.ports import Outlook, ScoringContext
from engine.row import assemble

MOST_DECIDE_US = 60.0
MOST_RULES_US = 25.0
MOST_WITH_REASONS_US = 45.0
MOST_TIMES_AS_LONG = 4.5
MOST_PUBLISHING_S = 5.0
LEAST_TIMES_FASTER = 10.0
MANY = 2_000
CUSTOMERS = 64
KEY = bytes(32)


class ConstantScorer:
    """Gives every action a propensity of its own, always the same; the model costs nothing here."""

    version = "constant"

    def __init__(self, plan: Plan) -> None:
        self._propensities = [0.01 + 0.0004 * (37 * at % 100) for at in range(len(plan.actions))]
        self._positives = [200] * len(plan.actions)

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        """See `Scorer`."""
        propensities = self._propensities
        return [propensities[candidate] for candidate in candidates]

    def positives(self, channel: int) -> Sequence[int]:
        """See `Scorer`."""
        return self._positives

    def outlook(self) -> Outlook:
        """See `Scorer`."""
        return Outlook([1.0] * len(self._positives))


class Decisions:
    """Decisions for one benchmark customer after the other."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._scorer = ConstantScorer(plan)
        self._asked = [(request_of(plan, number), snapshot_of(plan, number)) for number in range(CUSTOMERS)]
        self._next = 0
        self._check()

    def decide(self) -> object:
        """One decision for the next customer."""
        request, snapshot = self._asked[self._next]
        self._next = (self._next + 1) % CUSTOMERS
        return decide(
            plan=self.plan,
            request=request,
            snapshot=snapshot,
            scorer=self._scorer,
            baseline=self._scorer,
            now=NOW,
            exploration_key=KEY,
        )

    def rules(self) -> object:
        """Its rules alone: the row, suppressions, all three engagement stages, promotions, themes."""
        request, snapshot = self._asked[self._next]
        self._next = (self._next + 1) % CUSTOMERS
        generated = self.plan.generated
        row = assemble(self.plan, request, snapshot, NOW)
        codes = bytearray(len(self.plan.actions))
        generated.guards(row)
        generated.suppressions(row)
        engaged = generated.engage(request.channel.position, row, codes)
        return engaged, generated.promotions(row), generated.themes(row)

    def _check(self) -> None:
        for request, snapshot in self._asked:
            found = decide(
                plan=self.plan,
                request=request,
                snapshot=snapshot,
                scorer=self._scorer,
                baseline=self._scorer,
                now=NOW,
                exploration_key=KEY,
            )
            if len(found.ranking) != SURVIVORS or not found.filled[0].options:
                raise AssertionError(f"{len(found.ranking)} actions survived the rules, not {SURVIVORS}")


_MANY = f"ours, all {MANY} blocks"
_REASONS = "ours, a reason code for every block"
_MANY_REASONS = f"ours, a reason code for each of {MANY} blocks"
_NAMES = "ours, the cell, file and line behind every code, on demand"


def median_of(published: Sequence[Publishing]) -> Publishing:
    """The middle one by the time in all."""
    return sorted(published, key=lambda each: each.compile_s + each.test_s)[(len(published) - 1) // 2]


def run(*, quick: bool) -> CaseResult:
    """Measure; about a minute, quick about twenty seconds."""
    bundle = bench_bundle()
    decisions = Decisions(compile_bundle(bundle.files).plan)
    count = len(bundle.blocks)
    values = customer_values(SEED, 0)
    engines = evaluators(bundle.blocks, values)
    expected = list(blocks_true(bundle.blocks, values))
    for name, evaluate in engines.items():
        if list(evaluate()) != expected:
            raise AssertionError(f"{name} finds other blocks true than the definition of the blocks")
    drawer = BlockDrawer(SEED)
    many = [drawer.block(wanted=(True, False, False, None, False)[at % 5]) for at in range(MANY)]
    ours_many = ours(many, values)
    if list(ours_many()) != list(blocks_true(many, values)):
        raise AssertionError("ours finds other blocks true than the definition of the blocks")
    few_reasoned, many_reasoned = Reasoned(bundle.blocks, values), Reasoned(many, values)
    calls = {OURS: 200, "common-expression-language": 40, "zen-engine decision table": 20, "rule-engine": 5}
    whole = "decide: 200 actions, 20 survivors ranked, constant scorer"
    alone = "its rules alone, stages cut short"
    times = time_in_turns(
        [
            Subject(name=whole, call=decisions.decide, calls=400),
            Subject(name=alone, call=decisions.rules, calls=400),
            *(Subject(name=name, call=evaluate, calls=calls[name]) for name, evaluate in engines.items()),
            Subject(name=_MANY, call=ours_many, calls=100),
            Subject(name=_REASONS, call=few_reasoned.codes, calls=100),
            Subject(name=_MANY_REASONS, call=many_reasoned.codes, calls=50),
            Subject(name=_NAMES, call=few_reasoned.names(), calls=5),
        ],
        rounds=4 if quick else 40,
    )
    published = median_of([publish(rule_set()) for _ in range(1 if quick else 3)])
    blocks = {name: f"{name}, all {count} blocks" for name in engines}
    zen = times["zen-engine decision table"].p50_us / times[OURS].p50_us
    return CaseResult(
        case="engine",
        title=f"{count} three-cell blocks over 40 attributes, some of them missing",
        measurements=tuple(
            Measurement(
                what=blocks.get(name, name), rules=MANY if name in (_MANY, _MANY_REASONS) else count, spread=each
            )
            for name, each in times.items()
        ),
        figures=(
            Figure(what=f"read, check and generate {RULES:,} rules", value=round(published.compile_s, 2), unit="s"),
            Figure(what=f"run their {published.tests:,} tests", value=round(published.test_s, 2), unit="s"),
        ),
        targets=(
            Target(
                what=f"{count} rules, missing values handled, p50",
                bound="at most",
                target=MOST_RULES_US,
                measured=times[OURS].p50_us,
                unit="us",
            ),
            Target(
                what=f"{count} rules with reason codes, p50",
                bound="at most",
                target=MOST_WITH_REASONS_US,
                measured=times[_REASONS].p50_us,
                unit="us",
            ),
            Target(
                what=f"{MANY:,} rules, times as long as {count}",
                bound="at most",
                target=MOST_TIMES_AS_LONG,
                measured=round(times[_MANY].p50_us / times[OURS].p50_us, 2),
            ),
            Target(
                what=f"compile, check and test {RULES:,} rules",
                bound="at most",
                target=MOST_PUBLISHING_S,
                measured=round(published.compile_s + published.test_s, 2),
                unit="s",
            ),
            Target(what="decide, p50", bound="at most", target=MOST_DECIDE_US, measured=times[whole].p50_us, unit="us"),
            Target(what="faster than zen-engine, times", bound="at least", target=LEAST_TIMES_FASTER, measured=zen),
        ),
        notes=(
            f"All engines find the same {len(expected)} of {count} blocks true; ours assembles the row from the stored"
            " profile inside the measured time.",
        ),
    )
