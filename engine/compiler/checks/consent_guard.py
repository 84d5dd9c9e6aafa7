"""An offer needs marketing consent: some guard has to stop it wherever the customer has not given it."""

from engine.actions import Tier
from engine.compiler.boxes.axes import Wanted
from engine.compiler.boxes.search import Goal, TooManyBoxes
from engine.compiler.checks.subject import Subject
from engine.compiler.problem_list import Problems
from engine.errors import Code
from engine.facts import FactType
from engine.plan import Guard
from engine.syntax import Condition, FactRef, OneOf, facts_read

_CONSENT = "consent."
_PLENTY = 3


def check_consent_guard(subject: Subject, problems: Problems) -> None:
    """Refuse offers that a customer without consent could get past every guard."""
    if subject.guards_span.path in subject.unsound:
        return
    verdict_by_guards: dict[tuple[int, ...], bool] = {}
    unguarded: dict[str, None] = {}
    for action in subject.actions:
        if action.tier is Tier.OFFER:
            at = tuple(at for at, guard in enumerate(subject.guards) if _always_stops(guard, action.position))
            if at not in verdict_by_guards:
                verdict_by_guards[at] = _ask_for_consent(subject, [subject.guards[each] for each in at])
            if not verdict_by_guards[at]:
                unguarded[action.id] = None
    if unguarded:
        message = f"no guard asks for consent to {', '.join(f'`{name}`' for name in list(unguarded)[:_PLENTY])}"
        more = f" and {len(unguarded) - _PLENTY} more offers" if len(unguarded) > _PLENTY else ""
        hint = "offers need marketing consent"
        problems.error(subject.guards_span, message + more, hint, code=Code.MISSING_CONSENT_GUARD)


def _always_stops(guard: Guard, action: int) -> bool:
    return action in guard.actions and not guard.head.validity.bounded


def _ask_for_consent(subject: Subject, guards: list[Guard]) -> bool:
    """Whether whoever passes these guards has given one and the same consent."""
    passed = [Goal(condition=guard.condition, wanted=Wanted.FALSE, guarded=True) for guard in guards]
    return any(_proves(subject, [*passed, _refused(cell)]) for cell in _given(guards))


def _given(guards: list[Guard]) -> list[Condition]:
    """For every consent that some guard reads the cell that it was given."""
    facts: dict[str, FactRef] = {
        fact.name: fact
        for guard in guards
        for fact in facts_read(guard.condition)
        if fact.name.startswith(_CONSENT) and fact.spec.type is FactType.BOOLEAN
    }
    span = guards[0].head.span if guards else None
    return [OneOf(fact, frozenset({True}), f"{name}: true", span) for name, fact in facts.items() if span is not None]


def _refused(cell: Condition) -> Goal:
    return Goal(condition=cell, wanted=Wanted.NOT_TRUE, guarded=True)


def _proves(subject: Subject, goals: list[Goal]) -> bool:
    try:
        return subject.search.nobody(goals)
    except TooManyBoxes:
        return True
