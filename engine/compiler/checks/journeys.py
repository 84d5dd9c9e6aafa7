"""A journey step that gives no product and that nobody can accept is never done, so the journey would stop there."""

from engine.compiler.checks.subject import Subject
from engine.compiler.form import Problems
from engine.errors import Code


def check_journeys(subject: Subject, problems: Problems) -> None:
    """Warn where a step cannot be done, and refuse a step that stands in one journey twice."""
    for theme in subject.themes:
        for step in theme.journey:
            action = subject.actions[step]
            if action.gives is None and theme.accept_counts is None:
                message = f"the step `{action.id}` gives no product, so it is never done"
                hint = "add `accept_counts: 90d` to the theme"
                problems.warning(theme.head.span, message, hint, code=Code.STEP_NEVER_DONE)
        if len(set(theme.journey)) < len(theme.journey):
            problems.error(theme.head.span, "an action stands in the journey twice", code=Code.DUPLICATE)
