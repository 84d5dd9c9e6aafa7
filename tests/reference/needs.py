"""Draws banks and customers from a seed, and compares the needs and themes that durable-rules infers with those of the
generated code.

    python -m tests.reference.needs --customers 100_000     as many as asked, on every core
    python -m tests.reference.needs --seed 7 --bank 4711    one bank again, with its files and the differences
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from api.worker.inference.chaining import Chainer
from api.worker.inference.messages import Facts
from api.worker.inference.needs import chain_of, concluded
from engine.compiler.need_program import NeedProgram, need_program
from engine.generated import Row
from engine.ids import FactName
from engine.plan import Plan
from engine.row import assemble
from tests.reference.chunks import in_chunks
from tests.reference.drawing.people import Case, seeded_case
from tests.reference.translation import plan_of, request_of, snapshot_of

PEOPLE = 32
_MOST_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Inferred:
    """What is concluded of somebody."""

    active: frozenset[FactName]
    by_block: frozenset[FactName]
    """The needs whose own block holds, whatever lasts."""
    themes: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Somebody of whom the two conclude otherwise."""

    bank: int
    person: int
    found: Inferred
    expected: Inferred


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of some banks."""

    customers: int
    active: int
    """Needs that were active."""
    only_lasting: int
    """Of them those whose block no longer holds."""
    themes: int
    unknown: int
    """Numbers that could not be told, because a fact was unknown."""
    differences: tuple[Difference, ...]


def judge(seed: int, banks: Sequence[int]) -> Outcome:
    """Compare every customer of some banks."""
    found = [each for bank in banks for each in judged(seeded_case(seed, bank, PEOPLE), bank)]
    return Outcome(
        customers=len(found),
        active=sum(len(expected.active) for _, expected, _ in found),
        only_lasting=sum(len(expected.active - expected.by_block) for _, expected, _ in found),
        themes=sum(len(expected.themes) for _, expected, _ in found),
        unknown=sum(unknown for _, _, unknown in found),
        differences=tuple(each for each, _, _ in found if each is not None),
    )


def judged(
    case: Case, bank: int, changed: Callable[[NeedProgram], NeedProgram] = lambda program: program
) -> Iterator[tuple[Difference | None, Inferred, int]]:
    """For every customer of a bank: where the two differ, what the generated code says, and how much was unknown."""
    plan = plan_of(case)
    program = changed(need_program(plan))
    chainer = Chainer(chain_of(program))
    most = len(_told(program, [0] * plan.layout.width)) if program.rule_count else 0
    for number, (person, question) in enumerate(case.people):
        row = assemble(plan, request_of(plan, question), snapshot_of(plan, person), question.now)
        facts = _told(program, row)
        found, expected = inferred(program, chainer.infer(facts)), by_generated_code(plan, row)
        difference = None
        if found != expected:
            difference = Difference(bank=bank, person=number, found=found, expected=expected)
        yield difference, expected, max(0, most - len(facts))


def _told(program: NeedProgram, row: Row) -> Facts:
    facts: Facts = {}
    program.told(row, facts)
    return facts


def inferred(program: NeedProgram, rules: Sequence[str]) -> Inferred:
    """What the rules that hold conclude."""
    active, themes = concluded(program, rules)
    conclusions = [program.conclusions[rule] for rule in rules]
    by_block = frozenset(each.need for each in conclusions if each.need is not None and not each.lasting)
    return Inferred(active=active, by_block=by_block, themes=themes)


def by_generated_code(plan: Plan, row: Row) -> Inferred:
    """The same by the code that decisions run; themes and blocks by the conditions themselves."""
    return Inferred(
        active=frozenset(each.name for each in plan.needs if row[plan.layout.slot_by_fact[each.name]] is True),
        by_block=frozenset(each.name for each in plan.needs if plan.tracer.truth(each.condition, row)),
        themes=frozenset(at for at, each in enumerate(plan.themes) if plan.tracer.truth(each.condition, row)),
    )


def run(seed: int, customers: int, workers: int = 1) -> Iterator[Outcome]:
    """So many customers of a seed, a chunk of banks at a time."""
    return in_chunks(judge, seed, range((customers + PEOPLE - 1) // PEOPLE), workers)


# --- the command -----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """0 where everything agrees, 1 where something does not."""
    parser = argparse.ArgumentParser(prog="python -m tests.reference.needs", description=__doc__)
    parser.add_argument("--customers", type=_count, default=10_000, help="at least so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--bank", type=_count, help="one bank alone, with everything that is known of it")
    asked = parser.parse_args(arguments)
    return _show(asked.seed, asked.bank) if asked.bank is not None else _run(asked)


def _count(text: str) -> int:
    return int(text.replace("_", ""))


def _run(asked: argparse.Namespace) -> int:
    started = perf_counter()
    done = active = lasting = themes = unknown = 0
    differences: list[Difference] = []
    for outcome in run(asked.seed, asked.customers, asked.workers):
        done += outcome.customers
        active += outcome.active
        lasting += outcome.only_lasting
        themes += outcome.themes
        unknown += outcome.unknown
        differences += outcome.differences
        print(f"\rseed {asked.seed}: {done:,} customers", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for each in differences[:_MOST_SHOWN]:
        print(f"bank {each.bank}, person {each.person}:\n  found    {each.found}\n  expected {each.expected}")
        print(f"  again with --seed {asked.seed} --bank {each.bank}")
    print(
        f"{done:,} customers of seed {asked.seed} in {perf_counter() - started:.1f} s; {len(differences)} differences"
    )
    print(
        f"{active:,} needs were active, {lasting:,} of them because they last; {themes:,} themes; {unknown:,} unknown"
    )
    return bool(differences)


def _show(seed: int, bank: int) -> int:
    case = seeded_case(seed, bank, PEOPLE)
    for path, text in case.files.items():
        print(f"--- {path}\n{text}")
    found = [each for each, _, _ in judged(case, bank) if each is not None]
    for each in found:
        print(each, *case.people[each.person], sep="\n  ")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
