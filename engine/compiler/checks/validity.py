"""Windows of validity that do not meet: a rule that counts only while nothing that it speaks of does."""

from collections.abc import Iterator

from engine.compiler.checks.subject import Subject
from engine.compiler.problem_list import Problems
from engine.errors import Code
from engine.plan import RuleHead, Validity


def check_validity(subject: Subject, problems: Problems) -> None:
    """Warn of rules that never count together with any of their actions."""
    for head, actions in _rules(subject):
        windows = [each.head.validity for action in actions for each in subject.action_rules[action].versions]
        if windows and not any(_meet(head.validity, window) for window in windows):
            names = ", ".join(f"`{subject.actions[action].id}`" for action in actions[:3])
            message = f"this is valid only while {names} {'is' if len(actions) == 1 else 'are'} not"
            problems.warning(head.span, message, "let the windows overlap", code=Code.NEVER_IN_FORCE)


def _rules(subject: Subject) -> Iterator[tuple[RuleHead, tuple[int, ...]]]:
    for trigger in subject.triggers:
        yield trigger.head, tuple(dict.fromkeys((*(action for action, _ in trigger.promotes), *trigger.suppresses)))
    for theme in subject.themes:
        yield theme.head, theme.journey
    for lever in subject.levers:
        yield lever.head, lever.actions


def _meet(window: Validity, other: Validity) -> bool:
    return window.first_day <= other.last_day and other.first_day <= window.last_day
