"""Compiles rule files into a bundle: reads them all, reports every problem at once, and only then builds the plan."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.compiler.acceptance import Acceptance, Accepted, acceptances_beside, judge, read_acceptances
from engine.compiler.checks import CHECKS, CHECKS_OF_SOUND_RULES, COMPILER_CODES
from engine.compiler.context import TestSource
from engine.compiler.documents import REQUIRED, parse_all
from engine.compiler.parse import Node
from engine.compiler.planning import plan_of
from engine.compiler.problem_list import Problems
from engine.compiler.rules import read_rules
from engine.errors import Code, RuleErrors, Span
from engine.kept import KeptByRule, kept_by_rules
from engine.plan import Plan
from engine.syntax import Condition

MODEL: Final = "MODEL"
"""The file that names the model a bundle serves with, by its version; without it, whichever is current serves."""
MOST_BYTES: Final = 16_384
"""What one rule may keep of a customer's events."""
_VERSION: Final = re.compile(rb"\s*([0-9a-f]{64})\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Rule files that passed every check, as one immutable thing with one hash."""

    plan: Plan
    tests: tuple[TestSource, ...]
    """The tests that the rule files carry."""
    personas: Mapping[str, Node]
    """The customers that those tests start from, by name, still unread."""
    conditions: tuple[Condition, ...]
    """Every condition that a rule file states, guards' apart: what tests should see true and false."""
    acceptances: tuple[Acceptance, ...]
    """Which warnings the rule files accept; those of later checks among them."""
    accepted: tuple[Accepted, ...]
    """The warnings of the compiler that they accept."""
    model: str | None
    """The version of the model that it serves with; None: the installation's current one."""
    kept: tuple[KeptByRule, ...]
    """What each rule makes the store keep of a customer, most first."""

    @property
    def hash(self) -> str:
        """`sha256:` over the names and bytes of all its files, the reference to its model among them."""
        return self.plan.hash


def compile_bundle(files: Mapping[str, bytes], *, root: str = "rules") -> Bundle:
    """Compile rule files, given by their path below the rules folder; `root` is how diagnostics call that folder.

    Among the files may be `MODEL`, which names the model that the rules serve with.

    Raises:
        RuleErrors: with every error and warning found, in file order.
    """
    problems = Problems()
    model = _model_of(files, root, problems)
    documents = parse_all({name: files[name] for name in files if name != MODEL}, root, problems)
    if not all(name in documents for name in REQUIRED):
        _fail_on_errors(problems, files, root)
    read = read_rules(documents, problems, root)
    if not problems.unread:
        subject = read.rules.subject(read.context)
        for check in CHECKS:
            check(subject, problems)
        for check in () if problems.has_errors else CHECKS_OF_SOUND_RULES:
            check(subject, problems)
    _fail_on_errors(problems, files, root)
    acceptances = read_acceptances(files, root)
    verdict = judge(problems.sorted(), acceptances, COMPILER_CODES)
    plan = plan_of(read, hash_of(files), verdict.standing)
    kept = kept_by_rules(read.rules.by_rule(), plan.catalogue, plan.event_layout)
    for each in kept:
        if each.bytes > MOST_BYTES:
            message = f"`{each.rule}` would keep up to {each.bytes:,} bytes of a customer, {MOST_BYTES:,} at most"
            hint = "shorten windows, or let it read fewer facts that are counted of events"
            problems.error(each.span, message, hint, code=Code.KEEPS_TOO_MUCH)
    _fail_on_errors(problems, files, root)
    return Bundle(
        plan=plan,
        tests=tuple(read.context.tests),
        personas=read.personas,
        conditions=tuple(read.rules.stated()),
        acceptances=acceptances,
        accepted=verdict.accepted,
        model=model,
        kept=kept,
    )


def _model_of(files: Mapping[str, bytes], root: str, problems: Problems) -> str | None:
    if MODEL not in files:
        return None
    named = _VERSION.fullmatch(files[MODEL])
    if named is None:
        span = Span(f"{root}/{MODEL}" if root else MODEL)
        problems.error(span, "this is no version of a model", "64 hexadecimal digits, as `nextbest models` lists them")
        return None
    return named[1].decode()


def hash_of(files: Mapping[str, bytes]) -> str:
    """`sha256:` over names and contents, independent of order."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return f"sha256:{digest.hexdigest()}"


def _fail_on_errors(problems: Problems, files: Mapping[str, bytes], root: str) -> None:
    """An error somewhere leaves accepted warnings accepted; whether an acceptance is of use is asked of sound rules."""
    if not problems.has_errors:
        return
    found = problems.sorted()
    accepting = acceptances_beside(files, root, found)
    raise RuleErrors(judge(found, accepting, looked_for=()).standing)
