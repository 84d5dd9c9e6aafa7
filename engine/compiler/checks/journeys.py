"""A journey step that gives no product and that nobody can accept is never done, so the journey would stop there."""

from engine.compiler.checks.subject import Subject
from engine.compiler.problem_list import Problems
from engine.errors import Code


def check_journeys(subject: Subject, problems: Problems) -> None:
    """Warn where a step cannot be done, and refuse a step that stands in one journey twice."""
    for theme in subject.themes:
        action_by_id = {str(subject.actions[step].id): subject.actions[step] for step in theme.journey}
        seen: set[str] = set()
        for word in subject.words(theme.head, "journey"):
            action = action_by_id.get(word.text)
            if word.text in seen:
                message = f"`{word.text}` stands in the journey twice"
                problems.error(word.span, message, "leave it in once", code=Code.DUPLICATE)
            elif action is not None and action.gives is None and theme.accept_counts is None:
                message = f"the step `{word.text}` gives no product, so it is never done"
                hint = "add `accept_counts: 90d` to the theme"
                problems.warning(word.span, message, hint, code=Code.STEP_NEVER_DONE)
            seen.add(word.text)
