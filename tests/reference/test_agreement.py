"""The compiled plan and the slow evaluator decide alike, whatever the rules and whoever asks.

Ten thousand customers a run, half of them from the seed that the run prints; `make agreement` takes as many as told.
"""

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.compiler.generate import load_generated
from engine.compiler.trace import ConditionTracer
from engine.generated import Cause, Row
from engine.plan import Plan
from engine.reasons import Reason
from engine.syntax import All, AnyOf, Condition, Not
from tests.reference.agreement import PEOPLE, Outcome, differences_of, run
from tests.reference.conditions import WAYS
from tests.reference.drawing.people import seeded_case

CASES = 5_000
COVERING = 1
"""A seed whose cases meet every reason and every way to write a condition."""
NEVER = {Reason.OPEN, Reason.NOT_SCORED, Reason.EVALUATION_ERROR}
"""Reasons that no drawn bank is large, or broken, enough for."""
HISTORIES = (
    "seen",
    "seen at_least",
    "seen where",
    "not_seen",
    "not_seen at_least",
    "not_seen where",
    "ever",
    "ever at_least",
    "ever where",
    "last",
    "last where",
    "seen since",
    "seen since where",
    "not_seen since",
    "not_seen since where",
)


@pytest.fixture(scope="module")
def outcome(request: pytest.FixtureRequest) -> Outcome:
    """What came of the cases of this run's own seed."""
    return _outcome(int(request.config.getoption("hypothesis_seed")))


@pytest.fixture(scope="module")
def always() -> Outcome:
    """What came of the cases that every run has: whether a rare construct comes up is no chance."""
    return _outcome(COVERING)


def _outcome(seed: int) -> Outcome:
    found = list(run(seed, CASES, workers=os.cpu_count() or 1))
    return Outcome(
        cases=sum(each.cases for each in found),
        differences=tuple(difference for each in found for difference in each.differences),
        reasons=sum((each.reasons for each in found), Counter[str]()),
        ways=sum((each.ways for each in found), Counter[tuple[str, str]]()),
    )


@pytest.mark.parametrize("cases", ["outcome", "always"])
def test_plan_reference_and_tracer_agree(cases: str, request: pytest.FixtureRequest) -> None:
    """In what is shown, in every factor, and in the stage, the rule and the place of the cell that decided."""
    found: Outcome = request.getfixturevalue(cases)
    assert found.cases >= CASES
    assert [str(each) for each in found.differences[:3]] == []


def test_every_reason_comes_up(always: Outcome) -> None:
    """Agreement means nothing for stages that no drawn bank reaches."""
    assert {reason.code for reason in Reason if reason not in NEVER} - set(always.reasons) == set()


def test_every_way_to_write_a_condition_is_true_and_false_and_unknown(always: Outcome) -> None:
    """Agreement means nothing for what is never written, or never holds."""
    for way in [*(name for name, _ in WAYS), "value", "list", *HISTORIES]:
        kinds = [kind for kind, _ in always.ways if kind == way or kind.startswith(f"{way} of ")]
        truths = ["True", "False"] if way in ("present", "missing") else ["True", "False", "None"]
        assert [truth for truth in truths if sum(always.ways[kind, truth] for kind in set(kinds)) == 0] == [], way


# --- and the test can fail -------------------------------------------------------------------------------------------


def spoiled(pattern: str, other: str) -> Callable[[Plan], Plan]:
    """A plan in whose generated code every piece of some kind reads otherwise."""

    def spoil(plan: Plan) -> Plan:
        source = re.sub(pattern, other, plan.source)
        return replace(plan, generated=load_generated(compile(source, "<spoiled>", "exec"), len(plan.channels)))

    return spoil


MUTANTS = {
    "at least reads over": (r"(v\d+) >= (-?\d+)\b", r"\1 > \2"),
    "at most reads under": (r"(v\d+) <= (-?\d+)\b", r"\1 < \2"),
    "under reads at most": (r"(v\d+) < (-?\d+)\b", r"\1 <= \2"),
    "and reads or": (r" and ", " or "),
    "or reads and": (r" or ", " and "),
    "true reads false": (r"is True", "is False"),
    "not missing reads missing": (r"is not None", "is None"),
    "a window begins a second late": (r"(v\d+) >= (v\d+)", r"\1 > \2"),
    "what was not kept counts as not seen": (r"v\d+ <= (v\d+) and v\d+ <= \1", "True"),
    "an event that was asked for late reads as kept": (r"(v\d+ <= (v\d+)) and v\d+ <= \2", r"\1"),
    "a history that is not complete reads complete": (r" and v\d+ == 0 and v\d+ == 0\)", ")"),
    "a set lacks its first member": (r"(v\d+) & 1\b", r"\1 & 0"),
    "lists lack a value": (r"in \{([^,{}]+), ", "in {"),
    "equal reads unequal": (r"(v\d+) == (-?\d+)\b", r"\1 != \2"),
    "a constant beside a fact is lost": (r" \+ -?\d+\b", ""),
    "a factor is lost": (r"\b\d+ \* (v\d+)", r"\1"),
    "a shared condition is lost": (r"(    c\d+ = ).*", r"\1False"),
    "triggers of some moments are lost": (r"return always\(row\) if .*", "return always(row)"),
    "no guard stops": (r"if not \((.*)\): fired", r"if False and (\1): fired"),
    "unsuitable reads not eligible": (rf"= {int(Reason.NOT_SUITABLE)}\b", f"= {int(Reason.NOT_ELIGIBLE)}"),
    "the least of a ranking formula reads the most": (r"\bleast\(", "most("),
    "a ranking formula subtracts the other way round": (r"\((propensity|value|lever) - (\w+)\)", r"(\2 - \1)"),
    "a ranking formula divides the other way round": (r"\bratio\(([^(),]+), ([^(),]+)\)", r"ratio(\2, \1)"),
    "a ranking formula reads facts in minor units": (r"\((v\d+) / 100\)", r"\1"),
    "what a ranking formula puts below zero counts": (r"0\.0 < found < ", "found < "),
    "the first row of a table is skipped": (r"    if (.*): amount = ", r"    if False and (\1): amount = "),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_spoiled_code_is_caught(mutant: str) -> None:
    """Before long, by some difference."""
    assert is_caught(spoiled(*MUTANTS[mutant]))


def is_caught(changed: Callable[[Plan], Plan], banks: int = 250) -> bool:
    """Whether one of some banks tells a spoiled plan from what its files say."""
    return any(
        next(differences_of(seeded_case(1, bank, PEOPLE), bank, Counter(), changed), None) is not None
        for bank in range(banks)
    )


class Backwards(ConditionTracer):
    """A tracer that names the last part that decided, not the first."""

    def cause(self, condition: Condition, row: Row, *, guarded: bool = False) -> Cause | None:
        return super().cause(turned(condition), row, guarded=guarded)


def turned(condition: Condition) -> Condition:
    """The same, written from its end."""
    match condition:
        case All(items):
            return All(tuple(turned(item) for item in reversed(items)))
        case AnyOf(items):
            return AnyOf(tuple(turned(item) for item in reversed(items)))
        case Not(item):
            return Not(turned(item))
        case _:
            return condition


def test_wrong_cell_in_an_explanation_is_caught() -> None:
    """The answer is right, and the place that it names is not."""

    def backwards(plan: Plan) -> Plan:
        assert isinstance(plan.tracer, ConditionTracer)
        return replace(plan, tracer=Backwards(plan.tracer.table))

    assert is_caught(backwards)


def test_right_code_is_not_caught() -> None:
    """So that those above are caught for what is wrong with them."""
    assert not is_caught(spoiled(r"(?!)", ""), banks=20)
