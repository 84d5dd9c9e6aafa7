"""A suppression that counts from an event must not last longer than the event is kept: it would end early."""

from engine.compiler.checks.subject import Subject
from engine.compiler.problem_list import Problems
from engine.errors import Code
from engine.syntax import Seen, atoms

_ROUNDING_D = 2


def check_kept_events(subject: Subject, problems: Problems) -> None:
    """Refuse suppressions that outlast the history of the event that they count from."""
    for trigger in subject.triggers:
        if trigger.suppression is None:
            continue
        written = set(atoms(trigger.condition))
        for cell in atoms(trigger.suppression):
            if cell in written or not isinstance(cell, Seen) or cell.within is None:
                continue
            kept = subject.catalogue.events[cell.event].keep_days
            if kept is not None and cell.within.longest_days > kept + _ROUNDING_D:
                message = f"the suppression lasts {cell.within}, longer than `{cell.event}` is kept ({kept} days)"
                hint = "raise `keep` in the catalogue, or shorten `for`"
                problems.error(cell.span, message, hint, code=Code.WINDOW_TOO_LONG)
