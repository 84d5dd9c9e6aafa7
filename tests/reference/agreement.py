"""Draws banks and customers from a seed, and compares what the compiled plan and the slow evaluator decide.

    python -m tests.reference.agreement --cases 1000000            as many as asked, on every core
    python -m tests.reference.agreement --seed 7 --first 125_000   goes on where another run stopped
    python -m tests.reference.agreement --seed 7 --bank 4711       one bank again, with its files and the difference

A case is one customer who asks one bank; every bank has PEOPLE of them. Runs of one seed draw the same banks.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter

from engine.plan import Plan
from tests.builders import KEY
from tests.reference.chunks import in_chunks
from tests.reference.conditions import SEEN
from tests.reference.drawing.people import Case, seeded_case
from tests.reference.evaluator import decide as decide_slowly
from tests.reference.natural import Person, Question
from tests.reference.translation import (
    decision_of,
    documents_of,
    explained,
    fast,
    plan_of,
    request_of,
    slowly_told,
    told,
    traced,
)

PEOPLE = 16
_MOST_DIFFERENCES = 5


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two answers that are not the same."""

    bank: int
    person: int
    what: str
    found: object
    expected: object

    def __str__(self) -> str:
        return (
            f"bank {self.bank}, person {self.person}: {self.what}\n  found    {self.found}\n  expected {self.expected}"
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of some banks."""

    cases: int
    differences: tuple[Difference, ...]
    reasons: Counter[str]
    ways: Counter[tuple[str, str]]
    """How often each way to write a condition was true, false and unknown."""


def judge(seed: int, banks: Sequence[int]) -> Outcome:
    """Compare every customer of some banks."""
    SEEN.clear()
    differences: list[Difference] = []
    reasons: Counter[str] = Counter()
    for bank in banks:
        differences += islice(differences_of(seeded_case(seed, bank, PEOPLE), bank, reasons), _MOST_DIFFERENCES)
    return Outcome(cases=len(banks) * PEOPLE, differences=tuple(differences), reasons=reasons, ways=Counter(SEEN))


def differences_of(
    case: Case, bank: int, reasons: Counter[str], changed: Callable[[Plan], Plan] = lambda plan: plan
) -> Iterator[Difference]:
    """Where plan and reference, or the fast path and the traced one, do not agree; `changed` may spoil the plan."""
    plan, documents = changed(plan_of(case)), documents_of(case)
    for number, (person, question) in enumerate(case.people):
        answer = decide_slowly(documents, person, question, KEY)
        reasons.update(answer.reasons.values())
        for what, found, expected in _answers(plan, person, question, slowly_told(plan, case, answer)):
            if found != expected:
                yield Difference(bank=bank, person=number, what=what, found=found, expected=expected)


def _answers(
    plan: Plan, person: Person, question: Question, expected: dict[str, object]
) -> Iterator[tuple[str, object, object]]:
    request, decision = request_of(plan, question), decision_of(plan, person, question)
    found = told(plan, decision) | explained(plan, request, decision)
    for what, value in expected.items():
        yield what, found[what], value
    traces = traced(plan, request, decision)
    for what, value in fast(plan, decision).items():
        yield f"{what}, traced", value, traces[what]


def run(seed: int, cases: int, first: int = 0, workers: int = 1) -> Iterator[Outcome]:
    """So many cases of a seed, from a case on, a chunk of banks at a time."""
    banks = range(first // PEOPLE, (first + cases + PEOPLE - 1) // PEOPLE)
    return in_chunks(judge, seed, banks, workers)


# --- the command -----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """0 where everything agrees, 1 where something does not."""
    parser = argparse.ArgumentParser(prog="python -m tests.reference.agreement", description=__doc__)
    parser.add_argument("--cases", type=_count, default=10_000, help="customers who ask, at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=_count, default=0, help="the case to begin with")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--bank", type=_count, help="one bank alone, with everything that is known of it")
    asked = parser.parse_args(arguments)
    return _show(asked.seed, asked.bank) if asked.bank is not None else _run(asked)


def _count(text: str) -> int:
    return int(text.replace("_", ""))


def _run(asked: argparse.Namespace) -> int:
    started, done, differences = perf_counter(), 0, list[Difference]()
    reasons: Counter[str] = Counter()
    ways: Counter[tuple[str, str]] = Counter()
    for outcome in run(asked.seed, asked.cases, asked.first, asked.workers):
        done += outcome.cases
        reasons.update(outcome.reasons)
        ways.update(outcome.ways)
        differences += outcome.differences
        rate = done / (perf_counter() - started)
        print(f"\rseed {asked.seed}: {done:,} cases, {rate:,.0f} a second", end="", file=sys.stderr, flush=True)
        if differences:
            break
    print(file=sys.stderr)
    for difference in differences[:_MOST_DIFFERENCES]:
        print(f"{difference}\n  again with --seed {asked.seed} --bank {difference.bank}")
    print(f"{done:,} cases of seed {asked.seed} in {perf_counter() - started:.1f} s; {len(differences)} differences")
    print(f"reasons: {', '.join(f'{reason} {count:,}' for reason, count in reasons.most_common())}")
    for way in sorted({way for way, _ in ways}):
        counts = ", ".join(f"{truth} {ways[way, truth]:,}" for truth in ("True", "False", "None"))
        print(f"  {way}: {counts}")
    if not differences:
        print(f"go on with --seed {asked.seed} --first {asked.first + done}")
    return bool(differences)


def _show(seed: int, bank: int) -> int:
    case = seeded_case(seed, bank, PEOPLE)
    for path, text in case.files.items():
        print(f"--- {path}\n{text}")
    found = list(differences_of(case, bank, Counter()))
    for each in found:
        person, question = case.people[each.person]
        print(f"{each}\n  {person}\n  {question}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
