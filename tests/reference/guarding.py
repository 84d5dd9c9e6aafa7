"""Draws banks, customers and wishes from a seed, and sees that no decision passes a guard, in whatever arm.

    python -m tests.reference.guarding --decisions 1_000_000      as many as asked, on every core
    python -m tests.reference.guarding --seed 7 --bank 4711       one bank again, with its files and what is wrong

What guards stop is found by the slow evaluator. Of every decision it is also seen that each action is accounted for
exactly once, that chances are whole, that no budget gives more than it has left, and that it comes out the same when
it is made again from its scores. Some banks rank by formulas of their own.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Final

from engine import Decision, Plan, Request, Snapshot, decide
from engine.budgets import Left
from engine.decision import WHOLE, Filled
from engine.ports import Outlook, Scorer, ScoringContext
from engine.reasons import Reason
from tests.builders import SteadyScorer
from tests.reference.chunks import in_chunks
from tests.reference.drawing.people import Case, seeded_case
from tests.reference.evaluator import Evaluator
from tests.reference.natural import Person, Question
from tests.reference.translation import budget_left, documents_of, floats, plan_of, request_of, snapshot_of

PEOPLE: Final = 32
KEYS: Final = tuple(f"a key of bank {number}".encode() for number in range(6))
"""Under each of them customers are in other arms."""
PER_BANK: Final = PEOPLE * len(KEYS)
_MOST_FAULTS: Final = 5
_RANKED: Final = {Reason.CHOSEN, Reason.OUTRANKED, Reason.HOLDOUT}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A decision that should not be."""

    bank: int
    person: int
    what: str


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What came of some banks."""

    decisions: int
    guarded: int
    """Actions that guards stopped, over all decisions."""
    arms: Counter[str]
    ways: Counter[str]
    """How many decisions ranked by a formula, and how many drew on a budget or found one spent."""
    faults: tuple[Fault, ...]


class _Recorded:
    """Gives back scores, and none for an action that had none."""

    version = "recorded"

    def __init__(self, decision: Decision, scorer: Scorer) -> None:
        self._scores = {each.action: each.propensity for each in decision.scored}
        self._scorer = scorer

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        """See `Scorer.score`."""
        return [self._scores[candidate] for candidate in candidates]

    def positives(self, channel: int) -> Sequence[int]:
        """See `Scorer.positives`."""
        return self._scorer.positives(channel)

    def outlook(self) -> Outlook:
        """See `Scorer.outlook`."""
        return self._scorer.outlook()


def look(seed: int, banks: Sequence[int]) -> Seen:
    """Decide for every customer of some banks, under every key."""
    faults: list[Fault] = []
    arms: Counter[str] = Counter()
    ways: Counter[str] = Counter()
    guarded = 0
    for bank in banks:
        case = seeded_case(seed, bank, PEOPLE)
        plan = plan_of(case)
        for number, (person, question) in enumerate(case.people):
            stopped = stopped_in(plan, case, person, question)
            guarded += len(stopped) * len(KEYS)
            found = _faults_of(plan, person, question, stopped, arms, ways)
            faults.extend(Fault(bank=bank, person=number, what=what) for what in found)
    shown = tuple(faults[:_MOST_FAULTS])
    return Seen(decisions=len(banks) * PER_BANK, guarded=guarded, arms=arms, ways=ways, faults=shown)


def stopped_in(plan: Plan, case: Case, person: Person, question: Question) -> frozenset[int]:
    """The actions that guards stop for a customer, as the slow evaluator finds them."""
    names = Evaluator(documents_of(case), person, question, b"").guarded()
    return frozenset(action.position for action in plan.actions if action.id in names)


def _faults_of(
    plan: Plan,
    person: Person,
    question: Question,
    stopped: frozenset[int],
    arms: Counter[str],
    ways: Counter[str],
) -> Iterator[str]:
    snapshot, asked = snapshot_of(plan, person), request_of(plan, question)
    scorer = SteadyScorer(plan, floats(question.propensities), positives=100)
    for number, key in enumerate(KEYS):
        request = _wished(asked, number)
        decision = _decided(plan, request, snapshot, question, scorer, key)
        arms.update(f"{plan.experiments[at].subject}: {arm}" for at, arm in decision.arms.items())
        ways.update(ways_of(plan, decision))
        yield from faults_in(decision, stopped)
        yield from overspent_in(decision, budget_left(plan, question))
        again = _decided(plan, request, snapshot, question, _Recorded(decision, scorer), key)
        if comparable(again) != comparable(decision):
            yield f"made again it is {comparable(again)}, and was {comparable(decision)}"


def _wished(asked: Request, number: int) -> Request:
    """The question with other wishes that a caller may have."""
    if number % 3 == 0:
        return asked
    return replace(asked, prefetch=number % 2 == 0, retry=number, only=None, exclude=frozenset({number % 3}))


def _decided(
    plan: Plan, request: Request, snapshot: Snapshot, question: Question, scorer: Scorer, key: bytes
) -> Decision:
    return decide(
        plan=plan,
        request=request,
        snapshot=snapshot,
        scorer=scorer,
        baseline=scorer,
        now=question.now,
        exploration_key=key,
        budget_left=budget_left(plan, question),
    )


def ways_of(plan: Plan, decision: Decision) -> Iterator[str]:
    """What a decision had to do with a formula and with budgets."""
    if plan.ranking is not None and decision.profiling and decision.ranking:
        yield "ranked by a formula"
    if decision.draws:
        yield "drew on a budget"
    if Reason.BUDGET_SPENT in decision.codes:
        yield "found a budget spent"


def overspent_in(decision: Decision, left: Left) -> Iterator[str]:
    """Budgets that gave more than they had; one of which nobody knows has nothing."""
    drawn = Counter(each.budget for each in decision.draws)
    for budget, offers in left.items():
        if drawn[budget] > max(offers, 0):
            yield f"the budget {budget} gave {drawn[budget]} offers and had {offers}"


def faults_in(decision: Decision, stopped: frozenset[int]) -> Iterator[str]:
    """What is wrong with a decision, where guards stop some actions."""
    shown, ghosts = _actions(decision.filled), _actions(decision.ghosts)
    considered = {each.action for each in decision.scored}
    if stopped & {*shown, *ghosts, *considered}:
        yield f"a guard stops {sorted(stopped & {*shown, *ghosts, *considered})}, and they came further"
    codes = [Reason(code) for code in decision.codes]
    if Reason.OPEN in codes:
        yield f"nothing is said of {codes.index(Reason.OPEN)}"
    if len(set(shown)) < len(shown):
        yield f"something is shown twice: {shown}"
    if {at for at, code in enumerate(codes) if code is Reason.CHOSEN} != set(shown):
        yield f"{shown} are shown, and others are called chosen"
    if {at for at, code in enumerate(codes) if code in _RANKED} != {each.action for each in decision.ranking}:
        yield "what was ranked and what was rejected are not apart"
    for each in (*decision.filled, *decision.ghosts):
        for option in each.options:
            if option.draw is not None and sum(option.draw.weights) != WHOLE:
                yield f"the chances at {each.placement.id} are not whole"
            if not 0 < option.chance <= 1:
                yield f"{option.candidate.action} has the chance {option.chance}"


def _actions(filled: Sequence[Filled]) -> list[int]:
    return [option.candidate.action for each in filled for option in each.options]


def comparable(decision: Decision) -> tuple[object, ...]:
    """A decision as values that can be compared."""
    return (
        bytes(decision.codes),
        [(each.action, each.priority) for each in decision.ranking],
        [
            (filled.placement.id, option.candidate.action, option.treatment.id, option.valid_until, option.chance)
            for fills in (decision.filled, decision.ghosts)
            for filled in fills
            for option in filled.options
        ],
        list(decision.new_contacts),
        dict(decision.arms),
        [(each.budget, each.amount, each.at, each.action_hash, each.until_s) for each in decision.draws],
    )


def run(seed: int, decisions: int, workers: int = 1) -> Iterator[Seen]:
    """So many decisions of a seed, a chunk of banks at a time."""
    banks = range((decisions + PER_BANK - 1) // PER_BANK)
    return in_chunks(look, seed, banks, workers)


# --- the command -----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """0 where every decision is as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.reference.guarding", description=__doc__)
    parser.add_argument("--decisions", type=_count, default=100_000, help="at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--bank", type=_count, help="one bank alone, with its files")
    asked = parser.parse_args(arguments)
    if asked.bank is not None:
        return _show(asked.seed, asked.bank)
    started, done, guarded, faults = perf_counter(), 0, 0, list[Fault]()
    arms, ways = Counter[str](), Counter[str]()
    for seen in run(asked.seed, asked.decisions, asked.workers):
        done, guarded, arms, ways = done + seen.decisions, guarded + seen.guarded, arms + seen.arms, ways + seen.ways
        faults += seen.faults
        print(f"\rseed {asked.seed}: {done:,} decisions", end="", file=sys.stderr, flush=True)
        if faults:
            break
    print(file=sys.stderr)
    for fault in faults[:_MOST_FAULTS]:
        print(f"bank {fault.bank}, person {fault.person}: {fault.what}")
    took = perf_counter() - started
    print(f"{done:,} decisions of seed {asked.seed} in {took:.0f} s; {guarded:,} actions guarded; {len(faults)} faults")
    print(f"ways: {', '.join(f'{way} {count:,}' for way, count in sorted(ways.items()))}")
    print(f"arms: {', '.join(f'{arm} {count:,}' for arm, count in sorted(arms.items()))}")
    return bool(faults)


def _count(text: str) -> int:
    return int(text.replace("_", ""))


def _show(seed: int, bank: int) -> int:
    for path, text in seeded_case(seed, bank, PEOPLE).files.items():
        print(f"--- {path}\n{text}")
    seen = look(seed, [bank])
    for fault in seen.faults:
        print(f"person {fault.person}: {fault.what}")
    return bool(seen.faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
