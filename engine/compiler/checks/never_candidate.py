"""An action that can never be a candidate: its conditions, guards, suppressions, reasons and places leave nobody."""

from collections.abc import Iterator

from engine.compiler.action_files import ReadTreatment
from engine.compiler.boxes.axes import Region, Wanted, today_axis
from engine.compiler.boxes.domain import Domain
from engine.compiler.boxes.search import Goal
from engine.compiler.boxes.wording import asked
from engine.compiler.checks.impossible import at_its_moments, on_channel
from engine.compiler.checks.subject import Subject, is_nobody
from engine.compiler.problem_list import Problems
from engine.errors import Code
from engine.plan import Trigger, Validity
from engine.syntax import Present


def check_never_candidate(subject: Subject, problems: Problems) -> None:
    """Refuse actions that no customer can be offered, with the least that stands in the way."""
    for action, rules in zip(subject.actions, subject.action_rules, strict=True):
        span = rules.head.span
        goals = [Goal(condition=condition) for condition, _ in rules.stages]
        goals += [*valid_days(rules.head.validity), *_in_the_way(subject, action.position)]
        if (shown := _shown(subject, action.position, rules.head.validity)) is not None:
            goals.append(shown)
        if action.only_when_promoted:
            goals.append(_promoted(subject, action.position))
        if is_nobody(subject, problems, span, "whether it can ever be a candidate", goals):
            reasons = asked(subject.search.reasons(goals), span.path)
            message = f"`{action.id}` can never be a candidate: {reasons}"
            problems.error(span, message, "no customer passes all of these", code=Code.NEVER_CANDIDATE)


def _in_the_way(subject: Subject, action: int) -> Iterator[Goal]:
    """What must be false of the customer: guards and suppressions that count at all times."""
    for guard in subject.guards:
        if action in guard.actions and not guard.head.validity.bounded:
            what = f"(the guard `{_name(guard.head.rule)}`) passes"
            yield Goal(condition=guard.condition, wanted=Wanted.FALSE, guarded=True, what=what)
    for trigger in subject.triggers:
        if trigger.suppression is not None and action in trigger.suppresses and not trigger.head.validity.bounded:
            yield _not_suppressed(subject, trigger)


def _not_suppressed(subject: Subject, trigger: Trigger) -> Goal:
    assert trigger.suppression is not None
    what = f"(the suppression `{_name(trigger.head.rule)}`) passes"
    free = Goal(condition=trigger.suppression, wanted=Wanted.FALSE, what=what)
    elsewhere = [
        Goal(region=Region(goal.region.axis, Domain(goal.region.axis.universe.spans).without(goal.region.domain)))
        for goal in at_its_moments(subject, trigger)
        if goal.region is not None
    ]
    what = f"{trigger.head.span} suppresses it"
    return Goal(options=((free,), tuple(elsewhere)), what=what) if elsewhere else free


def _shown(subject: Subject, action: int, days: Validity) -> Goal | None:
    """Some treatment fits on the days of a file; None where there is none, which is reported where it is read."""
    options = []
    for read in subject.treatments[action]:
        if not _is_accepted(subject, action, read):
            continue
        known = [Goal(condition=cell) for cell in _known(read.treatment.placeholders, subject, action)]
        valid = Validity(first_day=read.treatment.first_day, last_day=read.treatment.last_day)
        channel = on_channel(subject, read.channel)
        narrower = () if valid == days else valid_days(valid)
        options.append((Goal(condition=read.condition), channel, *known, *narrower))
    return Goal(options=tuple(options), what="none of its treatments fits") if subject.treatments[action] else None


def _is_accepted(subject: Subject, action: int, read: ReadTreatment) -> bool:
    placements = subject.channels[read.channel].placements
    group = subject.actions[action].group
    return any(not placements[each].accepts or group in (placements[each].accepts or ()) for each in read.placements)


def _known(names: tuple[str, ...], subject: Subject, action: int) -> Iterator[Present]:
    span = subject.action_rules[action].head.span
    yield from (Present(subject.facts[name], f"{name}: present", span) for name in names if name in subject.facts)


def _promoted(subject: Subject, action: int) -> Goal:
    """Some trigger or theme gives a reason to show it, and nothing turns reasons off."""
    options = [
        (Goal(condition=each.condition), *at_its_moments(subject, each), *valid_days(each.head.validity))
        for each in subject.triggers
        if any(promoted == action for promoted, _ in each.promotes)
    ]
    options += [
        (Goal(condition=each.condition), *valid_days(each.head.validity))
        for each in subject.themes
        if action in each.journey
    ]
    return Goal(options=tuple(options), what="no trigger or theme promotes it for anybody whom it may be shown to")


def valid_days(validity: Validity) -> list[Goal]:
    """The days on which a rule counts."""
    if not validity.bounded:
        return []
    domain = Domain(((max(1, validity.first_day), min(3_652_059, validity.last_day)),))
    return [Goal(region=Region(today_axis(), domain), what="it is valid for some days only")]


def _name(rule: str) -> str:
    return rule.partition("/")[2]
