"""Several files of one id: each counts in its own window of days, and together they are one rule."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from engine.compiler.action_files import ReadAction
from engine.compiler.context import read_validity
from engine.compiler.form import Form
from engine.compiler.nodes import plain
from engine.compiler.problem_list import Problems
from engine.errors import Code
from engine.plan import Validity

_HINT: Final = "two of one name need disjoint windows: `valid: {from, to}`"
_LASTING: Final[tuple[tuple[str, Callable[[ReadAction], object]], ...]] = (
    ("group", lambda read: read.action.group),
    ("gives", lambda read: read.action.gives),
    ("tier", lambda read: read.action.tier),
    ("show", lambda read: read.action.only_when_promoted),
    ("formerly", lambda read: read.action.hash),
    ("terms.hold", lambda read: read.action.terms_hold_s),
    ("never_with", lambda read: read.never_with),
    ("contact", lambda read: plain(read.contact.node)),
)
"""What an action is for good: histories, caps and journeys reach across its windows."""


def apart(forms: Iterable[Form], kind: str, problems: Problems) -> list[Form]:
    """The forms without those whose name and days another one before has taken."""
    windows: dict[str, list[Validity]] = {}
    kept = []
    for form in forms:
        name, window = form.text(kind), read_validity(Form(form.node, Problems(), form.what))
        others = windows.setdefault(name, [])
        if any(_overlap(window, other) for other in others):
            message = f"the {kind} `{name}` is declared twice"
            problems.error(form.key_span(kind), message, _HINT, code=Code.OVERLAPPING_VALIDITY)
            continue
        others.append(window)
        kept.append(form)
    return kept


def differently_named(forms: Iterable[Form], kind: str, problems: Problems) -> list[Form]:
    """The forms, which count on all days, without those whose name another one before has taken."""
    kept: dict[str, Form] = {}
    for form in forms:
        if kept.setdefault(form.text(kind), form) is not form:
            problems.error(
                form.key_span(kind), f"the {kind} `{form.text(kind)}` is declared twice", code=Code.DUPLICATE
            )
    return list(kept.values())


def _overlap(one: Validity, other: Validity) -> bool:
    return one.first_day <= other.last_day and other.first_day <= one.last_day


def joined(reads: Sequence[ReadAction], problems: Problems) -> ReadAction:
    """One action of all its files, which have to agree on what it is for good."""
    first, *others = reads
    if not others:
        return first
    for other in others:
        for key, said in _LASTING:
            if said(other) != said(first):
                message = f"the files of `{first.action.id}` must agree on `{key}`"
                problems.error(other.rules.head.span, message, f"as {first.rules.head.span.path} says it")
    return replace(
        first,
        action=replace(first.action, value_minor=None, terms_vary=any(each.action.terms_vary for each in reads)),
        rules=replace(first.rules, others=tuple(each.rules for each in others)),
        values=tuple(value for each in reads for value in each.values),
        terms=tuple(terms for each in reads for terms in each.terms),
        treatments=tuple(treatment for each in reads for treatment in each.treatments),
    )
