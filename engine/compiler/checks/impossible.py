"""A condition that can never hold: what nobody can match at once, with the places that contradict each other."""

from collections.abc import Iterator, Sequence

from engine.compiler.boxes.axes import Region, Wanted, channel_axis, moment_axis
from engine.compiler.boxes.domain import Domain, spans_of
from engine.compiler.boxes.search import Goal
from engine.compiler.boxes.wording import asked, place_of
from engine.compiler.checks.subject import Subject, is_nobody
from engine.compiler.problem_list import Problems
from engine.errors import Code, Span
from engine.plan import Trigger
from engine.syntax import ALWAYS, Compare, LastAgo, Seen, SeenSince, atoms


def check_impossible(subject: Subject, problems: Problems) -> None:
    """Report every condition that no customer can match; a cell that may hang on something else is taken as free."""
    for span, goals in _questions(subject):
        sound = span.path not in subject.unsound
        if sound and is_nobody(subject, problems, span, "impossible conditions", goals):
            _report(subject, span, subject.search.reasons(goals), problems)


def _questions(subject: Subject) -> Iterator[tuple[Span, list[Goal]]]:
    for rules in subject.action_rules:
        yield rules.head.span, [Goal(condition=condition) for condition, _ in rules.stages]
    for theme in subject.themes:
        yield theme.head.span, [Goal(condition=theme.condition)]
    for trigger in subject.triggers:
        yield trigger.head.span, [Goal(condition=trigger.condition), *at_its_moments(subject, trigger)]
        if trigger.suppression is not None:
            yield trigger.head.span, [Goal(condition=trigger.suppression)]
    for guard in subject.guards:
        yield guard.head.span, [Goal(condition=guard.condition, wanted=Wanted.NOT_FALSE, guarded=True)]
    for need in subject.needs:
        yield need.span, [Goal(condition=need.condition)]
    yield from _of_values_and_treatments(subject)


def _of_values_and_treatments(subject: Subject) -> Iterator[tuple[Span, list[Goal]]]:
    for at, rules in enumerate(subject.action_rules):
        table = subject.values.get(at)
        for condition, _ in () if table is None else table.rows:
            if condition != ALWAYS:
                yield rules.head.span, [Goal(condition=condition)]
        for read in subject.treatments[at]:
            if read.condition != ALWAYS:
                yield read.treatment.span, [Goal(condition=read.condition), on_channel(subject, read.channel)]


def at_its_moments(subject: Subject, trigger: Trigger) -> list[Goal]:
    """The moments at which a trigger promotes."""
    if trigger.moments is None:
        return []
    names = list(dict.fromkeys(name for each in subject.channels for name in each.initiated_by_bank))
    domain = Domain(spans_of({names.index(name) for name in trigger.moments}))
    return [Goal(region=Region(moment_axis(subject.channels), domain), what="its moments are few")]


def on_channel(subject: Subject, position: int) -> Goal:
    """A channel of the question."""
    what = f"shows on `{subject.channels[position].id}` alone"
    return Goal(region=Region(channel_axis(subject.channels), Domain(((position, position),))), what=what)


def _report(subject: Subject, span: Span, reasons: Sequence[Goal], problems: Problems) -> None:
    places = [place for goal in reasons if (place := place_of(goal)) is not None]
    compared = [goal.condition for goal in reasons if isinstance(goal.condition, Compare)]
    if len(compared) == len(reasons) == 2 and len(set(places)) == 1:
        return  # A range that is empty in itself is reported where it is read.
    at = max((place for place in places if place.path == span.path), default=span)
    problems.error(
        at,
        f"no customer can match: {asked([*reasons, *_behind(subject, reasons)], at.path)}",
        code=Code.IMPOSSIBLE_CONDITION,
    )


def _behind(subject: Subject, reasons: Sequence[Goal]) -> Iterator[Goal]:
    """What the needs among the reasons ask in turn: it may stand in another file."""
    by_name = {str(need.name): need for need in subject.needs}
    for goal in reasons:
        for atom in atoms(goal.condition) if goal.condition is not None else ():
            if not isinstance(atom, Seen | LastAgo | SeenSince) and atom.fact.name in by_name:
                yield Goal(condition=by_name[atom.fact.name].condition, wanted=goal.wanted)
