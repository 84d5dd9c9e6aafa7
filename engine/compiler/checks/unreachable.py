"""Treatments and rows of value tables that never count, because what stands above them takes every customer."""

from collections.abc import Iterator, Sequence

from engine.compiler.action_files import ReadTreatment
from engine.compiler.boxes.axes import Wanted
from engine.compiler.boxes.search import Goal
from engine.compiler.boxes.wording import first_span
from engine.compiler.checks.impossible import on_channel
from engine.compiler.checks.subject import Subject, is_nobody
from engine.compiler.problem_list import Problems
from engine.errors import Code
from engine.ids import FactName
from engine.syntax import Present


def check_unreachable(subject: Subject, problems: Problems) -> None:
    """Warn of what is written and never used."""
    for at in range(len(subject.actions)):
        _check_rows(subject, at, problems)
        for read in subject.treatments[at]:
            _check_treatment(subject, at, read, problems)


def _check_rows(subject: Subject, at: int, problems: Problems) -> None:
    table = subject.values.get(at)
    above: list[Goal] = []
    for condition, _ in () if table is None else table.rows[:-1]:
        span = first_span(condition) or subject.action_rules[at].head.span
        goals = [Goal(condition=condition), *above]
        if above and is_nobody(subject, problems, span, "unused rows", goals):
            message = "this row never counts: the rows above it take every customer whom it matches"
            problems.warning(span, message, "put the narrower row first", code=Code.SHADOWED)
        above.append(Goal(condition=condition, wanted=Wanted.NOT_TRUE))


def _check_treatment(subject: Subject, at: int, read: ReadTreatment, problems: Problems) -> None:
    above = [list(_above(subject.treatments[at], read, place)) for place in read.placements]
    if not above or not all(above):
        return
    span = read.treatment.span

    own = [Goal(condition=read.condition), on_channel(subject, read.channel)]
    own += [Goal(condition=cell) for cell in _known(subject, read)]
    left = ([*own, *(_not_fitting(subject, each) for each in found)] for found in above)
    if all(is_nobody(subject, problems, span, "unused treatments", goals) for goals in left):
        first = above[0][0].treatment
        message = f"the treatment `{read.treatment.id}` never shows: those above it, from `{first.id}` on, always fit"
        problems.warning(span, message, "put the narrower treatment first", code=Code.SHADOWED)


def _above(treatments: Sequence[ReadTreatment], read: ReadTreatment, place: str) -> Iterator[ReadTreatment]:
    """The treatments of one placement that are tried before, on every day, in every language and arm of this one."""
    mine = read.treatment
    for other in treatments:
        if other is read:
            return
        theirs = other.treatment
        if (
            other.channel == read.channel
            and place in other.placements
            and theirs.locale in (None, mine.locale)
            and theirs.arm in (None, mine.arm)
            and theirs.first_day <= mine.first_day
            and theirs.last_day >= mine.last_day
        ):
            yield other


def _not_fitting(subject: Subject, read: ReadTreatment) -> Goal:
    unknown = [(Goal(condition=cell, wanted=Wanted.NOT_TRUE),) for cell in _known(subject, read)]
    return Goal(options=((Goal(condition=read.condition, wanted=Wanted.NOT_TRUE),), *unknown))


def _known(subject: Subject, read: ReadTreatment) -> Iterator[Present]:
    for name in read.treatment.placeholders:
        yield known(subject, name, read)


def known(subject: Subject, name: FactName, read: ReadTreatment) -> Present:
    """What a placeholder asks: its fact has a value."""
    return Present(subject.facts[name], f"{name}: present", read.treatment.span)
